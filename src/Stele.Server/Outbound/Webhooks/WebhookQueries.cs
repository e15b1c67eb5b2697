using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Webhooks;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>How far a webhook has come, and how its next message fares.</summary>
/// <param name="Revision">Everything up to it is delivered, dead, or not for it.</param>
/// <param name="Chain">The chain there.</param>
/// <param name="Incarnation">The history in which that was.</param>
/// <param name="Attempts">At the message after it.</param>
/// <param name="FailingSince">Since when that message does not arrive.</param>
/// <param name="NextAt">Not before this.</param>
/// <param name="Status">What the last attempt was answered, if that was a failure.</param>
/// <param name="Failure">Why the last attempt failed.</param>
/// <param name="Suspended">Why nothing is sent until somebody says so.</param>
/// <param name="DeliveredAt">When a message last arrived.</param>
internal sealed record WebhookPlace(
    long Revision, byte[] Chain, Guid Incarnation, int Attempts, DateTime? FailingSince, DateTime? NextAt, int? Status, string? Failure, string? Suspended, DateTime? DeliveredAt);

/// <summary>What became of a message.</summary>
internal sealed record WebhookLetter(long Revision, string State, int Attempts, DateTime LastAt, int? Status, string? Failure);

/// <summary>What the requests of people read and change of places and messages. Each is one transaction in one org; none of it is an event.</summary>
internal sealed class WebhookQueries(DatabaseConnections pools, StatementTimer statements)
{
    /// <summary>How far each webhook of an org has come.</summary>
    public async Task<IReadOnlyDictionary<Guid, WebhookPlace>> Places(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_places");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(PlacesSql, org.Value, WebhookLimits.PerOrg.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var places = new Dictionary<Guid, WebhookPlace>();
        while (await reader.ReadAsync(cancellation)) places.Add(reader.GetGuid(0), Place(reader, 1));
        return places;
    }

    const string PlacesSql = """
        SELECT webhook_id, revision, chain, incarnation, attempts, failing_since, next_at, status, failure, suspended, delivered_at FROM stele.webhook_place WHERE org_id = $1 LIMIT $2
        """;

    /// <summary>Messages, the newest first.</summary>
    /// <param name="org">The org.</param>
    /// <param name="webhook">Whose.</param>
    /// <param name="onlyDead">Dead letters alone.</param>
    /// <param name="before">Of revisions before this one.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<List<WebhookLetter>> Letters(OrgId org, Guid webhook, bool onlyDead, long before, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_letters");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(onlyDead ? DeadSql : LettersSql, org.Value, webhook, before, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var letters = new List<WebhookLetter>();
        while (await reader.ReadAsync(cancellation))
            letters.Add(new WebhookLetter(reader.GetInt64(0), reader.GetString(1), reader.GetInt32(2), reader.GetDateTime(3), Number(reader, 4), Text(reader, 5)));
        return letters;
    }

    const string LettersSql = """
        SELECT revision, state, attempts, last_at, status, failure FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2 AND revision < $3 ORDER BY revision DESC LIMIT $4
        """;

    const string DeadSql = """
        SELECT revision, state, attempts, last_at, status, failure FROM stele.webhook_letter
        WHERE org_id = $1 AND webhook_id = $2 AND state = 'dead' AND revision < $3 ORDER BY revision DESC LIMIT $4
        """;

    /// <summary>What signs now, as it is stored: the newest first, and the one before it while they overlap.</summary>
    public async Task<List<(int Version, byte[] Stored)>> Secrets(OrgId org, Guid webhook, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_secrets");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(SecretsSql, org.Value, webhook));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var secrets = new List<(int, byte[])>();
        while (await reader.ReadAsync(cancellation)) secrets.Add((reader.GetInt32(0), reader.GetFieldValue<byte[]>(1)));
        return secrets;
    }

    const string SecretsSql = """
        SELECT version, secret FROM stele.webhook_secret WHERE org_id = $1 AND webhook_id = $2 AND (ends_at IS NULL OR ends_at > now()) ORDER BY version DESC LIMIT 2
        """;

    /// <summary>Has a message sent again; false if nothing is known of it.</summary>
    public Task<bool> Queue(OrgId org, Guid webhook, long revision, CancellationToken cancellation) =>
        Change("webhook_queue", org, PostgresParameters.Command(QueueSql, org.Value, webhook, revision), cancellation);

    const string QueueSql = """
        UPDATE stele.webhook_letter SET state = 'queued' WHERE org_id = $1 AND webhook_id = $2 AND revision = $3
        """;

    /// <summary>Forgets its dead letters.</summary>
    public Task<bool> Discard(OrgId org, Guid webhook, CancellationToken cancellation) =>
        Change("webhook_discard", org, PostgresParameters.Command(DiscardSql, org.Value, webhook), cancellation);

    const string DiscardSql = """
        DELETE FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2 AND state = 'dead'
        """;

    /// <summary>Ends a suspension, and a pause.</summary>
    public Task<bool> Resume(OrgId org, Guid webhook, CancellationToken cancellation) =>
        Change("webhook_resume", org, PostgresParameters.Command(ResumeSql, org.Value, webhook), cancellation);

    const string ResumeSql = """
        UPDATE stele.webhook_place SET suspended = NULL, attempts = 0, next_at = NULL WHERE org_id = $1 AND webhook_id = $2
        """;

    /// <summary>Puts it to another place, with nothing known of the messages after it.</summary>
    public async Task<bool> Replay(OrgId org, Guid webhook, Guid incarnation, long revision, byte[] chain, CancellationToken cancellation)
    {
        using var timing = statements.Start("webhook_replay");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ForgetAfterSql, org.Value, webhook, revision));
        batch.BatchCommands.Add(PostgresParameters.Command(ReplaySql, org.Value, webhook, revision, chain, incarnation));
        await batch.ExecuteNonQueryAsync(cancellation);
        return batch.BatchCommands[2].RecordsAffected == 1;
    }

    const string ForgetAfterSql = """
        DELETE FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2 AND revision > $3
        """;

    const string ReplaySql = """
        UPDATE stele.webhook_place SET revision = $3, chain = $4, incarnation = $5, attempts = 0, failing_since = NULL, next_at = NULL, status = NULL, failure = NULL, suspended = NULL
        WHERE org_id = $1 AND webhook_id = $2
        """;

    /// <summary>A place, from ten columns.</summary>
    public static WebhookPlace Place(NpgsqlDataReader reader, int at) => new(reader.GetInt64(at), reader.GetFieldValue<byte[]>(at + 1), reader.GetGuid(at + 2), reader.GetInt32(at + 3),
        Time(reader, at + 4), Time(reader, at + 5), Number(reader, at + 6), Text(reader, at + 7), Text(reader, at + 8), Time(reader, at + 9));

    async Task<bool> Change(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
        return command.RecordsAffected > 0;
    }

    static DateTime? Time(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null : reader.GetDateTime(at);

    static int? Number(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null : reader.GetInt32(at);

    static string? Text(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null : reader.GetString(at);
}
