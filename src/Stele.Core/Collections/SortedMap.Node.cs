using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Collections;

/// <summary>The tree: leaves with values, inner nodes with links, all leaves at one depth, every node but the root at least half full.</summary>
public sealed partial class SortedMap<TValue>
{
    internal const int NodeMax = 32;
    internal const int NodeMin = NodeMax / 2;

    /// <summary>A node may be changed in place by the builder whose token it carries; everyone else copies it.</summary>
    internal abstract class Node(object? owner)
    {
        public object? Owner { get; } = owner;
        public int Count;
    }

    internal sealed class Leaf(object? owner) : Node(owner)
    {
        public readonly TValue[] Values = new TValue[NodeMax];
    }

    internal sealed class Inner(object? owner) : Node(owner)
    {
        public readonly Link[] Links = new Link[NodeMax];
    }

    /// <summary>A child, and a bound: every key in it is at least this, every key before it is less. The first link's bound is not looked at.</summary>
    internal struct Link
    {
        public string Bound;
        public Node Child;
    }

    static bool Find(Node node, ReadOnlySpan<char> key, [MaybeNullWhen(false)] out TValue value)
    {
        while (node is Inner inner) node = inner.Links[ChildIndex(inner, key)].Child;
        var leaf = (Leaf)node;
        var index = ValueIndex(leaf, key, out var found);
        value = found ? leaf.Values[index] : null;
        return found;
    }

    /// <summary>The child in which a key belongs.</summary>
    internal static int ChildIndex(Inner inner, ReadOnlySpan<char> key)
    {
        var (low, high) = (1, inner.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (inner.Links[middle].Bound.AsSpan().SequenceCompareTo(key) <= 0) low = middle + 1;
            else high = middle;
        }
        return low - 1;
    }

    /// <summary>The place of a key in a leaf, or where it would be.</summary>
    internal static int ValueIndex(Leaf leaf, ReadOnlySpan<char> key, out bool found)
    {
        var (low, high) = (0, leaf.Count);
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            var order = leaf.Values[middle].Key.AsSpan().SequenceCompareTo(key);
            if (order == 0)
            {
                found = true;
                return middle;
            }
            if (order < 0) low = middle + 1;
            else high = middle;
        }
        found = false;
        return low;
    }

    /// <summary>Builds the tree level by level, nodes as full as an even spread allows.</summary>
    static Node Load(IReadOnlyList<TValue> values)
    {
        var level = new List<Link>();
        var at = 0;
        foreach (var size in Spread(values.Count))
        {
            var leaf = new Leaf(null) { Count = size };
            for (var i = 0; i < size; i++) leaf.Values[i] = values[at++];
            level.Add(new Link { Bound = leaf.Values[0].Key, Child = leaf });
        }
        while (level.Count > 1)
        {
            var above = new List<Link>();
            at = 0;
            foreach (var size in Spread(level.Count))
            {
                var inner = new Inner(null) { Count = size };
                level.CopyTo(at, inner.Links, 0, size);
                at += size;
                above.Add(new Link { Bound = inner.Links[0].Bound, Child = inner });
            }
            level = above;
        }
        return level[0].Child;
    }

    /// <summary>Sizes of the fewest nodes that hold so many; they differ by at most one, so none is less than half full.</summary>
    static IEnumerable<int> Spread(int count)
    {
        var nodes = (count + NodeMax - 1) / NodeMax;
        for (var i = 0; i < nodes; i++)
            yield return (int)((long)count * (i + 1) / nodes - (long)count * i / nodes);
    }
}
