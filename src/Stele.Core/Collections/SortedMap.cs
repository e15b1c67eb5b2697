using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Collections;

/// <summary>
/// An immutable map in ordinal order of its keys: a copy-on-write B+tree. A change copies the path to one leaf and shares
/// the rest, so that an old version is a reference and stays as it was; readers need no lock.
/// </summary>
/// <remarks>Look-ups and changes are O(log n): in a million entries five nodes of at most 32 references. The key is the value's own, so a leaf is one array.</remarks>
/// <typeparam name="TValue">The values; a key that they give must not change.</typeparam>
public sealed partial class SortedMap<TValue> : IReadOnlyCollection<TValue> where TValue : class, IKeyed
{
    readonly Node root;

    SortedMap(Node root, int count)
    {
        this.root = root;
        Count = count;
    }

    /// <summary>The map without entries.</summary>
    [SuppressMessage("Design", "CA1000", Justification = "as of the immutable collections")]
    public static SortedMap<TValue> Empty { get; } = new(new Leaf(null), 0);

    /// <summary>How many entries there are.</summary>
    public int Count { get; }

    /// <summary>The value of a key.</summary>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out TValue value) => TryGetValue(key.AsSpan(), out value);

    /// <summary>The value of a key.</summary>
    public bool TryGetValue(ReadOnlySpan<char> key, [MaybeNullWhen(false)] out TValue value) => Find(root, key, out value);

    /// <summary>The map with a value, in place of the one with the same key.</summary>
    public SortedMap<TValue> Set(TValue value)
    {
        var builder = ToBuilder();
        builder.Set(value);
        return builder.ToMap();
    }

    /// <summary>The map with many values; later ones replace earlier ones. Nodes are copied once for all of them.</summary>
    public SortedMap<TValue> SetAll(IEnumerable<TValue> values)
    {
        var builder = ToBuilder();
        foreach (var value in values) builder.Set(value);
        return builder.ToMap();
    }

    /// <summary>The map without a key; itself if it does not have it.</summary>
    public SortedMap<TValue> Remove(string key)
    {
        var builder = ToBuilder();
        return builder.Remove(key) ? builder.ToMap() : this;
    }

    /// <summary>A builder that begins with this map's entries, for many changes at once.</summary>
    public Builder ToBuilder() => new(root, Count);

    /// <summary>The map of values that are in order already; O(n).</summary>
    /// <exception cref="ArgumentException">A key is not greater than the one before it.</exception>
    [SuppressMessage("Design", "CA1000", Justification = "as of the immutable collections")]
    public static SortedMap<TValue> FromSorted(IReadOnlyList<TValue> values)
    {
        if (values.Count == 0) return Empty;
        for (var i = 1; i < values.Count; i++)
            if (string.CompareOrdinal(values[i - 1].Key, values[i].Key) >= 0)
                throw new ArgumentException($"'{values[i].Key}' comes after '{values[i - 1].Key}'.", nameof(values));
        return new SortedMap<TValue>(Load(values), values.Count);
    }

    /// <summary>For the tests, which check the tree's promises.</summary>
    internal Node Root => root;

    /// <summary>All values in order.</summary>
    public Enumerator GetEnumerator() => All().GetEnumerator();

    /// <summary>The values from a key on; the value of that key itself only if it is <paramref name="inclusive"/>.</summary>
    public Range From(string lower, bool inclusive) => new(root, lower, inclusive, "");

    /// <summary>The values whose key begins with a prefix (a string, not a segment).</summary>
    public Range StartingWith(string prefix) => new(root, prefix, true, prefix);

    /// <summary>The values whose key begins with a prefix and is greater than <paramref name="after"/>: the next page.</summary>
    public Range StartingWith(string prefix, string after) => string.CompareOrdinal(after, prefix) < 0
        ? StartingWith(prefix)
        : new Range(root, after, false, prefix);

    IEnumerator<TValue> IEnumerable<TValue>.GetEnumerator() => All().Boxed();

    IEnumerator IEnumerable.GetEnumerator() => All().Boxed();

    Range All() => new(root, "", true, "");
}
