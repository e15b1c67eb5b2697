using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Collections;

/// <summary>What holds its own key.</summary>
public interface IKeyed
{
    /// <summary>The key.</summary>
    string Key { get; }
}

/// <summary>Placeholder until the B+tree lands.</summary>
public sealed class SortedMap<TValue> : IEnumerable<TValue> where TValue : class, IKeyed
{
    readonly ImmutableSortedDictionary<string, TValue> map;

    SortedMap(ImmutableSortedDictionary<string, TValue> map) => this.map = map;

    /// <summary>Nothing.</summary>
    public static SortedMap<TValue> Empty { get; } = new(ImmutableSortedDictionary.Create<string, TValue>(StringComparer.Ordinal));

    /// <summary>How many.</summary>
    public int Count => map.Count;

    /// <summary>Looks a key up.</summary>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out TValue value) => map.TryGetValue(key, out value);

    /// <summary>With a value.</summary>
    public SortedMap<TValue> Set(TValue value) => new(map.SetItem(value.Key, value));

    /// <summary>Those whose key begins so.</summary>
    public IEnumerable<TValue> Range(string prefix) => map.Values.Where(v => v.Key.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Those whose key is greater.</summary>
    public IEnumerable<TValue> From(string lowerBound, bool inclusive) =>
        map.Values.Where(v => string.CompareOrdinal(v.Key, lowerBound) is var c && (c > 0 || (inclusive && c == 0)));

    /// <summary>A builder.</summary>
    public Builder ToBuilder() => new(map.ToBuilder());

    /// <inheritdoc/>
    public IEnumerator<TValue> GetEnumerator() => map.Values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>A builder.</summary>
    public sealed class Builder(ImmutableSortedDictionary<string, TValue>.Builder map)
    {
        /// <summary>Sets.</summary>
        public void Set(TValue value) => map[value.Key] = value;

        /// <summary>The map.</summary>
        public SortedMap<TValue> ToImmutable() => new(map.ToImmutable());
    }
}
