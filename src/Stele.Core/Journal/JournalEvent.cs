namespace Stele.Core.Journal;

/// <summary>One fact of a revision, typed. Each feature derives its own; <see cref="EventCodec"/> knows them all.</summary>
public abstract record JournalEvent
{
    /// <summary>The stored name of the kind of event, such as <c>config.set</c>. It never changes its meaning.</summary>
    public abstract string Type { get; }

    /// <summary>The aggregate that it belongs to, such as <c>config/production/services.payment.timeout</c>.</summary>
    public abstract string Stream { get; }

    /// <summary>Counts the events of the stream: 1, 2, 3 … without gaps.</summary>
    public abstract long StreamVersion { get; }

    /// <summary>The version that what it is about has from now on: that of the stream, but for secrets, whose destructions are no versions.</summary>
    public virtual long ItemVersion => StreamVersion;

    /// <summary>The oldest <see cref="JournalFormat"/> in which it may be written.</summary>
    public virtual int Format => JournalFormat.Oldest;

    /// <summary>The canonical bytes that are stored and hashed.</summary>
    public abstract byte[] Encode();
}

/// <summary>An event as it stands in the journal.</summary>
/// <param name="Ordinal">Its place in the revision, from 0.</param>
/// <param name="EventId">A UUIDv7.</param>
/// <param name="Payload">The typed event. Null when its data was redacted.</param>
/// <param name="Type">The stored type.</param>
/// <param name="Stream">The stream.</param>
/// <param name="StreamVersion">The version in the stream.</param>
/// <param name="Data">The canonical bytes; null when redacted.</param>
/// <param name="DataHash">SHA-256 of the bytes, which stays when they are redacted.</param>
public sealed record EventRecord(
    int Ordinal, Guid EventId, JournalEvent? Payload, string Type, string Stream, long StreamVersion, byte[]? Data, byte[] DataHash)
{
    /// <summary>The version that what it is about has from now on.</summary>
    public long ItemVersion => Payload?.ItemVersion ?? StreamVersion;

    /// <summary>The stable id of what this event first created: revision × 2^14 + ordinal.</summary>
    public static long RowId(long revision, int ordinal) => (revision << 14) + ordinal;
}

/// <summary>One accepted command that produced events, as it stands in the journal.</summary>
/// <param name="Org">The organization.</param>
/// <param name="Revision">Its number: 1, 2, 3 … without gaps.</param>
/// <param name="At">When; never earlier than the revision before.</param>
/// <param name="Actor">Opaque id of who did it.</param>
/// <param name="Reason">The change log, or null.</param>
/// <param name="RequestId">The request that did it; unique in the org.</param>
/// <param name="Chain">SHA-256 over the previous chain and this revision's canonical bytes (<see cref="RevisionChain"/>).</param>
/// <param name="Events">Its events in order.</param>
public sealed record RevisionRecord(
    OrgId Org, long Revision, Timestamp At, string Actor, string? Reason, Guid RequestId, byte[] Chain, IReadOnlyList<EventRecord> Events)
{
    /// <summary>The cursor at this revision.</summary>
    public Cursor Cursor => Cursor.At(Revision, Chain);

    /// <summary>Whether its events lie in an archive and not in the journal: a revision has events, and this one came without.</summary>
    public bool IsArchived => Events.Count == 0;
}
