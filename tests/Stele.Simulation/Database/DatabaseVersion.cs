using System.Collections.Immutable;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Simulation.Database;

/// <summary>All that the database holds after a commit. Immutable: a snapshot is a reference, and so is a backup.</summary>
internal sealed record DatabaseVersion(ClusterRow Cluster, ImmutableSortedDictionary<int, OrgRows> Orgs)
{
    public OrgRows? Org(OrgId org) => Orgs.GetValueOrDefault(org.Value);

    public DatabaseVersion With(OrgRows rows) => this with { Orgs = Orgs.SetItem(rows.Head.Org.Value, rows) };
}

internal sealed record ClusterRow(Guid Incarnation, long Counter, long System, int Timeline);

/// <summary>The rows of one org: its head, its journal, its query tables, its idempotency records.</summary>
internal sealed record OrgRows(
    Head Head, ImmutableList<RevisionRecord> Revisions, ImmutableDictionary<Guid, long> Requests, ConfigurationTables Tables,
    ImmutableDictionary<(string Principal, string Key), StoredOutcome> Outcomes)
{
    /// <summary>What an asynchronous projection has made of the journal, and how far it has come.</summary>
    public ProjectedRows Projected { get; init; } = ProjectedRows.None;

    /// <summary>Of secrets what stands beside the journal.</summary>
    public SecretKeys SecretKeys { get; init; } = SecretKeys.Empty;

    public static OrgRows Create(OrgId org, Guid incarnation, int format) => new(
        new Head(org, incarnation, 0, 0, RevisionChain.Genesis, Timestamp.Epoch, format), [],
        ImmutableDictionary<Guid, long>.Empty, ConfigurationTables.Empty, ImmutableDictionary<(string, string), StoredOutcome>.Empty);

    /// <summary>With a batch appended, its payloads dropped: what is stored are bytes.</summary>
    public OrgRows With(AppendBatch batch, Timestamp now)
    {
        var (revisions, requests, tables, outcomes) = (Revisions.ToBuilder(), Requests.ToBuilder(), Tables, Outcomes.ToBuilder());
        foreach (var revision in batch.Revisions)
        {
            var stored = revision with { Events = [.. revision.Events.Select(e => e with { Payload = null })] };
            revisions.Add(stored);
            requests.Add(revision.RequestId, revision.Revision);
            tables = tables.Project(stored);
        }
        foreach (var row in batch.Idempotency) outcomes[(row.Principal, row.Key)] = new StoredOutcome(row.Fingerprint, row.Revision, now);
        var last = batch.Revisions[^1];
        return new OrgRows(Head with { Revision = last.Revision, Chain = last.Chain, LastAt = last.At }, revisions.ToImmutable(),
            requests.ToImmutable(), tables, outcomes.ToImmutable()) { Projected = Projected, SecretKeys = SecretKeys };
    }

    /// <summary>As it was at a revision, with what is not in the journal as it is.</summary>
    public OrgRows Back(long revision)
    {
        var kept = Revisions.RemoveRange((int)revision, Revisions.Count - (int)revision);
        var tables = kept.Aggregate(ConfigurationTables.Empty, (before, record) => before.Project(record));
        var last = kept.IsEmpty ? null : kept[^1];
        return this with
        {
            Head = Head with { Revision = revision, Chain = last?.Chain ?? RevisionChain.Genesis, LastAt = last?.At ?? Timestamp.Epoch }, Revisions = kept, Tables = tables,
            Requests = kept.ToImmutableDictionary(record => record.RequestId, record => record.Revision),
        };
    }

    public OrgState Load((string Environment, string Key)? only = null) =>
        Tables.Load(Head.Org, Head.Incarnation, Head.Fence, Head.Format, new JournalPlace(Head.Revision, Head.Chain), Head.LastAt, only) with
        {
            Today = Revisions.Aggregate(default(WriteDay), (day, revision) => day.After(revision.At, revision.Revision)),
        };

    /// <summary>Revisions after one, as read back: payloads decoded from the stored bytes.</summary>
    public List<RevisionRecord> Read(long after, int limit)
    {
        var found = new List<RevisionRecord>();
        for (var i = (int)after; i < Revisions.Count && found.Count < limit; i++)
            found.Add(Revisions[i] with { Events = [.. Revisions[i].Events.Select(e => e with { Payload = EventCodec.Decode(e.Type, e.Data) })] });
        return found;
    }
}

internal sealed record StoredOutcome(byte[] Fingerprint, long Revision, Timestamp CreatedAt);

/// <summary>An asynchronous projection of one org: how often each stream was written, and with which version last.</summary>
internal sealed record ProjectedRows(long Checkpoint, ImmutableSortedDictionary<string, (long Events, long Version)> Streams)
{
    public static readonly ProjectedRows None = new(0, ImmutableSortedDictionary.Create<string, (long, long)>(StringComparer.Ordinal));

    /// <summary>With some revisions more.</summary>
    public ProjectedRows With(IReadOnlyList<RevisionRecord> revisions)
    {
        var streams = Streams.ToBuilder();
        foreach (var e in revisions.SelectMany(revision => revision.Events))
            streams[e.Stream] = (streams.TryGetValue(e.Stream, out var before) ? before.Events + 1 : 1, e.StreamVersion);
        return new ProjectedRows(revisions[^1].Revision, streams.ToImmutable());
    }
}
