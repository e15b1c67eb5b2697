using System.Text.Json;
using Stele.Client.Following;

namespace Stele.Client.Keeping;

/// <summary>What is on disk, before it is encrypted.</summary>
internal sealed record KeptMessage(long Revision, DateTimeOffset ConfirmedAt, IReadOnlyList<KeptItem> Items)
{
    internal static KeptMessage Of(Held held, DateTimeOffset at) => new(held.Revision, at, [.. held.Items.Values.Select(item => new KeptItem(item.Key, item.Value, item.ValueType, item.Version, item.Killed))]);

    // without a cursor: whatever is found on disk, the first server that answers is asked for all of it
    internal Held ToHeld() => new(Revision, null, Items.ToDictionary(item => item.Key, item => new SteleValue(item.Key, item.Value, item.Type, item.Version, item.Killed), StringComparer.Ordinal));
}

/// <summary>One item of it.</summary>
internal sealed record KeptItem(string Key, JsonElement Value, string? Type, long Version, bool Killed);
