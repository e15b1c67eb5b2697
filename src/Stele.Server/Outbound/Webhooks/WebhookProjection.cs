using Npgsql;
using NpgsqlTypes;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>Webhook events → the table of webhooks; and what stands beside the journal: secrets, and each one's place, which begins where it was made.</summary>
internal static class WebhookProjection
{
    /// <summary>Adds the statements that a batch needs; almost always none.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                WriteTable(batch, append.Org, revision, e.Payload);
                if (e.Payload is WebhookSet { Version: 1 } made)
                    batch.BatchCommands.Add(PostgresParameters.Command(InsertPlaceSql, append.Org.Value, made.Id, revision.Revision, revision.Chain, append.Before.Incarnation));
                if (e.Payload is WebhookRemoved removed)
                    foreach (var sql in (string[])[RemoveSecretsSql, RemovePlaceSql, RemoveLettersSql])
                        batch.BatchCommands.Add(PostgresParameters.Command(sql, append.Org.Value, removed.Id));
            }
        foreach (var row in append.Rows)
            if (row is WebhookSecret secret) Write(batch, append.Org, secret);
    }

    /// <summary>Whether an event is one of webhooks.</summary>
    public static bool IsOwn(JournalEvent? payload) => payload is WebhookSet or WebhookSecretRotated or WebhookRemoved;

    /// <summary>What an event makes of the table that can be built from the journal.</summary>
    public static void WriteTable(NpgsqlBatch batch, OrgId org, RevisionRecord revision, JournalEvent? payload)
    {
        switch (payload)
        {
            case WebhookSet set:
                var definition = set.Definition;
                batch.BatchCommands.Add(PostgresParameters.Command(SetSql, org.Value, set.Id, definition.Url, Text(definition.Description), Text(definition.Environment), definition.Prefixes.ToArray(),
                    WatchKindNames.Each.Where(kind => (definition.Kinds & kind) != 0).Select(kind => kind.Name()).ToArray(), definition.IsEnabled,
                    TokenOwners.Name(set.Owner.Kind), set.Owner.Id, set.Version, revision.At.ToDateTime()));
                break;
            case WebhookSecretRotated rotated:
                batch.BatchCommands.Add(PostgresParameters.Command(TouchSql, org.Value, rotated.Id, rotated.Version, revision.At.ToDateTime()));
                break;
            case WebhookRemoved removed:
                batch.BatchCommands.Add(PostgresParameters.Command(RemoveSql, org.Value, removed.Id));
                break;
        }
    }

    const string SetSql = """
        INSERT INTO stele.webhook (org_id, webhook_id, url, description, environment, prefixes, kinds, enabled, owner, owner_id, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
        ON CONFLICT (org_id, webhook_id) DO UPDATE
        SET url = excluded.url, description = excluded.description, environment = excluded.environment, prefixes = excluded.prefixes, kinds = excluded.kinds, enabled = excluded.enabled,
            owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version, updated_at = excluded.updated_at
        """;

    const string TouchSql = """
        UPDATE stele.webhook SET version = $3, updated_at = $4 WHERE org_id = $1 AND webhook_id = $2
        """;

    const string RemoveSql = """
        DELETE FROM stele.webhook WHERE org_id = $1 AND webhook_id = $2
        """;

    const string InsertPlaceSql = """
        INSERT INTO stele.webhook_place (org_id, webhook_id, revision, chain, incarnation) VALUES ($1, $2, $3, $4, $5)
        """;

    const string RemoveSecretsSql = """
        DELETE FROM stele.webhook_secret WHERE org_id = $1 AND webhook_id = $2
        """;

    const string RemovePlaceSql = """
        DELETE FROM stele.webhook_place WHERE org_id = $1 AND webhook_id = $2
        """;

    const string RemoveLettersSql = """
        DELETE FROM stele.webhook_letter WHERE org_id = $1 AND webhook_id = $2
        """;

    /// <summary>Adds the statement whose result <see cref="Read"/> reads.</summary>
    public static void Load(NpgsqlBatch batch, OrgId org) => batch.BatchCommands.Add(PostgresParameters.Command(LoadSql, org.Value));

    const string LoadSql = """
        SELECT webhook_id, url, description, environment, prefixes, kinds, enabled, owner, owner_id, version, created_at, updated_at FROM stele.webhook WHERE org_id = $1
        """;

    /// <summary>Reads the webhooks of an org; the reader stands before their result, and then on it.</summary>
    public static async Task<SortedMap<Webhook>> Read(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        await reader.NextResultAsync(cancellation);
        var webhooks = new List<Webhook>();
        while (await reader.ReadAsync(cancellation))
        {
            var kinds = WatchKinds.None;
            foreach (var name in (string[])reader[5]) kinds |= WatchKindNames.Parse(name);
            var definition = new WebhookDefinition(reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3), (string[])reader[4], kinds, reader.GetBoolean(6));
            webhooks.Add(new Webhook(reader.GetGuid(0), definition, new WebhookOwner(TokenOwners.Parse(reader.GetString(7)), reader.GetGuid(8)), reader.GetInt32(9),
                Timestamp.From(reader.GetDateTime(10)), Timestamp.From(reader.GetDateTime(11))));
        }
        return SortedMap<Webhook>.Empty.SetAll(webhooks);
    }

    // of those before, the newest goes on for a while, and any older one ends
    static void Write(NpgsqlBatch batch, OrgId org, WebhookSecret secret)
    {
        batch.BatchCommands.Add(PostgresParameters.Command(EndOlderSql, org.Value, secret.WebhookId, secret.OverlapSeconds));
        batch.BatchCommands.Add(PostgresParameters.Command(EndSql, org.Value, secret.WebhookId, secret.OverlapSeconds));
        batch.BatchCommands.Add(PostgresParameters.Command(InsertSecretSql, org.Value, secret.WebhookId, secret.Version, secret.Secret));
    }

    const string EndOlderSql = """
        DELETE FROM stele.webhook_secret WHERE org_id = $1 AND webhook_id = $2 AND (ends_at IS NOT NULL OR $3 = 0)
        """;

    const string EndSql = """
        UPDATE stele.webhook_secret SET ends_at = now() + make_interval(secs => $3) WHERE org_id = $1 AND webhook_id = $2
        """;

    const string InsertSecretSql = """
        INSERT INTO stele.webhook_secret (org_id, webhook_id, version, secret) VALUES ($1, $2, $3, $4)
        """;

    static object Text(string? text) => text is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text } : text;
}
