using System.Text.Json;
using Stele.Core.Journal;

namespace Stele.Core.Access;

/// <summary>Grants and bindings as events and tables hold them: <c>environments</c> is <c>["*"]</c> for all.</summary>
public static class AccessJson
{
    /// <summary>What stands for all environments.</summary>
    public const string AllEnvironments = "*";

    /// <summary>Grants as a JSON array.</summary>
    public static string Write(IReadOnlyList<Grant> grants) => Text(json => Write(json, grants));

    /// <summary>Bindings as a JSON array.</summary>
    public static string Write(IReadOnlyList<RoleBinding> bindings) => Text(json => Write(json, bindings));

    /// <summary>Reads what <see cref="Write(IReadOnlyList{Grant})"/> wrote; throws <see cref="UnknownEventException"/> for a permission that is not known here.</summary>
    public static IReadOnlyList<Grant> ReadGrants(string text)
    {
        using var document = JsonDocument.Parse(text);
        return ReadGrants(document.RootElement);
    }

    /// <summary>Reads what <see cref="Write(IReadOnlyList{RoleBinding})"/> wrote.</summary>
    public static IReadOnlyList<RoleBinding> ReadBindings(string text)
    {
        using var document = JsonDocument.Parse(text);
        return ReadBindings(document.RootElement);
    }

    internal static void Write(Utf8JsonWriter json, IReadOnlyList<Grant> grants)
    {
        json.WriteStartArray();
        foreach (var grant in grants) Write(json, "permission", Permissions.Name(grant.Permission), grant.Environments, grant.Prefix);
        json.WriteEndArray();
    }

    internal static void Write(Utf8JsonWriter json, IReadOnlyList<RoleBinding> bindings)
    {
        json.WriteStartArray();
        foreach (var binding in bindings) Write(json, "role", binding.Role, binding.Environments, binding.Prefix);
        json.WriteEndArray();
    }

    internal static IReadOnlyList<Grant> ReadGrants(JsonElement array) => [.. array.EnumerateArray().Select(item =>
        new Grant(Permissions.TryParse(item.GetProperty("permission").GetString(), out var permission) ? permission
            : throw new UnknownEventException($"permission '{item.GetProperty("permission").GetString()}' is not known to this server"), Environments(item), item.GetProperty("prefix").GetString()!))];

    internal static IReadOnlyList<RoleBinding> ReadBindings(JsonElement array) => [.. array.EnumerateArray().Select(item =>
        new RoleBinding(item.GetProperty("role").GetString()!, Environments(item), item.GetProperty("prefix").GetString()!))];

    static string[]? Environments(JsonElement item)
    {
        string[] names = [.. item.GetProperty("environments").EnumerateArray().Select(name => name.GetString()!)];
        return names is [AllEnvironments] ? null : names;
    }

    static void Write(Utf8JsonWriter json, string member, string name, IReadOnlyList<string>? environments, string prefix)
    {
        json.WriteStartObject();
        json.WriteString(member, name);
        json.WriteStartArray("environments");
        if (environments is null) json.WriteStringValue(AllEnvironments);
        else
            foreach (var environment in environments) json.WriteStringValue(environment);
        json.WriteEndArray();
        json.WriteString("prefix", prefix);
        json.WriteEndObject();
    }

    static string Text(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream)) write(json);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
