using System.Collections.Immutable;
using System.Text;
using Stele.Core.Limits;

namespace Stele.Core.Configs;

/// <summary>What is kept of a deleted key, whose numbers must not be used again.</summary>
/// <param name="Version">The version that its deletion was.</param>
/// <param name="Revision">The revision that deleted it.</param>
/// <param name="Id">Row id of the event that first created the key; it comes back with the key.</param>
public readonly record struct Tombstone(int Version, long Revision, long Id);

/// <summary>
/// The deleted keys of an environment: hash and numbers, so that keys which come and go by the million do not fill memory
/// with their names. Immutable. The names are in the table, where lists of the past find them.
/// </summary>
/// <remarks>
/// Should two deleted keys ever share a <see cref="Hash128"/>, the greater numbers stay, whatever the order in which they
/// came: no version is issued twice for either, though one of them skips some.
/// </remarks>
public sealed class Tombstones
{
    /// <summary>Memory of one: a node of the tree.</summary>
    public const int EachBytes = 88;

    readonly ImmutableSortedDictionary<UInt128, Tombstone> byHash;

    Tombstones(ImmutableSortedDictionary<UInt128, Tombstone> byHash) => this.byHash = byHash;

    /// <summary>None.</summary>
    public static Tombstones None { get; } = new(ImmutableSortedDictionary<UInt128, Tombstone>.Empty);

    /// <summary>How many there are.</summary>
    public int Count => byHash.Count;

    /// <summary>All, by hash.</summary>
    public IReadOnlyDictionary<UInt128, Tombstone> ByHash => byHash;

    /// <summary>The hash of a key.</summary>
    public static UInt128 HashOf(string key)
    {
        Span<byte> utf8 = stackalloc byte[4 * (int)SteleLimits.KeyCharacters.Default];
        return Hash128.Of(utf8[..Encoding.UTF8.GetBytes(key, utf8)]);
    }

    /// <summary>The tombstone of a key; null if it was never there, or is there.</summary>
    public Tombstone? Find(string key) => byHash.Count > 0 && byHash.TryGetValue(HashOf(key), out var tombstone) ? tombstone : null;

    /// <summary>A builder that begins with these, for many changes at once.</summary>
    public Builder ToBuilder() => new(byHash);

    /// <summary>Makes others by many changes. Not for several threads.</summary>
    public sealed class Builder
    {
        readonly ImmutableSortedDictionary<UInt128, Tombstone>.Builder byHash;

        internal Builder(ImmutableSortedDictionary<UInt128, Tombstone> from) => byHash = from.ToBuilder();

        /// <summary>A key is deleted.</summary>
        public void Add(string key, Tombstone tombstone) => Add(HashOf(key), tombstone);

        /// <summary>The key of a hash is deleted.</summary>
        public void Add(UInt128 hash, Tombstone tombstone)
        {
            if (byHash.TryGetValue(hash, out var other) && (other.Version, other.Revision).CompareTo((tombstone.Version, tombstone.Revision)) > 0) return;
            byHash[hash] = tombstone;
        }

        /// <summary>A key is back.</summary>
        public void Remove(string key)
        {
            if (byHash.Count > 0) byHash.Remove(HashOf(key));
        }

        /// <summary>The tombstones as they are now.</summary>
        public Tombstones ToTombstones() => byHash.Count == 0 ? None : new Tombstones(byHash.ToImmutable());
    }
}
