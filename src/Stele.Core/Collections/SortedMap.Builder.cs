using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Collections;

/// <summary>Changes: one builder for one or many.</summary>
public sealed partial class SortedMap<TValue>
{
    /// <summary>Makes a new map by many changes; copies each node of the old one at most once. Not for several threads.</summary>
    public sealed class Builder
    {
        object owner = new();
        Node root;

        internal Builder(Node root, int count)
        {
            this.root = root;
            Count = count;
        }

        /// <summary>How many entries there are now.</summary>
        public int Count { get; private set; }

        /// <summary>The value of a key, as changed so far.</summary>
        public bool TryGetValue(ReadOnlySpan<char> key, [MaybeNullWhen(false)] out TValue value) => Find(root, key, out value);

        /// <summary>Adds a value, or puts it in place of the one with the same key.</summary>
        public void Set(TValue value)
        {
            root = Set(root, value, out var split);
            if (split is not { } right) return;
            var above = new Inner(owner) { Count = 2 };
            above.Links[0] = new Link { Bound = "", Child = root };
            above.Links[1] = right;
            root = above;
        }

        /// <summary>Removes a key; false if there is none.</summary>
        public bool Remove(string key)
        {
            // looked up first, so that removing what is not there copies nothing
            if (!Find(root, key, out _)) return false;
            root = Remove(root, key);
            if (root is Inner { Count: 1 } single) root = single.Links[0].Child;
            Count--;
            return true;
        }

        /// <summary>The map as it is now. The builder can go on; it copies anew.</summary>
        public SortedMap<TValue> ToMap()
        {
            owner = new object();
            return Count == 0 ? Empty : new SortedMap<TValue>(root, Count);
        }

        Node Set(Node node, TValue value, out Link? split) =>
            node is Inner inner ? Set(inner, value, out split) : Set((Leaf)node, value, out split);

        Leaf Set(Leaf leaf, TValue value, out Link? split)
        {
            split = null;
            leaf = Own(leaf);
            var index = ValueIndex(leaf, value.Key, out var found);
            if (found)
            {
                leaf.Values[index] = value;
                return leaf;
            }
            Count++;
            if (leaf.Count < NodeMax)
            {
                Insert(leaf.Values, ref leaf.Count, index, value);
                return leaf;
            }
            var right = new Leaf(owner);
            Move(leaf.Values, ref leaf.Count, right.Values, ref right.Count);
            if (index <= leaf.Count) Insert(leaf.Values, ref leaf.Count, index, value);
            else Insert(right.Values, ref right.Count, index - leaf.Count, value);
            split = new Link { Bound = right.Values[0].Key, Child = right };
            return leaf;
        }

        Inner Set(Inner inner, TValue value, out Link? split)
        {
            split = null;
            inner = Own(inner);
            var index = ChildIndex(inner, value.Key);
            inner.Links[index].Child = Set(inner.Links[index].Child, value, out var below);
            if (below is not { } link) return inner;
            index++;
            if (inner.Count < NodeMax)
            {
                Insert(inner.Links, ref inner.Count, index, link);
                return inner;
            }
            var right = new Inner(owner);
            Move(inner.Links, ref inner.Count, right.Links, ref right.Count);
            if (index <= inner.Count) Insert(inner.Links, ref inner.Count, index, link);
            else Insert(right.Links, ref right.Count, index - inner.Count, link);
            split = new Link { Bound = right.Links[0].Bound, Child = right };
            return inner;
        }

        Node Remove(Node node, string key)
        {
            if (node is Leaf leaf)
            {
                leaf = Own(leaf);
                Delete(leaf.Values, ref leaf.Count, ValueIndex(leaf, key, out _));
                return leaf;
            }
            var inner = Own((Inner)node);
            var index = ChildIndex(inner, key);
            var child = Remove(inner.Links[index].Child, key);
            inner.Links[index].Child = child;
            // the root alone may have a single child here, and only for the moment before it is replaced by it
            if (child.Count < NodeMin && inner.Count > 1) Refill(inner, index == 0 ? 0 : index - 1);
            return inner;
        }

        /// <summary>Merges two neighbours if they fit into one node, else spreads their entries evenly.</summary>
        void Refill(Inner inner, int index)
        {
            ref var left = ref inner.Links[index];
            ref var right = ref inner.Links[index + 1];
            if (left.Child is Leaf leftLeaf)
            {
                var (to, from) = (Own(leftLeaf), Own((Leaf)right.Child));
                (left.Child, right.Child) = (to, from);
                Even(to.Values, ref to.Count, from.Values, ref from.Count);
                if (from.Count > 0) right.Bound = from.Values[0].Key;
            }
            else
            {
                var (to, from) = (Own((Inner)left.Child), Own((Inner)right.Child));
                (left.Child, right.Child) = (to, from);
                Even(to.Links, ref to.Count, from.Links, ref from.Count);
                if (from.Count > 0) right.Bound = from.Links[0].Bound;
            }
            if (right.Child.Count == 0) Delete(inner.Links, ref inner.Count, index + 1);
        }

        Leaf Own(Leaf leaf)
        {
            if (leaf.Owner == owner) return leaf;
            var copy = new Leaf(owner) { Count = leaf.Count };
            Array.Copy(leaf.Values, copy.Values, leaf.Count);
            return copy;
        }

        Inner Own(Inner inner)
        {
            if (inner.Owner == owner) return inner;
            var copy = new Inner(owner) { Count = inner.Count };
            Array.Copy(inner.Links, copy.Links, inner.Count);
            return copy;
        }

        static void Insert<T>(T[] items, ref int count, int index, T item)
        {
            Array.Copy(items, index, items, index + 1, count - index);
            items[index] = item;
            count++;
        }

        static void Delete<T>(T[] items, ref int count, int index)
        {
            count--;
            Array.Copy(items, index + 1, items, index, count - index);
            items[count] = default!;
        }

        /// <summary>Moves the upper half of a full node into an empty one.</summary>
        static void Move<T>(T[] left, ref int leftCount, T[] right, ref int rightCount)
        {
            rightCount = NodeMax - NodeMin;
            leftCount = NodeMin;
            Array.Copy(left, leftCount, right, 0, rightCount);
            Array.Clear(left, leftCount, rightCount);
        }

        /// <summary>All to the left if it fits there, else half to each.</summary>
        static void Even<T>(T[] left, ref int leftCount, T[] right, ref int rightCount)
        {
            var total = leftCount + rightCount;
            var goal = total <= NodeMax ? total : total / 2;
            if (goal > leftCount)
            {
                var moved = goal - leftCount;
                Array.Copy(right, 0, left, leftCount, moved);
                Array.Copy(right, moved, right, 0, rightCount - moved);
                Array.Clear(right, rightCount - moved, moved);
            }
            else
            {
                var moved = leftCount - goal;
                Array.Copy(right, 0, right, moved, rightCount);
                Array.Copy(left, goal, right, 0, moved);
                Array.Clear(left, goal, moved);
            }
            (leftCount, rightCount) = (goal, total - goal);
        }
    }
}
