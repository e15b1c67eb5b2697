using System.Text.Json;

namespace Stele.Client.Following;

/// <summary>A secret that a value stands for: <c>{"$secret":"path","version"?}</c>, or a secret that is followed itself.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Version">The version that is to be read; null: the current one.</param>
/// <param name="Raw">The value as it is stored; undefined of a secret that is followed itself.</param>
internal sealed record SecretLink(string Path, long? Version, JsonElement Raw)
{
    internal static SecretLink? Of(JsonElement value, long? version) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty("$secret", out var path) && path.ValueKind == JsonValueKind.String
            ? new SecretLink(path.GetString()!, value.TryGetProperty("version", out var pinned) && pinned.TryGetInt64(out var number) ? number : version, value) : null;
}
