using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Webhooks;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>A webhook that may have something to send.</summary>
internal readonly record struct DueWebhook(OrgId Org, Guid Id);

/// <summary>A webhook that this node sends for, until its claim ends.</summary>
/// <param name="Place">How far it has come.</param>
/// <param name="Queued">Revisions whose messages somebody wants sent again.</param>
internal sealed record WebhookClaim(WebhookPlace Place, IReadOnlyList<long> Queued);

/// <summary>
/// Where senders take their turns and write down what came of it. Moves are compare-and-set on the place, so that a sender whose claim passed
/// while it paused changes nothing; it can only have sent twice.
/// </summary>
internal sealed class WebhookStore(DatabaseConnections pools, StatementTimer statements)
{
    // longer than a turn and one more attempt
    const int ClaimSeconds = 40, DueMax = 1_000, QueuedMax = 16;

    /// <summary>Webhooks of all orgs that are behind, and may go on now, and that nobody sends for.</summary>
    public async Task<List<DueWebhook>> Due(CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_due");
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, DueSql, DueMax);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var due = new List<DueWebhook>();
        while (await reader.ReadAsync(cancellation)) due.Add(new DueWebhook(new OrgId(reader.GetInt32(0)), reader.GetGuid(1)));
        return due;
    }

    // a sweep over the places of all orgs by design: few rows an org
    const string DueSql = """
        SELECT p.org_id, p.webhook_id
        FROM stele.webhook_place p JOIN stele.webhook w ON w.org_id = p.org_id AND w.webhook_id = p.webhook_id JOIN stele.journal_head h ON h.org_id = p.org_id
        WHERE (p.taken_until IS NULL OR p.taken_until < now())
          AND (w.enabled AND p.suspended IS NULL AND (p.next_at IS NULL OR p.next_at <= now()) AND (h.revision > p.revision OR h.incarnation <> p.incarnation)
               OR EXISTS (SELECT FROM stele.webhook_letter l WHERE l.org_id = p.org_id AND l.webhook_id = p.webhook_id AND l.state = 'queued'))
        ORDER BY p.next_at NULLS FIRST LIMIT $1
        """;

    /// <summary>Webhooks of all orgs with a secret that was stored before secrets were sealed.</summary>
    public async Task<List<DueWebhook>> Unsealed(CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_unsealed");
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, UnsealedSql, DueMax);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new List<DueWebhook>();
        while (await reader.ReadAsync(cancellation)) found.Add(new DueWebhook(new OrgId(reader.GetInt32(0)), reader.GetGuid(1)));
        return found;
    }

    const string UnsealedSql = """
        SELECT org_id, webhook_id FROM stele.webhook_secret WHERE NOT is_sealed ORDER BY org_id LIMIT $1
        """;

    /// <summary>Puts a sealed secret in the place of the same one as it is, unless another node has.</summary>
    public async Task Seal(OrgId org, Guid webhook, int version, byte[] plain, byte[] sealedSecret, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_seal");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(SealSql, org.Value, webhook, version, plain, sealedSecret));
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    const string SealSql = """
        UPDATE stele.webhook_secret SET secret = $5 WHERE org_id = $1 AND webhook_id = $2 AND version = $3 AND secret = $4
        """;

    /// <summary>Takes a webhook; null when another node has it, or it is not there any more.</summary>
    public async Task<WebhookClaim?> Claim(OrgId org, Guid webhook, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_claim");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ClaimSql, org.Value, webhook, ClaimSeconds));
        batch.BatchCommands.Add(PostgresParameters.Command(QueuedSql, org.Value, webhook, QueuedMax));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        var place = WebhookQueries.Place(reader, 0);
        await reader.NextResultAsync(cancellation);
        var queued = new List<long>();
        while (await reader.ReadAsync(cancellation)) queued.Add(reader.GetInt64(0));
        return new WebhookClaim(place, queued);
    }

    const string ClaimSql = """
        UPDATE stele.webhook_place SET taken_until = now() + make_interval(secs => $3)
        WHERE org_id = $1 AND webhook_id = $2 AND (taken_until IS NULL OR taken_until < now())
        RETURNING revision, chain, incarnation, attempts, failing_since, next_at, status, failure, suspended, delivered_at
        """;

    const string QueuedSql = """
        SELECT revision FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2 AND state = 'queued' ORDER BY revision LIMIT $3
        """;

    /// <summary>Lets another turn begin.</summary>
    public Task Release(OrgId org, Guid webhook, CancellationToken cancellation) => Write("webhook_release", org, cancellation, PostgresParameters.Command(ReleaseSql, org.Value, webhook));

    const string ReleaseSql = """
        UPDATE stele.webhook_place SET taken_until = NULL WHERE org_id = $1 AND webhook_id = $2
        """;

    /// <summary>Past revisions of which it sees nothing; false when it is not where it was.</summary>
    public Task<bool> Pass(OrgId org, Guid webhook, long from, JournalPlace to, Guid incarnation, CancellationToken cancellation) =>
        Write("webhook_pass", org, cancellation, PostgresParameters.Command(PassSql, org.Value, webhook, from, to.Revision, to.Chain, incarnation));

    const string PassSql = """
        UPDATE stele.webhook_place SET revision = $4, chain = $5, incarnation = $6, attempts = 0, failing_since = NULL, next_at = NULL, status = NULL, failure = NULL
        WHERE org_id = $1 AND webhook_id = $2 AND revision = $3
        """;

    /// <summary>A message arrived, or is given up; false when the webhook is not where it was, and then nothing is written.</summary>
    public Task<bool> Settle(OrgId org, Guid webhook, long from, JournalPlace to, Guid incarnation, WebhookAttempt attempt, int attempts, CancellationToken cancellation)
    {
        var state = attempt.Arrived ? "delivered" : "dead";
        return Write("webhook_settle", org, cancellation,
            PostgresParameters.Command(SettleSql, org.Value, webhook, from, to.Revision, to.Chain, incarnation, state, attempts, Nullable(attempt.Status), Nullable(attempt.Failure)),
            attempt.Arrived ? PostgresParameters.Command(ForgetSql, org.Value, webhook, (int)WebhookLimits.Deliveries.Value) : PostgresParameters.Command(SuspendFullSql, org.Value, webhook, (int)WebhookLimits.DeadLetters.Value));
    }

    const string SettleSql = """
        WITH moved AS (
            UPDATE stele.webhook_place SET revision = $4, chain = $5, incarnation = $6, attempts = 0, failing_since = NULL, next_at = NULL, status = NULL, failure = NULL,
                   delivered_at = CASE WHEN $7 = 'delivered' THEN now() ELSE delivered_at END
            WHERE org_id = $1 AND webhook_id = $2 AND revision = $3
            RETURNING org_id
        )
        INSERT INTO stele.webhook_letter (org_id, webhook_id, revision, state, attempts, last_at, status, failure) SELECT m.org_id, $2, $4, $7, $8, now(), $9, $10 FROM moved m
        ON CONFLICT (org_id, webhook_id, revision) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, last_at = excluded.last_at, status = excluded.status, failure = excluded.failure
        """;

    const string ForgetSql = """
        DELETE FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2 AND state = 'delivered' AND revision <= (
            SELECT l.revision FROM stele.webhook_letter l WHERE l.org_id = $1 AND l.webhook_id = $2 AND l.state = 'delivered' ORDER BY l.revision DESC OFFSET $3 LIMIT 1)
        """;

    const string SuspendFullSql = """
        UPDATE stele.webhook_place SET suspended = 'dead_letters' WHERE org_id = $1 AND webhook_id = $2
          AND (SELECT count(*) FROM stele.webhook_letter l WHERE l.org_id = $1 AND l.webhook_id = $2 AND l.state = 'dead') >= $3
        """;

    /// <summary>The next message is tried again, after a pause.</summary>
    public Task Wait(OrgId org, Guid webhook, long from, int attempts, WebhookAttempt attempt, TimeSpan pause, CancellationToken cancellation) => Write("webhook_wait", org, cancellation,
        PostgresParameters.Command(WaitSql, org.Value, webhook, from, attempts, Nullable(attempt.Status), Nullable(attempt.Failure), pause.TotalSeconds));

    const string WaitSql = """
        UPDATE stele.webhook_place SET attempts = $4, status = $5, failure = $6, failing_since = coalesce(failing_since, now()), next_at = now() + make_interval(secs => $7)
        WHERE org_id = $1 AND webhook_id = $2 AND revision = $3
        """;

    /// <summary>The receiver wants no more.</summary>
    public Task Suspend(OrgId org, Guid webhook, long from, WebhookAttempt attempt, CancellationToken cancellation) => Write("webhook_suspend", org, cancellation,
        PostgresParameters.Command(SuspendSql, org.Value, webhook, from, Nullable(attempt.Status), Nullable(attempt.Failure)));

    const string SuspendSql = """
        UPDATE stele.webhook_place SET suspended = 'gone', status = $4, failure = $5, failing_since = coalesce(failing_since, now()) WHERE org_id = $1 AND webhook_id = $2 AND revision = $3
        """;

    /// <summary>What came of sending a message again.</summary>
    public Task Redelivered(OrgId org, Guid webhook, long revision, WebhookAttempt attempt, CancellationToken cancellation) => Write("webhook_redelivered", org, cancellation,
        PostgresParameters.Command(RedeliveredSql, org.Value, webhook, revision, attempt.Arrived ? "delivered" : "dead", Nullable(attempt.Status), Nullable(attempt.Failure)));

    const string RedeliveredSql = """
        UPDATE stele.webhook_letter SET state = $4, attempts = attempts + 1, last_at = now(), status = $5, failure = $6 WHERE org_id = $1 AND webhook_id = $2 AND revision = $3 AND state = 'queued'
        """;

    async Task<bool> Write(string name, OrgId org, CancellationToken cancellation, NpgsqlBatchCommand command, NpgsqlBatchCommand? then = null)
    {
        using var timing = statements.Start(name);
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        if (then is not null) batch.BatchCommands.Add(then);
        await batch.ExecuteNonQueryAsync(cancellation);
        return command.RecordsAffected > 0;
    }

    static object Nullable(int? number) => number is { } value ? value : new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer };

    static object Nullable(string? text) => text is not null ? text : new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
