using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Stele.Client.Following;

/// <summary>
/// Names and what they stand for. It never changes, and gives others that share with it what is the same: of a hundred thousand keys
/// the change of one copies two arrays of a few hundred. A look-up takes no lock and allocates nothing.
/// </summary>
internal sealed class KeyMap<TValue> : IReadOnlyDictionary<string, TValue>
{
    // pages of buckets, as many as each has: with n names both arrays are about the root of n
    readonly Node?[][] pages;
    readonly int bits;
    readonly bool ignoreCase;

    KeyMap(Node?[][] pages, int bits, int count, bool ignoreCase) => (this.pages, this.bits, Count, this.ignoreCase) = (pages, bits, count, ignoreCase);

    internal static KeyMap<TValue> Empty { get; } = new Editor(0, ignoreCase: false).Map();

    /// <summary>The same where case makes no difference.</summary>
    internal static KeyMap<TValue> EmptyIgnoringCase { get; } = new Editor(0, ignoreCase: true).Map();

    public int Count { get; }

    public TValue this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

    public IEnumerable<string> Keys => this.Select(pair => pair.Key);

    public IEnumerable<TValue> Values => this.Select(pair => pair.Value);

    public bool ContainsKey(string key) => TryGetValue(key, out _);

    // optimized at once: .NET's compiler comes to it by itself only when a process has been at rest for a while, which a busy one is not
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out TValue value)
    {
        var node = ignoreCase ? Folded(key) : Exact(key);
        value = node is null ? default : node.Value;
        return node is not null;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    Node? Exact(string key)
    {
        var hash = KeyHash.Exact(key);
        var node = pages[hash >> (32 - bits)][(hash >> (32 - 2 * bits)) & ((1u << bits) - 1)];
        while (node is not null && (node.Hash != hash || !string.Equals(node.Key, key))) node = node.Next;
        return node;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    Node? Folded(string key)
    {
        var hash = KeyHash.Folded(key);
        var node = pages[hash >> (32 - bits)][(hash >> (32 - 2 * bits)) & ((1u << bits) - 1)];
        while (node is not null && (node.Hash != hash || !string.Equals(node.Key, key, StringComparison.OrdinalIgnoreCase))) node = node.Next;
        return node;
    }

    public IEnumerator<KeyValuePair<string, TValue>> GetEnumerator()
    {
        foreach (var page in pages)
            foreach (var bucket in page)
                for (var node = bucket; node is not null; node = node.Next) yield return KeyValuePair.Create(node.Key, node.Value);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Where another one is made of this; by one thread.</summary>
    internal Editor Edit() => new(this);

    /// <summary>One with these names, of which the last wins where two are the same.</summary>
    internal static KeyMap<TValue> Of(IReadOnlyCollection<KeyValuePair<string, TValue>> pairs, bool ignoreCase)
    {
        var editor = new Editor(pairs.Count, ignoreCase);
        foreach (var (key, value) in pairs) editor[key] = value;
        return editor.Map();
    }

    /// <summary>A map that is being made. What it shares with another is copied before it is changed.</summary>
    internal sealed class Editor
    {
        readonly bool ignoreCase;
        Node?[][] pages;
        bool[] own;
        int bits;

        internal Editor(int expected, bool ignoreCase)
        {
            this.ignoreCase = ignoreCase;
            (pages, own, bits) = New(expected);
        }

        internal Editor(KeyMap<TValue> from)
        {
            (ignoreCase, bits, Count) = (from.ignoreCase, from.bits, from.Count);
            (pages, own) = ([.. from.pages], new bool[from.pages.Length]);
        }

        internal int Count { get; private set; }

        internal TValue this[string key]
        {
            set
            {
                Remove(key);
                Add(key, HashOf(key), value);
            }
        }

        internal bool TryGetValue(string key, [MaybeNullWhen(false)] out TValue value)
        {
            var hash = HashOf(key);
            for (var node = pages[Page(hash)][Bucket(hash)]; node is not null; node = node.Next)
                if (Is(node, hash, key))
                {
                    value = node.Value;
                    return true;
                }
            value = default;
            return false;
        }

        internal bool TryAdd(string key, TValue value)
        {
            if (TryGetValue(key, out _)) return false;
            Add(key, HashOf(key), value);
            return true;
        }

        internal bool Remove(string key)
        {
            if (!TryGetValue(key, out _)) return false;
            var hash = HashOf(key);
            ref var bucket = ref Own(hash)[Bucket(hash)];
            // those before it are made anew, because others may hold them
            var rest = bucket;
            var before = new Stack<Node>();
            for (; !Is(rest!, hash, key); rest = rest!.Next) before.Push(rest!);
            bucket = rest!.Next;
            while (before.TryPop(out var node)) bucket = new Node(node.Key, node.Hash, node.Value, bucket);
            Count--;
            return true;
        }

        /// <summary>What it has become; the editor is not to be used after it.</summary>
        internal KeyMap<TValue> Map() => new(pages, bits, Count, ignoreCase);

        void Add(string key, uint hash, TValue value)
        {
            if (Count > 2 << (2 * bits)) Grow();
            ref var bucket = ref Own(hash)[Bucket(hash)];
            bucket = new Node(key, hash, value, bucket);
            Count++;
        }

        void Grow()
        {
            var old = pages;
            (pages, own, bits) = New(Count * 2);
            foreach (var page in old)
                foreach (var first in page)
                    for (var node = first; node is not null; node = node.Next)
                    {
                        ref var bucket = ref pages[Page(node.Hash)][Bucket(node.Hash)];
                        bucket = new Node(node.Key, node.Hash, node.Value, bucket);
                    }
        }

        Node?[] Own(uint hash)
        {
            var at = Page(hash);
            if (own[at]) return pages[at];
            own[at] = true;
            return pages[at] = [.. pages[at]];
        }

        static (Node?[][] Pages, bool[] Own, int Bits) New(int expected)
        {
            var bits = Math.Clamp((BitOperations.Log2((uint)Math.Max(1, expected)) + 2) / 2, 1, 12);
            var pages = new Node?[1 << bits][];
            for (var i = 0; i < pages.Length; i++) pages[i] = new Node?[1 << bits];
            var own = new bool[pages.Length];
            Array.Fill(own, true);
            return (pages, own, bits);
        }

        uint HashOf(string key) => ignoreCase ? KeyHash.Folded(key) : KeyHash.Exact(key);

        bool Is(Node node, uint hash, string key) => node.Hash == hash && string.Equals(node.Key, key, ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

        uint Page(uint hash) => hash >> (32 - bits);

        uint Bucket(uint hash) => (hash >> (32 - 2 * bits)) & ((1u << bits) - 1);
    }

    internal sealed record Node(string Key, uint Hash, TValue Value, Node? Next);
}

/// <summary>How names are spread over buckets: apart from the map, because what is static in a generic type costs a search at each look.</summary>
internal static class KeyHash
{
    // not the same in two processes: nobody can choose keys that all meet in one bucket
    static readonly ulong seed = (ulong)Random.Shared.NextInt64();

    // eight bytes at a time; the last eight overlap with those before, so that nothing is read past the end
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static uint Exact(string key)
    {
        const ulong factor = 0x9E3779B97F4A7C15;
        var hash = seed ^ (ulong)key.Length;
        var span = key.AsSpan();
        if (span.Length < 4)
            foreach (var c in span) hash = (hash ^ c) * factor;
        else
        {
            ref var first = ref Unsafe.As<char, byte>(ref MemoryMarshal.GetReference(span));
            var last = (span.Length - 4) * sizeof(char);
            for (var at = 0; at < last; at += sizeof(ulong))
            {
                hash = (hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref first, at))) * factor;
                hash ^= hash >> 32;
            }
            hash = (hash ^ Unsafe.ReadUnaligned<ulong>(ref Unsafe.AddByteOffset(ref first, last))) * factor;
        }
        return (uint)((hash ^ hash >> 29) * factor >> 32);
    }

    internal static uint Folded(string key) => (uint)string.GetHashCode(key, StringComparison.OrdinalIgnoreCase);
}
