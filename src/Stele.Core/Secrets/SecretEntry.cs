using Stele.Core.Collections;
using Stele.Core.Journal;

namespace Stele.Core.Secrets;

/// <summary>What is known of a secret in its newest version. The value is not here, nor anything that helps to read it.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Version">Counts its values, deletions and undeletions included.</param>
/// <param name="StreamVersion">Counts its events: destructions, too.</param>
/// <param name="Revision">The revision that made this version.</param>
/// <param name="CreatedAt">When that was.</param>
/// <param name="CreatedBy">Who did it.</param>
/// <param name="ValueId">The random id of the value, by which its key is found. A deletion keeps that of the value before it.</param>
/// <param name="ExpiresAt">Until when the value is given out, or null.</param>
/// <param name="Metadata">A canonical JSON object, as somebody wrote it.</param>
/// <param name="RotationDays">After how many days a new value is due, or null.</param>
/// <param name="ValueBytes">Bytes of the ciphertext.</param>
/// <param name="Id">Row id of the event that first created it.</param>
public sealed record SecretEntry(
    string Path, int Version, long StreamVersion, long Revision, Timestamp CreatedAt, string CreatedBy, Guid ValueId, Timestamp? ExpiresAt, byte[] Metadata, int? RotationDays, int ValueBytes, long Id) : IKeyed
{
    const int EntryBytes = 240;

    /// <summary>No metadata.</summary>
    public static byte[] NoMetadata { get; } = "{}"u8.ToArray();

    /// <inheritdoc/>
    public string Key => Path;

    /// <summary>Whether the value was given as text, and is answered so; else as base64.</summary>
    public bool IsText { get; init; }

    /// <summary>Whether it is deleted; it can be brought back while its value is not destroyed.</summary>
    public bool IsDeleted { get; init; }

    /// <summary>Whether the value of this version is destroyed.</summary>
    public bool IsDestroyed { get; init; }

    /// <summary>The revision of its last event, a destruction included.</summary>
    public long ChangedRevision { get; init; }

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes => EntryBytes + 2 * Path.Length + (ReferenceEquals(Metadata, NoMetadata) ? 0 : Metadata.Length + 24);

    /// <summary>When a new value is due; null: never, or never again.</summary>
    public Timestamp? RotationDueAt => RotationDays is { } days && !IsDeleted ? new Timestamp(CreatedAt.Microseconds + days * 86_400_000_000L) : null;

    /// <summary>The same array for all that have none.</summary>
    public static byte[] Shared(byte[] metadata) => metadata.Length == 2 ? NoMetadata : metadata;
}

/// <summary>The secrets of an environment at one revision, without their values. Immutable.</summary>
public sealed record EnvironmentSecrets
{
    /// <summary>None.</summary>
    public static EnvironmentSecrets Empty { get; } = new();

    /// <summary>Every secret by path, deleted ones included.</summary>
    public SortedMap<SecretEntry> Items { get; private init; } = SortedMap<SecretEntry>.Empty;

    /// <summary>How many of them are not deleted.</summary>
    public int Live { get; private init; }

    /// <summary>Bytes of the ciphertexts of those that are not deleted.</summary>
    public long ValueBytes { get; private init; }

    /// <summary>The revision that last changed any of them; 0: none did.</summary>
    public long ChangedRevision { get; private init; }

    /// <summary>About how many bytes of memory they take.</summary>
    public long MemoryBytes { get; private init; }

    /// <summary>A secret, deleted or not; null if there never was one.</summary>
    public SecretEntry? Ever(string path) => Items.TryGetValue(path, out var entry) ? entry : null;

    /// <summary>A secret that is not deleted, or null.</summary>
    public SecretEntry? Item(string path) => Ever(path) is { IsDeleted: false } entry ? entry : null;

    /// <summary>With a secret, in place of the one of its path.</summary>
    public EnvironmentSecrets With(SecretEntry entry)
    {
        var before = Ever(entry.Path);
        return this with
        {
            Items = Items.Set(entry),
            Live = Live + Counted(entry) - Counted(before),
            ValueBytes = ValueBytes + Bytes(entry) - Bytes(before),
            ChangedRevision = Math.Max(ChangedRevision, entry.ChangedRevision),
            MemoryBytes = MemoryBytes + entry.MemoryBytes - (before?.MemoryBytes ?? 0),
        };
    }

    /// <summary>Some secrets together.</summary>
    /// <param name="items">In order of path.</param>
    public static EnvironmentSecrets Of(IReadOnlyList<SecretEntry> items) => new()
    {
        Items = SortedMap<SecretEntry>.FromSorted(items), Live = items.Sum(Counted), ValueBytes = items.Sum(Bytes),
        ChangedRevision = items.Select(item => item.ChangedRevision).DefaultIfEmpty(0).Max(), MemoryBytes = items.Sum(item => item.MemoryBytes),
    };

    static int Counted(SecretEntry? entry) => entry is { IsDeleted: false } ? 1 : 0;

    static long Bytes(SecretEntry? entry) => entry is { IsDeleted: false } ? entry.ValueBytes : 0;
}
