using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// The archived part of <c>stele verify --archive DIR</c>: walks the files of a directory, oldest first, from the first
/// revision of every org to the floor, and compares each revision with the row that stayed in the database. The walks go on
/// in the live journal where the files end.
/// </summary>
internal sealed class ArchiveVerification(string directory, NpgsqlDataSource app, Action<string> progress)
{
    const int PageRevisions = 1_000;
    const int RangesMax = 10_000;
    const int PageSeconds = 60;

    readonly Dictionary<OrgId, List<ArchivedRange>> ranges = [];
    readonly Dictionary<OrgId, Queue<(long Revision, byte[] Chain, Timestamp At, string Actor, string? Reason, Guid RequestId)>> rows = [];

    /// <summary>The walk of each org up to its floor, and what was bad there, if anything.</summary>
    public Dictionary<OrgId, (JournalVerification Walk, BadRevision? Bad)> Walks { get; } = [];

    /// <summary>Walks the files.</summary>
    public async Task Run(IReadOnlyList<OrgId> orgs, CancellationToken cancellation)
    {
        foreach (var org in orgs)
        {
            ranges[org] = [.. await Ranges(org, app, cancellation)];
            Walks[org] = (new JournalVerification(org), null);
        }
        foreach (var month in ranges.Values.SelectMany(all => all).GroupBy(range => range.Month).OrderBy(group => group.Key))
        {
            var whole = false;
            string? broken = null;
            try
            {
                whole = await Walk(Path.Combine(directory, month.First().File), month, cancellation);
            }
            catch (Exception e) when (e is ArchiveException or IOException or UnauthorizedAccessException)
            {
                broken = e.Message;
            }
            foreach (var range in month)
                if (Walks[range.Org] is { Bad: null } so && (!whole || so.Walk.Revision < range.Last))
                    Walks[range.Org] = (so.Walk, new BadRevision(Math.Min(so.Walk.Revision + 1, range.Last), broken ?? $"{range.File} is not the file that was recorded when {ArchiveFile.Text(range.Month)} was archived"));
        }
    }

    /// <summary>What of an org is archived, oldest first.</summary>
    public static async Task<IReadOnlyList<ArchivedRange>> Ranges(OrgId org, NpgsqlDataSource app, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(RangesSql, org.Value, RangesMax));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new List<ArchivedRange>();
        while (await reader.ReadAsync(cancellation)) found.Add(ArchiveDatabase.ReadRange(reader));
        return found;
    }

    const string RangesSql = """
        SELECT org_id, month, first_revision, last_revision, chain_before, chain_after, events, file, content_hash, restored_at IS NOT NULL
        FROM stele.archived WHERE org_id = $1 AND restored_at IS NULL ORDER BY month LIMIT $2
        """;

    // false: it is whole, and not the one that was recorded
    async Task<bool> Walk(string path, IEnumerable<ArchivedRange> month, CancellationToken cancellation)
    {
        using var reader = new ArchiveReader(path);
        long seen = 0;
        foreach (var (org, _, stored) in reader.Revisions())
        {
            if (!Walks.TryGetValue(org, out var so) || so.Bad is not null) continue;
            var bad = so.Walk.Next(stored) ?? await Compare(org, stored.Record, cancellation);
            if (bad is not null) Walks[org] = (so.Walk, bad);
            if (++seen % PageRevisions == 0) progress($"{Path.GetFileName(path)}: {seen} revisions ");
        }
        return month.All(range => range.ContentHash.AsSpan().SequenceEqual(reader.ContentHash));
    }

    /// <summary>The rows of revisions stay when their events go, and say the same.</summary>
    async Task<BadRevision?> Compare(OrgId org, RevisionRecord record, CancellationToken cancellation)
    {
        if (!rows.TryGetValue(org, out var page)) rows[org] = page = new();
        if (page.Count == 0) await Fill(org, record.Revision - 1, page, cancellation);
        if (!page.TryDequeue(out var row) || row.Revision != record.Revision) return new BadRevision(record.Revision, "it is in the archive, and its row is missing in the database");
        return row.Chain.AsSpan().SequenceEqual(record.Chain) && row.At == record.At && row.Actor == record.Actor && row.Reason == record.Reason && row.RequestId == record.RequestId
            ? null : new BadRevision(record.Revision, "its row in the database is not what was archived");
    }

    async Task Fill(OrgId org, long after, Queue<(long, byte[], Timestamp, string, string?, Guid)> page, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(RowsSql, org.Value, after, PageRevisions));
        batch.Timeout = PageSeconds;
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            page.Enqueue((reader.GetInt64(0), (byte[])reader[1], Timestamp.From(reader.GetDateTime(2)), reader.GetString(3), reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetGuid(5)));
    }

    const string RowsSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision > $2 ORDER BY revision LIMIT $3
        """;
}
