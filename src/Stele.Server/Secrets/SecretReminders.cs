using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Secrets;

/// <summary>A secret that somebody should look after.</summary>
/// <param name="Org">Whose.</param>
/// <param name="Environment">The environment.</param>
/// <param name="Path">The path.</param>
/// <param name="Version">Its version.</param>
/// <param name="Status">rotation_due, expiring or expired.</param>
/// <param name="At">Its end, or since when a new value is due.</param>
internal sealed record DueSecret(OrgId Org, string Environment, string Path, long Version, string Status, Timestamp At);

/// <summary>
/// Tells of secrets whose end is near or past, and of those for which a new value is due: how many there are, by a metric of every node, and each of them once, by an
/// entry in its organization's audit log. The entry is written before it is noted that it was, by one node at a time: a crash between the two gives it twice, and
/// none is lost. By the database's clock.
/// </summary>
internal sealed class SecretReminders(DatabaseConnections database, AuditTrail trail, SecretMetrics metrics, StatementTimer statements, TimeProvider time, ILogger<SecretReminders> log) : BackgroundService
{
    const int PageSecrets = 1_000;
    static readonly TimeSpan betweenLooks = TimeSpan.FromMinutes(1);

    static int WarningDays => (int)SecretLimits.WarningDays.Value;

    /// <summary>Counts, and reminds of what nobody was reminded of yet; of how many that was.</summary>
    public async Task<int> RunOnce(CancellationToken cancellation)
    {
        var counts = await Counts(cancellation);
        metrics.Due(counts);
        if (counts.Count == 0) return 0;
        // what is bound to a session needs one that is closed for good
        await using var turn = await database.Direct.OpenConnectionAsync(cancellation);
        await using (var command = PostgresParameters.Command(turn, TurnSql))
            if (!(bool)(await command.ExecuteScalarAsync(cancellation))!) return 0;
        var given = 0;
        while (await Ungiven(cancellation) is { Count: > 0 } page)
        {
            var told = 0;
            foreach (var org in page.GroupBy(due => due.Org)) told += await Remind(org.Key, [.. org], cancellation);
            given += told;
            if (told < page.Count || page.Count < PageSecrets) break;
        }
        return given;
    }

    const string TurnSql = """
        SELECT pg_try_advisory_lock(hashtext('stele.secret_reminders'), 0)
        """;

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            // who scrapes a node that has just begun is told a number, and not none
            metrics.Due(await Counts(cancellationToken));
        }
        catch (Exception e) when (StoreFaults.IsAway(e))
        {
            log.RemindersFail(e.Message);
        }
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(betweenLooks, time);
        var failed = false;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                try
                {
                    await RunOnce(stoppingToken);
                    failed = false;
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // once, and not every minute for as long as the database is away
                    if (!failed) log.RemindersFail(StoreFaults.IsAway(e) ? e.Message : e.ToString());
                    failed = true;
                }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    async Task<int> Remind(OrgId org, List<DueSecret> due, CancellationToken cancellation)
    {
        var written = await Task.WhenAll(due.Select(one => trail.Require(org, Entry(one), cancellation).AsTask()));
        var told = due.Where((_, index) => written[index] is null).ToList();
        if (told.Count > 0) await Note(org, told, cancellation);
        return told.Count;
    }

    static AuditEntry Entry(DueSecret due) => new()
    {
        Action = SecretActions.Due(due.Status), Actor = AuditEntry.Nobody, RequestId = Guid.Empty, Target = $"secret/{due.Environment}/{due.Path}", Environment = due.Environment,
        Detail = $"version {due.Version}, {(due.Status == "rotation_due" ? "a new value is due since" : due.Status == "expired" ? "ended at" : "ends at")} {due.At}",
    };

    async Task<Dictionary<string, long>> Counts(CancellationToken cancellation)
    {
        using var timing = statements.Start("secrets_due_count");
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, CountsSql, WarningDays);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancellation)) counts[reader.GetString(0)] = reader.GetInt64(1);
        return counts;
    }

    const string CountsSql = """
        SELECT d.status, count(*) FROM stele.secrets_due($1) d GROUP BY d.status
        """;

    async Task<List<DueSecret>> Ungiven(CancellationToken cancellation)
    {
        using var timing = statements.Start("secrets_due");
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, UngivenSql, WarningDays, PageSecrets);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new List<DueSecret>();
        while (await reader.ReadAsync(cancellation))
            found.Add(new DueSecret(new OrgId(reader.GetInt32(0)), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetString(4), Timestamp.From(reader.GetDateTime(5))));
        return found;
    }

    const string UngivenSql = """
        SELECT d.org_id, d.environment, d.path, d.version, d.status, d.at FROM stele.secrets_due($1) d
        WHERE NOT EXISTS (SELECT FROM stele.secret_reminder r WHERE r.org_id = d.org_id AND r.environment = d.environment AND r.path = d.path AND r.status = d.status AND r.version >= d.version)
        ORDER BY d.org_id, d.at LIMIT $2
        """;

    async Task Note(OrgId org, List<DueSecret> told, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_reminder");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(NoteSql, org.Value, told.Select(due => due.Environment).ToArray(), told.Select(due => due.Path).ToArray(),
            told.Select(due => due.Status).ToArray(), told.Select(due => due.Version).ToArray()));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string NoteSql = """
        INSERT INTO stele.secret_reminder AS r (org_id, environment, path, status, version, given_at)
        SELECT $1, n.environment, n.path, n.status, n.version, now() FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) AS n (environment, path, status, version)
        ON CONFLICT (org_id, environment, path, status) DO UPDATE SET version = excluded.version, given_at = excluded.given_at WHERE r.version < excluded.version
        """;
}
