namespace Stele.Client.Following;

/// <summary>What a process holds of an environment at one revision. Immutable, and swapped whole.</summary>
/// <param name="Revision">The revision.</param>
/// <param name="Cursor">Where a watch goes on; null: after the revision.</param>
/// <param name="Items">By key.</param>
internal sealed record Held(long Revision, string? Cursor, KeyMap<SteleValue> Items)
{
    internal static Held Nothing { get; } = new(0, null, KeyMap<SteleValue>.Empty);

    /// <summary>By key; set again only until it is offered, when values of secrets come in.</summary>
    internal KeyMap<SteleValue> Items { get; set; } = Items;

    /// <summary>Whether nothing in it waits for a secret.</summary>
    internal bool IsWhole { get; set; }

    /// <summary>What it was made of, and the keys that differ; only until it is admitted, because each would keep the one before.</summary>
    internal (Held Base, IReadOnlyList<string> Keys)? Since { get; set; }

    /// <summary>The same with secrets beside it, whose paths may be names of values too.</summary>
    internal Held Beside(Held secrets)
    {
        var items = Items.Edit();
        foreach (var (path, secret) in secrets.Items) items[$"secret {path}"] = secret;
        return new Held(Revision, Cursor, items.Map());
    }

    /// <summary>The same after a revision.</summary>
    internal Held With(WatchEvent change)
    {
        var items = Items.Edit();
        foreach (var one in change.Changes)
            if (one.Op == "set" && one.Value is { } value) items[one.Key] = new SteleValue(one.Key, value, one.ValueType, one.Version, one.Killed, one.Kind == "config" ? SecretLink.Of(value, one.Secret?.Version) : null);
            else if (one.Op is "set" or "delete") items.Remove(one.Key);
            else if (one is { Op: "secret_rotated", Kind: "secret" }) items[one.Key] = SteleValue.Secret(one.Key, one.Version);
            else if (one.Op == "secret_rotated" && items.TryGetValue(one.Key, out var referrer) && referrer.IsSecret) items[one.Key] = referrer.Again(one.Secret?.Version);
        return new Held(change.Revision, change.Cursor, items.Map()) { Since = (this, [.. change.Changes.Select(one => one.Key).Distinct(StringComparer.Ordinal)]) };
    }
}

/// <summary>What to follow.</summary>
/// <param name="Kind"><c>config</c>, <c>flag</c> or <c>secret</c>.</param>
/// <param name="Environment">Null: the token's own.</param>
/// <param name="Prefixes">Beginnings of keys; empty: all.</param>
internal sealed record FollowPlan(string Kind, string? Environment, IReadOnlyList<string> Prefixes)
{
    /// <summary>Whether <see cref="Prefixes"/> are whole names, and what only begins so is left out.</summary>
    internal bool Exactly { get; init; }

    internal bool Wants(string key) => !Exactly || Prefixes.Contains(key, StringComparer.Ordinal);
}
