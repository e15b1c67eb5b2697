using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// Writes a month's partition into a file, walking its chain as <c>stele verify</c> does: what does not verify is not
/// archived. Streams, so a month may be of any size.
/// </summary>
internal sealed class MonthExport(ArchiveDatabase database, DateOnly month, Action<string> progress)
{
    const int ProgressRevisions = 5_000;

    readonly List<ArchivedRange> ranges = [];
    long revisions;

    /// <summary>Writes the file and gives what each org has in it, and the hash of its content.</summary>
    public async Task<(IReadOnlyList<ArchivedRange> Ranges, byte[] ContentHash)> Write(string path, CancellationToken cancellation)
    {
        var floors = await Floors(cancellation);
        using var writer = new ArchiveWriter(path, month);
        JournalVerification? walk = null;
        ArchivedRange? range = null;
        await foreach (var (stored, redactions) in Stored(cancellation))
        {
            var record = stored.Record;
            if (range?.Org != record.Org)
            {
                var (after, chain, at) = floors[record.Org];
                if (range is not null) ranges.Add(range);
                walk = new JournalVerification(record.Org, after, chain, at);
                range = new ArchivedRange(record.Org, month, after + 1, after, chain, chain, 0, ArchiveFile.NameOf(month), [], false);
                writer.Org(record.Org, after, chain);
            }
            if (walk!.Next(stored) is { } bad)
                throw new ArchiveException($"Revision {bad.Revision} of organization {record.Org} is bad: {bad.Reason}. What does not verify is not archived; ./stele verify says more.");
            range = range with { Last = record.Revision, ChainAfter = record.Chain, Events = range.Events + record.Events.Count };
            writer.Revision(record, redactions);
            if (++revisions % ProgressRevisions == 0) progress($"{ArchiveFile.Text(month)}: {revisions} revisions written");
        }
        if (range is not null) ranges.Add(range);
        return (ranges, writer.Finish());
    }

    /// <summary>Where the live part of each org's journal begins.</summary>
    async Task<Dictionary<OrgId, (long Revision, byte[] Chain, Timestamp At)>> Floors(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(FloorsSql, database.Connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var floors = new Dictionary<OrgId, (long, byte[], Timestamp)>();
        while (await reader.ReadAsync(cancellation))
            floors[new OrgId(reader.GetInt32(0))] = reader.IsDBNull(2)
                ? (reader.GetInt64(1), RevisionChain.Genesis, Timestamp.Epoch)
                : (reader.GetInt64(1), (byte[])reader[2], Timestamp.From(reader.GetDateTime(3)));
        return floors;
    }

    // a sweep over the heads by design: one row an org
    const string FloorsSql = """
        SELECT h.org_id, f.floor, r.chain, r.at
        FROM stele.journal_head h
        CROSS JOIN LATERAL (SELECT stele.journal_floor(h.org_id) AS floor) AS f
        LEFT JOIN stele.revision r ON r.org_id = h.org_id AND r.revision = f.floor
        ORDER BY h.org_id
        """;

    async IAsyncEnumerable<(StoredRevision Stored, List<RecordedRedaction> Redactions)> Stored(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, EventsSql, Start(month), Start(month.AddMonths(1)));
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        (RevisionRecord Record, List<Timestamp> Times, List<RecordedRedaction> Redactions)? open = null;
        while (await reader.ReadAsync(cancellation))
        {
            var (org, revision) = (new OrgId(reader.GetInt32(0)), reader.GetInt64(1));
            if (open is not { } last || last.Record.Org != org || last.Record.Revision != revision)
            {
                if (open is { } done) yield return Close(done);
                if (reader.IsDBNull(10)) throw new ArchiveException($"Revision {revision} of organization {org} has events and no row of its own. ./stele verify says more.");
                open = last = (new RevisionRecord(org, revision, Timestamp.From(reader.GetDateTime(11)), reader.GetString(12), reader.IsDBNull(13) ? null : reader.GetString(13),
                    reader.GetGuid(14), (byte[])reader[10], new List<EventRecord>()), [], []);
            }
            ((List<EventRecord>)last.Record.Events).Add(new EventRecord(reader.GetInt32(2), reader.GetGuid(4), null, reader.GetString(7), reader.GetString(5),
                reader.GetInt64(6), reader.IsDBNull(8) ? null : (byte[])reader[8], (byte[])reader[9]));
            last.Times.Add(Timestamp.From(reader.GetDateTime(3)));
            if (!reader.IsDBNull(15))
                last.Redactions.Add(new RecordedRedaction(reader.GetInt32(2), reader.GetString(15), reader.GetString(16), Timestamp.From(reader.GetDateTime(17))));
        }
        if (open is { } final) yield return Close(final);
    }

    static (StoredRevision, List<RecordedRedaction>) Close((RevisionRecord Record, List<Timestamp> Times, List<RecordedRedaction> Redactions) revision) =>
        (new StoredRevision(revision.Record, revision.Times, revision.Redactions.Select(redaction => redaction.Ordinal).ToHashSet()), revision.Redactions);

    static DateTime Start(DateOnly month) => month.ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc);

    // the bounds are those of one partition, which is all that is read
    const string EventsSql = """
        SELECT e.org_id, e.revision, e.ordinal, e.at, e.event_id, e.stream, e.stream_version, e.type, e.data, e.data_hash,
               r.chain, r.at, r.actor, r.reason, r.request_id, d.actor, d.reason, d.redacted_at
        FROM stele.event e
        LEFT JOIN stele.revision r ON r.org_id = e.org_id AND r.revision = e.revision
        LEFT JOIN stele.redaction d ON d.org_id = e.org_id AND d.revision = e.revision AND d.ordinal = e.ordinal
        WHERE e.at >= $1 AND e.at < $2
        ORDER BY e.org_id, e.revision, e.ordinal
        """;
}
