using System.Data;
using System.Globalization;
using Npgsql;
using Stele.Core.Audit;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Audit;

/// <summary>The first thing that is wrong with an audit log.</summary>
internal sealed record BadEntry(long Sequence, string Reason);

/// <summary>What was found of one org's audit log.</summary>
/// <param name="Dropped">Entries that retention dropped.</param>
/// <param name="Entries">Those that are good.</param>
/// <param name="Last">The last sequence that is good.</param>
/// <param name="Chain">The chain there.</param>
/// <param name="Bad">The first that is not, or null.</param>
internal sealed record AuditFinding(long Dropped, long Entries, long Last, byte[] Chain, BadEntry? Bad)
{
    /// <summary>For people.</summary>
    public override string ToString() => Bad is { } bad
        ? string.Create(CultureInfo.InvariantCulture, $"entry {bad.Sequence} is bad: {bad.Reason}. The {Entries} before it are good.")
        : string.Create(CultureInfo.InvariantCulture, $"{Entries} entries are good, up to {Last}-{Convert.ToHexStringLower(Chain.AsSpan(0, 4))}{(Dropped > 0 ? $"; {Dropped} before them were dropped by retention" : "")}");
}

/// <summary>Walks an org's audit log page by page, while servers write: no gaps, times that never fall, and the chain.</summary>
internal static class AuditVerification
{
    const int PageEntries = 2_000, PageSeconds = 60, MonthsMax = 10_000;

    /// <summary>Walks it, from where retention left off.</summary>
    public static async Task<AuditFinding> Walk(OrgId org, NpgsqlDataSource app, CancellationToken cancellation)
    {
        while (true)
        {
            var (floor, joint) = await Floor(org, app, cancellation);
            var found = joint ?? await Walk(org, floor, app, cancellation);
            // what is missing may have been dropped under the walk, which then begins again
            if (found.Bad is null || (await Floor(org, app, cancellation)).Floor.Last == floor.Last) return found;
        }
    }

    /// <summary>The chain at a sequence, as it is stored; null: there is none, or it was dropped.</summary>
    public static async Task<byte[]?> ChainAt(OrgId org, long sequence, NpgsqlDataSource app, CancellationToken cancellation)
    {
        if (sequence == 0) return AuditChain.Genesis;
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ChainSql, org.Value, sequence));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? (byte[])reader[0] : null;
    }

    const string ChainSql = """
        SELECT chain FROM stele.audit_entry WHERE org_id = $1 AND sequence = $2
        UNION ALL
        SELECT chain_after FROM stele.audit_dropped WHERE org_id = $1 AND last_sequence = $2
        LIMIT 1
        """;

    static async Task<AuditFinding> Walk(OrgId org, (long Last, byte[] Chain) floor, NpgsqlDataSource app, CancellationToken cancellation)
    {
        var (last, chain, at) = (floor.Last, floor.Chain, Timestamp.Epoch);
        AuditFinding Bad(string reason) => new(floor.Last, last - floor.Last, last, chain, new BadEntry(last + 1, reason));
        while (true)
        {
            var (page, head) = await Page(org, last, app, cancellation);
            foreach (var entry in page)
            {
                if (entry.Sequence != last + 1) return Bad(string.Create(CultureInfo.InvariantCulture, $"it is missing; the next that is there is {entry.Sequence}"));
                if (entry.At < at) return Bad($"its time {entry.At} is before that of the entry before it");
                if (!AuditChain.Next(chain, entry).AsSpan().SequenceEqual(entry.Chain)) return Bad("its chain is not the one that its fields give: something in it, or in the chain before it, was changed");
                (last, chain, at) = (entry.Sequence, entry.Chain, entry.At);
            }
            // the head was read in the page's snapshot: a short page must have brought us level with it
            if (page.Count == PageEntries) continue;
            if (head is not { } there) return last == 0 ? new AuditFinding(0, 0, 0, chain, null) : Bad("the head is missing");
            if (there.Sequence > last) return Bad(string.Create(CultureInfo.InvariantCulture, $"it is missing; the head is at {there.Sequence}"));
            if (there.Sequence < last) return Bad(string.Create(CultureInfo.InvariantCulture, $"the head is at {there.Sequence}, and does not know the one before it"));
            return there.Chain.AsSpan().SequenceEqual(chain) ? new AuditFinding(floor.Last, last - floor.Last, last, chain, null) : Bad("the head has another chain");
        }
    }

    /// <summary>Where the log begins; or what is wrong with the record of what was dropped.</summary>
    static async Task<((long Last, byte[] Chain) Floor, AuditFinding? Joint)> Floor(OrgId org, NpgsqlDataSource app, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(DroppedSql, org.Value, MonthsMax));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var (last, chain) = (0L, AuditChain.Genesis);
        AuditFinding? joint = null;
        while (await reader.ReadAsync(cancellation))
        {
            if (reader.GetInt64(0) != last + 1 || !((byte[])reader[2]).AsSpan().SequenceEqual(chain))
                joint ??= new AuditFinding(last, 0, last, chain, new BadEntry(last + 1, "the record of what retention dropped does not join on to it"));
            (last, chain) = (reader.GetInt64(1), (byte[])reader[3]);
        }
        return ((last, chain), joint);
    }

    const string DroppedSql = """
        SELECT first_sequence, last_sequence, chain_before, chain_after FROM stele.audit_dropped WHERE org_id = $1 ORDER BY month LIMIT $2
        """;

    static async Task<(List<AuditRecord> Page, (long Sequence, byte[] Chain)? Head)> Page(OrgId org, long after, NpgsqlDataSource app, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellation);
        await using var batch = new NpgsqlBatch(connection, transaction) { Timeout = PageSeconds };
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(HeadSql, org.Value));
        batch.BatchCommands.Add(PostgresParameters.Command(EntriesSql, org.Value, after, PageEntries));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        (long, byte[])? head = await reader.ReadAsync(cancellation) ? (reader.GetInt64(0), (byte[])reader[1]) : null;
        await reader.NextResultAsync(cancellation);
        var page = new List<AuditRecord>();
        while (await reader.ReadAsync(cancellation))
            page.Add(new AuditRecord(org, reader.GetInt64(0), Timestamp.From(reader.GetDateTime(1)), reader.GetString(2), reader.GetString(3), Text(reader, 4), Text(reader, 5),
                reader.GetString(6), Text(reader, 7), reader.GetInt32(8), reader.GetGuid(9), Text(reader, 10), Text(reader, 11), (byte[])reader[12]));
        return (page, head);
    }

    static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    const string HeadSql = """
        SELECT sequence, chain FROM stele.audit_head WHERE org_id = $1
        """;

    const string EntriesSql = """
        SELECT sequence, at, action, actor, target, environment, outcome, code, times, request_id, address, detail, chain
        FROM stele.audit_entry WHERE org_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
        """;
}
