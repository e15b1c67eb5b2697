using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Stele.Core.Collections;

/// <summary>Walking in order, without an allocation per item.</summary>
public sealed partial class SortedMap<TValue>
{
    /// <summary>Values in order, from a lower bound to the end of a prefix. <c>foreach</c> over it allocates nothing.</summary>
    [SuppressMessage("Performance", "CA1815", Justification = "not compared")]
    public readonly struct Range : IEnumerable<TValue>
    {
        readonly Node root;
        readonly string lower, prefix;
        readonly bool inclusive;

        internal Range(Node root, string lower, bool inclusive, string prefix) =>
            (this.root, this.lower, this.inclusive, this.prefix) = (root, lower, inclusive, prefix);

        /// <summary>Begins at the lower bound.</summary>
        public Enumerator GetEnumerator() => new(root, lower, inclusive, prefix);

        IEnumerator<TValue> IEnumerable<TValue>.GetEnumerator() => Boxed();

        IEnumerator IEnumerable.GetEnumerator() => Boxed();

        internal IEnumerator<TValue> Boxed()
        {
            foreach (var value in this) yield return value;
        }
    }

    /// <summary>A place in the map, between the values.</summary>
    [SuppressMessage("Performance", "CA1815", Justification = "not compared")]
    [SuppressMessage("Design", "CA1034", Justification = "as of the immutable collections")]
    public struct Enumerator
    {
        readonly string prefix;
        Path path;
        int depth;
        Leaf? leaf;
        int index;

        internal Enumerator(Node node, string lower, bool inclusive, string prefix)
        {
            this.prefix = prefix;
            while (node is Inner inner)
            {
                var child = ChildIndex(inner, lower);
                path[depth++] = new Step { Inner = inner, Index = child };
                node = inner.Links[child].Child;
            }
            leaf = (Leaf)node;
            index = ValueIndex(leaf, lower, out var found) - 1;
            if (found && !inclusive) index++;
        }

        /// <summary>The value last reached.</summary>
        public readonly TValue Current => leaf!.Values[index];

        /// <summary>To the next value; false at the end.</summary>
        public bool MoveNext()
        {
            if (leaf is null) return false;
            if (++index == leaf.Count && !NextLeaf()) return false;
            if (prefix.Length == 0 || leaf.Values[index].Key.StartsWith(prefix, StringComparison.Ordinal)) return true;
            leaf = null;
            return false;
        }

        bool NextLeaf()
        {
            leaf = null;
            while (depth > 0 && ++path[depth - 1].Index == path[depth - 1].Inner.Count) depth--;
            if (depth == 0) return false;
            var node = path[depth - 1].Inner.Links[path[depth - 1].Index].Child;
            while (node is Inner inner)
            {
                path[depth++] = new Step { Inner = inner, Index = 0 };
                node = inner.Links[0].Child;
            }
            leaf = (Leaf)node;
            index = 0;
            return true;
        }

        struct Step
        {
            public Inner Inner;
            public int Index;
        }

        /// <summary>The inner nodes above a leaf: with at least 16 children each, eight levels hold more than an int can count.</summary>
        [InlineArray(8)]
        struct Path
        {
            Step first;
        }
    }
}
