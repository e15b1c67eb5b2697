namespace Stele.Core.Watch;

/// <summary>Which changes a subscriber asks for: of one environment, under some prefixes, of some kinds. Equal when it asks for the same.</summary>
public sealed class WatchFilter : IEquatable<WatchFilter>
{
    readonly string[] prefixes;
    readonly int hash;

    /// <summary>A filter.</summary>
    /// <param name="environment">The environment.</param>
    /// <param name="prefixes">Beginnings of keys, in any order and number; none: all keys.</param>
    /// <param name="kinds">The kinds.</param>
    public WatchFilter(string environment, IReadOnlyList<string> prefixes, WatchKinds kinds)
    {
        (Environment, Kinds, this.prefixes) = (environment, kinds, Covering(prefixes));
        var code = new HashCode();
        code.Add(environment, StringComparer.Ordinal);
        code.Add(kinds);
        foreach (var prefix in this.prefixes) code.Add(prefix, StringComparer.Ordinal);
        hash = code.ToHashCode();
    }

    /// <summary>The environment.</summary>
    public string Environment { get; }

    /// <summary>The kinds.</summary>
    public WatchKinds Kinds { get; }

    /// <summary>The prefixes by code point, without those that another covers; one that is empty for all keys.</summary>
    public IReadOnlyList<string> Prefixes => prefixes;

    /// <summary>Whether it asks for a change.</summary>
    public bool Matches(WatchChange change) =>
        (Kinds & change.Kind) != 0 && string.Equals(Environment, change.Environment, StringComparison.Ordinal) && Covers(change.Key);

    /// <summary>Whether a key is under one of the prefixes.</summary>
    public bool Covers(string key)
    {
        // none is under another, so only the last one that is not behind the key can be its beginning
        int low = 0, high = prefixes.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (string.CompareOrdinal(prefixes[middle], key) <= 0) low = middle + 1;
            else high = middle;
        }
        return low > 0 && key.StartsWith(prefixes[low - 1], StringComparison.Ordinal);
    }

    /// <summary>The names of streams that it asks for, as ranges by code point: from the first to before the second.</summary>
    public IReadOnlyList<(string From, string To)> Streams()
    {
        var ranges = new List<(string, string)>();
        foreach (var kind in WatchKindNames.Each)
        {
            // a change of any secret may be one of a key that refers to it, wherever that is
            if (kind == WatchKinds.Secret && (Kinds & WatchKinds.Config) != 0)
            {
                ranges.Add(Range($"{kind.Name()}/{Environment}/"));
                continue;
            }
            if ((Kinds & kind) == 0) continue;
            foreach (var prefix in prefixes)
                ranges.Add(Range($"{kind.Name()}/{Environment}/{prefix}"));
        }
        return ranges;

        static (string, string) Range(string from) => (from, string.Concat(from.AsSpan(0, from.Length - 1), [(char)(from[^1] + 1)]));
    }

    /// <inheritdoc/>
    public bool Equals(WatchFilter? other) => ReferenceEquals(this, other) || (other is not null && hash == other.hash && Kinds == other.Kinds
        && Environment == other.Environment && prefixes.AsSpan().SequenceEqual(other.prefixes));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as WatchFilter);

    /// <inheritdoc/>
    public override int GetHashCode() => hash;

    static string[] Covering(IReadOnlyList<string> prefixes)
    {
        if (prefixes.Count == 0) return [""];
        var sorted = prefixes.ToArray();
        Array.Sort(sorted, StringComparer.Ordinal);
        var kept = new List<string>(sorted.Length);
        foreach (var prefix in sorted)
            if (kept.Count == 0 || !prefix.StartsWith(kept[^1], StringComparison.Ordinal)) kept.Add(prefix);
        return [.. kept];
    }
}
