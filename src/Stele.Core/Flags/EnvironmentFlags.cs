using Stele.Core.Collections;
using Stele.Core.Configs;
using Stele.Core.Journal;

namespace Stele.Core.Flags;

/// <summary>One item of an environment's flags (<see cref="FlagKey"/>): as it is now, or a version of the past.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Text">Canonical JSON bytes, as they were given; null when this version is a deletion.</param>
/// <param name="Version">Counts its changes, deletions and archivings included.</param>
/// <param name="Revision">The revision that last changed it.</param>
/// <param name="UpdatedAt">When that was.</param>
/// <param name="UpdatedBy">Who did it.</param>
/// <param name="ChangeLog">Why, or null.</param>
/// <param name="CreatedAt">When it was first created, or created anew after a deletion.</param>
/// <param name="Id">Row id of the event that first created it; stays over deletion and re-creation.</param>
public sealed record FlagEntry(
    string Key, byte[]? Text, int Version, long Revision, Timestamp UpdatedAt, string UpdatedBy, string? ChangeLog, Timestamp CreatedAt, long Id) : IKeyed
{
    // header, references and numbers of this, of what is compiled of it, and of the answer that is written once for all who ask
    const int EntryBytes = 1_536;

    /// <summary>Whether the flag's own kill switch is on.</summary>
    public bool Killed { get; init; }

    /// <summary>Whether the flag is put away: it is not evaluated.</summary>
    public bool Archived { get; init; }

    /// <summary>The text of a version whose definition was redacted: JSON's null, which no definition is.</summary>
    internal static readonly byte[] RedactedText = "null"u8.ToArray();

    /// <summary>Whether this is a version of the past whose definition was taken out of the journal.</summary>
    public bool Redacted => Text.AsSpan().SequenceEqual("null"u8);

    /// <summary>Whether this version is a deletion.</summary>
    public bool Deleted => Text is null;

    /// <summary>What it is.</summary>
    public FlagItemKind Kind => FlagKey.KindOf(Key);

    /// <summary>About how many bytes of memory it takes, compiled; the same on every node and however it came there.</summary>
    public long MemoryBytes => EntryBytes + 2 * Key.Length + 8L * (Text?.Length ?? 0) + 2 * (ChangeLog?.Length ?? 0);

    /// <summary>Whether two versions do the same.</summary>
    public bool SameAs(FlagEntry other) => (!Redacted || Revision == other.Revision) && Killed == other.Killed && Archived == other.Archived && Text.AsSpan().SequenceEqual(other.Text);
}

/// <summary>The flags of an environment at one revision: every item with what is known of it, and compiled what is evaluated. Immutable.</summary>
public sealed record EnvironmentFlags
{
    /// <summary>No flags.</summary>
    public static EnvironmentFlags Empty { get; } = new();

    /// <summary>Every item by key, archived flags included; shared rules, metadata and kill switch before all flags.</summary>
    public SortedMap<FlagEntry> Items { get; private init; } = SortedMap<FlagEntry>.Empty;

    /// <summary>What is evaluated: the flags that are not archived, and the shared rules.</summary>
    public FlagSet Set { get; private init; } = FlagSet.Empty;

    /// <summary>The items that were there.</summary>
    public Tombstones Deleted { get; private init; } = Tombstones.None;

    /// <summary>The revision that last changed any of it; 0: none did.</summary>
    public long ChangedRevision { get; private init; }

    /// <summary>About how many bytes of memory <see cref="Items"/> take, compiled.</summary>
    public long ItemBytes { get; private init; }

    /// <summary>How many bytes the texts of <see cref="Items"/> have.</summary>
    public long TextBytes { get; private init; }

    /// <summary>About how many bytes of memory all of it takes.</summary>
    public long MemoryBytes => ItemBytes + (long)Deleted.Count * Tombstones.EachBytes;

    /// <summary>The set's metadata, a canonical JSON object, or null.</summary>
    public byte[]? Metadata => Item(FlagKey.MetadataText)?.Text;

    /// <summary>An item; null if there is none (any more).</summary>
    public FlagEntry? Item(string key) => Items.TryGetValue(key, out var entry) ? entry : null;

    /// <summary>The last version of an item, a deletion included; 0 if there never was one.</summary>
    public int LastVersion(string key) => Item(key)?.Version ?? Deleted.Find(key)?.Version ?? 0;

    /// <summary>With an item, in place of the one with its key.</summary>
    public EnvironmentFlags With(FlagEntry entry)
    {
        var before = Item(entry.Key);
        var deleted = Deleted;
        if (before is null && deleted.Find(entry.Key) is not null)
        {
            var builder = deleted.ToBuilder();
            builder.Remove(entry.Key);
            deleted = builder.ToTombstones();
        }
        return this with
        {
            Items = Items.Set(entry), Set = Evaluated(entry.Key, entry), Deleted = deleted, ChangedRevision = entry.Revision,
            ItemBytes = ItemBytes + entry.MemoryBytes - (before?.MemoryBytes ?? 0), TextBytes = TextBytes + entry.Text!.Length - (before?.Text!.Length ?? 0),
        };
    }

    /// <summary>Without an item, of which a tombstone is left.</summary>
    public EnvironmentFlags Without(string key, Tombstone tombstone)
    {
        var before = Item(key);
        var deleted = Deleted.ToBuilder();
        deleted.Add(key, tombstone);
        return this with
        {
            Items = Items.Remove(key), Set = Evaluated(key, null), Deleted = deleted.ToTombstones(), ChangedRevision = tombstone.Revision,
            ItemBytes = ItemBytes - (before?.MemoryBytes ?? 0), TextBytes = TextBytes - (before?.Text!.Length ?? 0),
        };
    }

    /// <summary>Nothing but what is left of the items, for an environment that is deleted, or begins again.</summary>
    public EnvironmentFlags OnlyDeleted() => new() { Deleted = Deleted, ChangedRevision = ChangedRevision };

    /// <summary>The flags that some items make together.</summary>
    /// <param name="items">The items, in order of key.</param>
    /// <param name="deleted">What is left of others.</param>
    /// <param name="changedRevision">The revision that last changed any of it.</param>
    public static EnvironmentFlags Of(IReadOnlyList<FlagEntry> items, Tombstones deleted, long changedRevision) => new()
    {
        Items = SortedMap<FlagEntry>.FromSorted(items), Deleted = deleted, ChangedRevision = changedRevision,
        Set = new FlagSet
        {
            Flags = SortedMap<Flag>.FromSorted([.. items.Where(item => item is { Kind: FlagItemKind.Flag, Archived: false }).Select(FlagOf)]),
            Rules = SortedMap<SharedRule>.FromSorted([.. items.Where(item => item.Kind == FlagItemKind.Rule).Select(RuleOf)]),
            Killed = items.Any(item => item.Kind == FlagItemKind.KillSwitch && IsOn(item)),
        },
        ItemBytes = items.Sum(item => item.MemoryBytes), TextBytes = items.Sum(item => (long)item.Text!.Length),
    };

    /// <summary>Whether a kill switch is on.</summary>
    static bool IsOn(FlagEntry item) => item.Text is [(byte)'t', ..];

    static Flag FlagOf(FlagEntry item) => new(item.Key, item.Text!) { Killed = item.Killed };

    static SharedRule RuleOf(FlagEntry item) => SharedRule.Stored(FlagKey.NameOf(item.Key), item.Text!);

    FlagSet Evaluated(string key, FlagEntry? item) => FlagKey.KindOf(key) switch
    {
        FlagItemKind.Flag when item is { Archived: false } => Set with { Flags = Set.Flags.Set(FlagOf(item)) },
        FlagItemKind.Flag => Set with { Flags = Set.Flags.Remove(key) },
        FlagItemKind.Rule => Set with { Rules = item is null ? Set.Rules.Remove(FlagKey.NameOf(key)) : Set.Rules.Set(RuleOf(item)) },
        FlagItemKind.KillSwitch => Set with { Killed = item is not null && IsOn(item) },
        _ => Set,
    };
}
