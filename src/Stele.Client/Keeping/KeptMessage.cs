using System.Text.Json;
using Stele.Client.Following;

namespace Stele.Client.Keeping;

/// <summary>What is on disk, before it is encrypted.</summary>
internal sealed record KeptMessage(long Revision, DateTimeOffset ConfirmedAt, IReadOnlyList<KeptItem> Items)
{
    internal static KeptMessage Of(Held held, DateTimeOffset at, bool withSecrets) => new(held.Revision, at, [.. held.Items.Values.Select(item => item.Link is not { } link
        ? new KeptItem(item.Key, item.Value, item.ValueType, item.Version, item.Killed)
        : new KeptItem(item.Key, link.Raw.ValueKind == JsonValueKind.Undefined ? null : link.Raw, item.ValueType, item.Version, item.Killed, link.Path, withSecrets && !item.IsMissing ? item.Text : null))]);

    /// <summary>Whether it is what this release writes: what is sealed may still be of another one.</summary>
    internal bool IsWhole => Revision >= 0 && Items is not null && Items.All(item => item?.Key is not null);

    // without a cursor: whatever is found on disk, the first server that answers is asked for all of it
    internal Held ToHeld() => new(Revision, null, KeyMap<SteleValue>.Of([.. Items.Select(item => KeyValuePair.Create(item.Key, Item(item)))], ignoreCase: false));

    // a value may be null, which is read as none
    static readonly JsonElement JsonNull = JsonElement.Parse("null");

    static SteleValue Item(KeptItem item)
    {
        if (item.Path is not { } path) return new SteleValue(item.Key, item.Value ?? JsonNull, item.Type, item.Version, item.Killed);
        var value = new SteleValue(item.Key, item.Value ?? default, item.Type, item.Version, item.Killed, item.Value is { } raw ? SecretLink.Of(raw, null) : new SecretLink(path, item.Version, default));
        return item.Secret is { } secret ? value.Resolved(JsonSerializer.SerializeToElement(secret, SteleJson.Default.String)) : value;
    }
}

/// <summary>One item of it.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">As it is stored.</param>
/// <param name="Type">Its type.</param>
/// <param name="Version">Its version.</param>
/// <param name="Killed">Of a flag: its kill switch.</param>
/// <param name="Path">The secret that it stands for; null: none.</param>
/// <param name="Secret">That secret's value, if it is kept.</param>
internal sealed record KeptItem(string Key, JsonElement? Value, string? Type, long Version, bool Killed, string? Path = null, string? Secret = null);
