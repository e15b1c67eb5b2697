using System.Globalization;
using System.Text.Json;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Archive;
using Stele.Server.Audit;
using Stele.Server.Database;

namespace Stele.Server.Journal;

/// <summary>
/// <c>stele verify [--org NAME] [--archive DIR] [--checkpoint FILE [--key FILE]] [--json]</c>: walks the journal of each org, page by page,
/// while servers write; from its floor on, or with the archived files before it. Then its audit log, and, with a checkpoint, whether
/// both still contain what was signed. Exit code 0: all is well; 1: something bad was found, and the first of each org is named; 2:
/// wrong usage.
/// </summary>
internal static class VerifyCommand
{
    const int PageRevisions = 500, OrgsMax = 100_000, PageSeconds = 60;

    /// <summary>What was found of one org.</summary>
    /// <param name="Skipped">Revisions that are archived and were not looked at.</param>
    internal sealed record Finding(string Org, long Skipped, long Revisions, long Events, long Redacted, string Cursor, BadRevision? Bad)
    {
        /// <summary>Of its audit log; null: not looked at.</summary>
        public AuditFinding? Audit { get; init; }
    }

    /// <summary>Runs the command.</summary>
    public static async Task<int> Run(string[] args, DatabaseConnections pools, TextWriter output, TextWriter? progress, CancellationToken cancellation)
    {
        string? only = null, archive = null, checkpoint = null, key = null;
        var json = false;
        for (var i = 0; i < args.Length; i++)
        {
            if (args[i] == "--json") json = true;
            else if (args[i] == "--org" && i + 1 < args.Length) only = args[++i];
            else if (args[i] == "--archive" && i + 1 < args.Length) archive = args[++i];
            else if (args[i] == "--checkpoint" && i + 1 < args.Length) checkpoint = args[++i];
            else if (args[i] == "--key" && i + 1 < args.Length) key = args[++i];
            else
            {
                await output.WriteLineAsync("usage: stele verify [--org NAME] [--archive DIR] [--checkpoint FILE [--key FILE]] [--json]");
                return MigrateCommand.Usage;
            }
        }
        var orgs = (await Orgs(pools, cancellation)).Where(org => only is null || org.Name == only).ToList();
        if (only is not null && orgs.Count == 0)
        {
            await output.WriteLineAsync($"error: there is no organization '{only}'");
            return MigrateCommand.Usage;
        }
        var files = new ArchiveVerification(archive ?? "", pools.App, line => progress?.Write($"\r{line}"));
        if (archive is not null) await files.Run([.. orgs.Select(org => org.Org)], cancellation);
        var findings = new List<Finding>();
        foreach (var (org, name) in orgs)
        {
            var begun = archive is null ? await Begin(org, pools.App, cancellation) : files.Walks[org];
            var finding = await Walk(org, name, begun, archive is null, pools, progress, cancellation);
            // what was missing may have been archived under the walk, which then begins again at the new floor
            if (finding.Bad is not null && archive is null && await Begin(org, pools.App, cancellation) is var again && again.Walk.Revision > finding.Skipped)
                finding = await Walk(org, name, again, true, pools, progress, cancellation);
            findings.Add(finding with { Audit = await AuditVerification.Walk(org, pools.App, cancellation) });
            if (!json) await Tell(findings[^1], output);
        }
        var installation = only is null ? await AuditVerification.Walk(AuditEntry.Installation, pools.App, cancellation) : null;
        if (!json && installation is { Last: > 0 } or { Bad: not null }) await output.WriteLineAsync($"audit log of the installation: {installation}");
        var proof = checkpoint is null ? null : await CheckpointProof.Run(checkpoint, key ?? "", orgs, only is null, pools, cancellation);
        if (json) await output.WriteLineAsync(Json(findings, installation, proof));
        else if (proof is not null) await output.WriteLineAsync(proof.ToString());
        return findings.TrueForAll(finding => finding is { Bad: null, Audit.Bad: null }) && installation?.Bad is null && proof?.Problems is null or { Count: 0 } ? MigrateCommand.Done : MigrateCommand.Failed;
    }

    static async Task Tell(Finding finding, TextWriter output)
    {
        await output.WriteLineAsync(Line(finding));
        if (finding.Audit is { Last: > 0 } or { Bad: not null }) await output.WriteLineAsync($"{finding.Org}, audit log: {finding.Audit}");
    }

    /// <summary>At the floor: what is below it is archived, joins on there by its chain, and is not looked at.</summary>
    static async Task<(JournalVerification Walk, BadRevision? Bad)> Begin(OrgId org, NpgsqlDataSource app, CancellationToken cancellation)
    {
        var ranges = await ArchiveVerification.Ranges(org, app, cancellation);
        if (ranges.Count == 0) return (new JournalVerification(org), null);
        var floor = ranges[^1];
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(RevisionsSql, org.Value, floor.Last - 1, 1));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = await reader.ReadAsync(cancellation) && reader.GetInt64(0) == floor.Last;
        var walk = new JournalVerification(org, floor.Last, floor.ChainAfter, found ? Timestamp.From(reader.GetDateTime(2)) : Timestamp.Epoch);
        var joint = ranges.Zip(ranges.Skip(1)).FirstOrDefault(pair => pair.Second.First != pair.First.Last + 1 || !pair.Second.ChainBefore.AsSpan().SequenceEqual(pair.First.ChainAfter));
        return (walk, !found ? new BadRevision(floor.Last, "it is the last that is archived, and its row is missing")
            : !((byte[])reader[1]).AsSpan().SequenceEqual(floor.ChainAfter) ? new BadRevision(floor.Last, "its chain is not the one that was archived")
            : joint.Second is { } second ? new BadRevision(second.First, $"{second.File} does not join on to {joint.First.File}") : null);
    }

    static async Task<Finding> Walk(OrgId org, string name, (JournalVerification Walk, BadRevision? Bad) begun, bool skips, DatabaseConnections pools, TextWriter? progress, CancellationToken cancellation)
    {
        var (walk, bad) = begun;
        var skipped = skips ? walk.Revision : 0;
        while (bad is null)
        {
            var (page, head) = await Page(org, walk.Revision, pools.App, cancellation);
            foreach (var stored in page)
                if ((bad = walk.Next(stored)) is not null) break;
            progress?.Write($"\r{name}: {walk.Revision} of {head.Revision} revisions ");
            // the head was read in the page's snapshot: a short page must have brought us level with it
            if (bad is not null || page.Count == PageRevisions) continue;
            bad = walk.End(head);
            break;
        }
        progress?.Write('\r');
        return new Finding(name, skipped, walk.Revision, walk.Events, walk.Redacted, walk.Cursor.ToString(), bad);
    }

    static async Task<IReadOnlyList<(OrgId Org, string Name)>> Orgs(DatabaseConnections pools, CancellationToken cancellation)
    {
        await using var command = pools.Tail.CreateCommand(OrgsSql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = OrgsMax });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<(OrgId, string)>();
        while (await reader.ReadAsync(cancellation))
            orgs.Add((new OrgId(reader.GetInt32(0)), reader.IsDBNull(1) ? $"#{reader.GetInt32(0)}" : reader.GetString(1)));
        return orgs;
    }

    // an org that lost its row in the directory still has a journal
    const string OrgsSql = """
        SELECT h.org_id, o.name FROM stele.journal_head h LEFT JOIN stele.org o ON o.org_id = h.org_id ORDER BY h.org_id LIMIT $1
        """;

    static async Task<(List<StoredRevision> Page, Head Head)> Page(OrgId org, long after, NpgsqlDataSource app, CancellationToken cancellation)
    {
        await using var connection = await app.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        await using var batch = new NpgsqlBatch(connection, transaction) { Timeout = PageSeconds };
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(HeadSql, org.Value));
        batch.BatchCommands.Add(PostgresParameters.Command(RedactionsSql, org.Value, after, after + PageRevisions));
        batch.BatchCommands.Add(PostgresParameters.Command(EventsSql, org.Value, after, after + PageRevisions));
        batch.BatchCommands.Add(PostgresParameters.Command(RevisionsSql, org.Value, after, PageRevisions));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var head = new Head(org, reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2), (byte[])reader[3], Timestamp.From(reader.GetDateTime(4)), reader.GetInt32(5));
        await reader.NextResultAsync(cancellation);
        var redacted = new HashSet<(long Revision, int Ordinal)>();
        while (await reader.ReadAsync(cancellation)) redacted.Add((reader.GetInt64(0), reader.GetInt32(1)));
        await reader.NextResultAsync(cancellation);
        var events = new List<(long Revision, Timestamp At, EventRecord Event)>();
        while (await reader.ReadAsync(cancellation)) events.Add((reader.GetInt64(0), Timestamp.From(reader.GetDateTime(1)), ReadEvent(reader)));
        await reader.NextResultAsync(cancellation);
        var byRevision = events.ToLookup(e => e.Revision);
        var page = new List<StoredRevision>();
        while (await reader.ReadAsync(cancellation))
        {
            var revision = reader.GetInt64(0);
            page.Add(new StoredRevision(
                new RevisionRecord(org, revision, Timestamp.From(reader.GetDateTime(2)), reader.GetString(3), reader.IsDBNull(4) ? null : reader.GetString(4),
                    reader.GetGuid(5), (byte[])reader[1], [.. byRevision[revision].Select(e => e.Event)]),
                [.. byRevision[revision].Select(e => e.At)],
                byRevision[revision].Select(e => e.Event.Ordinal).Where(ordinal => redacted.Contains((revision, ordinal))).ToHashSet()));
        }
        return (page, head);
    }

    static EventRecord ReadEvent(NpgsqlDataReader reader) => new(reader.GetInt32(2), reader.GetGuid(3), null, reader.GetString(6), reader.GetString(4),
        reader.GetInt64(5), reader.IsDBNull(7) ? null : (byte[])reader[7], (byte[])reader[8]);

    const string HeadSql = """
        SELECT incarnation, fence, revision, chain, last_at, format FROM stele.journal_head WHERE org_id = $1
        """;

    const string RedactionsSql = """
        SELECT revision, ordinal FROM stele.redaction WHERE org_id = $1 AND revision > $2 AND revision <= $3
        """;

    // without the times of the revisions, although they would find the partition: an event with another time must be seen
    const string EventsSql = """
        SELECT revision, at, ordinal, event_id, stream, stream_version, type, data, data_hash FROM stele.event
        WHERE org_id = $1 AND revision > $2 AND revision <= $3 ORDER BY revision, ordinal
        """;

    const string RevisionsSql = """
        SELECT revision, chain, at, actor, reason, request_id FROM stele.revision WHERE org_id = $1 AND revision > $2 ORDER BY revision LIMIT $3
        """;

    static string Line(Finding finding) => string.Create(CultureInfo.InvariantCulture, $"{finding.Org}: ") + (finding.Bad is { } bad
        ? $"revision {bad.Revision} is bad: {bad.Reason}. The {finding.Revisions - finding.Skipped} before it are good."
        : $"{finding.Revisions - finding.Skipped} revisions and {finding.Events} events are good{(finding.Redacted > 0 ? $", {finding.Redacted} of them redacted" : "")}, up to {finding.Cursor}{(finding.Skipped > 0 ? $"; revisions 1 to {finding.Skipped} are archived and were not read (--archive DIR)" : "")}");

    static string Json(List<Finding> findings, AuditFinding? installation, CheckpointProof? proof) => JsonSerializer.Serialize(new
    {
        ok = findings.TrueForAll(finding => finding is { Bad: null, Audit.Bad: null }) && installation?.Bad is null && proof?.Problems is null or { Count: 0 },
        orgs = findings.Select(finding => new
        {
            org = finding.Org, archived = finding.Skipped, revisions = finding.Revisions - finding.Skipped, events = finding.Events, redacted = finding.Redacted, cursor = finding.Cursor,
            first_bad = finding.Bad is null ? null : new { revision = finding.Bad.Revision, reason = finding.Bad.Reason },
            audit = Json(finding.Audit),
        }),
        installation_audit = Json(installation),
        checkpoint = proof is null ? null : new { made_at = proof.MadeAt, notes = proof.Notes, problems = proof.Problems },
    });

    static object? Json(AuditFinding? audit) => audit is null ? null : new
    {
        dropped = audit.Dropped, entries = audit.Entries, last = audit.Last, first_bad = audit.Bad is null ? null : new { sequence = audit.Bad.Sequence, reason = audit.Bad.Reason },
    };
}
