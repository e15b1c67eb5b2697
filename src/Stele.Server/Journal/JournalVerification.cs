using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>A revision as it is stored, and which of its events were redacted on record.</summary>
/// <param name="Record">Event payloads are not decoded: a journal of a newer server verifies too.</param>
/// <param name="EventTimes">The time in each event's row.</param>
/// <param name="Redacted">Ordinals of events whose redaction is recorded.</param>
internal sealed record StoredRevision(RevisionRecord Record, IReadOnlyList<Timestamp> EventTimes, IReadOnlySet<int> Redacted);

/// <summary>The first thing that is wrong with a journal.</summary>
internal sealed record BadRevision(long Revision, string Reason);

/// <summary>
/// Walks one org's journal: revisions without gaps, times that never fall, events complete and in order, data that has its
/// hash, stream versions without gaps, and the chain over it all. Pure, and fed in order. Memory: 32 bytes a stream.
/// </summary>
internal sealed class JournalVerification
{
    readonly OrgId org;
    readonly bool fromStart;
    readonly Dictionary<UInt128, long> streams = [];
    byte[] chain;
    Timestamp at;

    /// <summary>From the first revision.</summary>
    public JournalVerification(OrgId org) : this(org, 0, RevisionChain.Genesis, Timestamp.Epoch) { }

    /// <summary>From a place on that is taken for good, such as the floor of an archive. Which versions streams had there is not known: each may begin with any.</summary>
    public JournalVerification(OrgId org, long revision, byte[] chain, Timestamp at)
    {
        (this.org, this.chain, this.at) = (org, chain, at);
        (Revision, fromStart) = (revision, revision == 0);
    }

    /// <summary>The last revision that is good.</summary>
    public long Revision { get; private set; }

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    /// <summary>Of them, those whose data was emptied on record.</summary>
    public long Redacted { get; private set; }

    /// <summary>The chain at the last good revision.</summary>
    public byte[] ChainThere => chain;

    /// <summary>The place of the last good revision.</summary>
    public Cursor Cursor => Cursor.At(Revision, chain);

    /// <summary>Takes the next revision; what is wrong with it, or null.</summary>
    public BadRevision? Next(StoredRevision stored)
    {
        var record = stored.Record;
        if (record.Revision != Revision + 1) return new BadRevision(Revision + 1, $"it is missing; the next that is there is {record.Revision}");
        if ((Times(stored) ?? EventsOf(stored) ?? Chain(record)) is { } reason) return new BadRevision(record.Revision, reason);
        (Revision, chain, at) = (record.Revision, record.Chain, record.At);
        Events += record.Events.Count;
        return null;
    }

    /// <summary>Compares the end of the walk with the head; what is wrong, or null.</summary>
    public BadRevision? End(Head head)
    {
        if (head.Revision > Revision) return new BadRevision(Revision + 1, $"it is missing; the head is at {head.Revision}");
        if (head.Revision < Revision) return new BadRevision(head.Revision + 1, $"the head is at {head.Revision} and does not know it");
        if (!head.Chain.AsSpan().SequenceEqual(chain)) return new BadRevision(Revision, "the head has another chain");
        return head.LastAt < at ? new BadRevision(Revision, "it is later than the head's last_at") : null;
    }

    string? Times(StoredRevision stored)
    {
        if (stored.Record.At < at) return $"its time {stored.Record.At} is before that of the revision before it";
        foreach (var (index, time) in stored.EventTimes.Index())
            if (time != stored.Record.At) return $"event {index} is dated {time}, the revision {stored.Record.At}";
        return null;
    }

    string? EventsOf(StoredRevision stored)
    {
        if (stored.Record.Events.Count == 0) return "it has no events";
        foreach (var (index, e) in stored.Record.Events.Index())
        {
            if (e.Ordinal != index) return $"event {index} is missing; the next that is there is {e.Ordinal}";
            if (e.Data is null)
            {
                if (!stored.Redacted.Contains(index)) return $"the data of event {index} is gone, and no redaction is recorded";
                Redacted++;
            }
            else if (stored.Redacted.Contains(index))
            {
                return $"event {index} is recorded as redacted, and its data is there";
            }
            else if (!SHA256.HashData(e.Data).AsSpan().SequenceEqual(e.DataHash))
            {
                return $"the data of event {index} ({e.Type} of {e.Stream}) does not have its hash";
            }
            var known = streams.TryGetValue(Key(e.Stream), out var version) || fromStart;
            if (known ? e.StreamVersion != version + 1 : e.StreamVersion < 1)
                return string.Create(CultureInfo.InvariantCulture, $"event {index} is version {e.StreamVersion} of {e.Stream}, which was at {version}");
            streams[Key(e.Stream)] = e.StreamVersion;
        }
        return null;
    }

    string? Chain(RevisionRecord record) =>
        record.Org == org && RevisionChain.Next(chain, record).AsSpan().SequenceEqual(record.Chain) ? null
            : "its chain is not the one that its fields give: something in it, or in the chain before it, was changed";

    // half of a SHA-256: two streams with the same one are not to be found
    static UInt128 Key(string stream) => BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(stream)));
}
