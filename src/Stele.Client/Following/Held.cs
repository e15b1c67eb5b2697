namespace Stele.Client.Following;

/// <summary>What a process holds of an environment at one revision. Immutable, and swapped whole.</summary>
/// <param name="Revision">The revision.</param>
/// <param name="Cursor">Where a watch goes on; null: after the revision.</param>
/// <param name="Items">By key.</param>
internal sealed record Held(long Revision, string? Cursor, Dictionary<string, SteleValue> Items)
{
    internal static Held Nothing { get; } = new(0, null, []);

    /// <summary>What it was made of, and the keys that differ; only until it is admitted, because each would keep the one before.</summary>
    internal (Held Base, IReadOnlyList<string> Keys)? Since { get; set; }

    /// <summary>The same after a revision.</summary>
    internal Held With(WatchEvent change)
    {
        var items = new Dictionary<string, SteleValue>(Items);
        foreach (var one in change.Changes)
            if (one.Op == "set" && one.Value is { } value) items[one.Key] = new SteleValue(one.Key, value, one.ValueType, one.Version, one.Killed);
            else if (one.Op is "set" or "delete") items.Remove(one.Key);
        return new Held(change.Revision, change.Cursor, items) { Since = (this, [.. change.Changes.Select(one => one.Key).Distinct(StringComparer.Ordinal)]) };
    }
}

/// <summary>What to follow.</summary>
/// <param name="Kind"><c>config</c> or <c>flag</c>.</param>
/// <param name="Environment">Null: the token's own.</param>
/// <param name="Prefixes">Beginnings of keys; empty: all.</param>
internal sealed record FollowPlan(string Kind, string? Environment, IReadOnlyList<string> Prefixes);
