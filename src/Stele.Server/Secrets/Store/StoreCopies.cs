using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Secrets.Store;

/// <summary>What is to become of a copy in Vault.</summary>
internal enum CopyLevel
{
    /// <summary>It is a value that can be read.</summary>
    Shown,
    /// <summary>Its secret is deleted.</summary>
    Hidden,
    /// <summary>No value of the journal lies there: one that was never committed, or that was moved. It is hidden, and removed when no backup can name it.</summary>
    Orphan,
    /// <summary>It is destroyed.</summary>
    Gone,
}

/// <summary>A copy that may not be as the journal says.</summary>
internal sealed record DueCopy(VaultPlace Place, int Round, bool IsHidden, CopyLevel Level);

/// <summary>The notes of what this database has put into Vault: made before a copy is, and marked in the transaction of every append that changes what is to become of it.</summary>
internal sealed class StoreCopies(DatabaseConnections database, StatementTimer statements)
{
    /// <summary>Notes copies that are about to be made. Those that no append names within a while are orphans.</summary>
    public async Task Note(OrgId org, IReadOnlyList<(VaultPlace Place, Guid ValueId)> copies, CancellationToken cancellation) => await Execute("secret_copy_note", org, PostgresParameters.Command(NoteSql, org.Value,
        copies.Select(copy => copy.Place.VaultId).ToArray(), copies.Select(copy => copy.ValueId).ToArray(), copies.Select(copy => copy.Place.Mount).ToArray(), copies.Select(copy => copy.Place.Path).ToArray()), cancellation);

    // longer than any append waits; one that comes later all the same finds its copy hidden, and has it brought back
    const string NoteSql = """
        INSERT INTO stele.secret_copy (org_id, vault_id, value_id, mount, path, due_at)
        SELECT $1, n.vault_id, n.value_id, n.mount, n.path, now() + interval '10 minutes' FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[]) AS n (vault_id, value_id, mount, path)
        """;

    /// <summary>Adds to an append what marks the copies that its events are about.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        List<Guid> named = [], values = [];
        List<(string Environment, string Path)> secrets = [];
        foreach (var e in append.Revisions.SelectMany(revision => revision.Events))
            switch (e.Payload)
            {
                case SecretSet { Value.VaultId: { } id }: named.Add(id); break;
                case SecretMoved moved: values.AddRange(moved.Values.Select(value => value.Id)); break;
                case SecretDestroyed destroyed: values.AddRange(destroyed.ValueIds); break;
                case SecretDeleted deleted: secrets.Add((deleted.Environment, deleted.Path)); break;
                case SecretUndeleted undeleted: secrets.Add((undeleted.Environment, undeleted.Path)); break;
            }
        if (named.Count > 0) batch.BatchCommands.Add(PostgresParameters.Command(NamedSql, append.Org.Value, named.ToArray()));
        if (values.Count > 0) batch.BatchCommands.Add(PostgresParameters.Command(OfValuesSql, append.Org.Value, values.ToArray()));
        if (secrets.Count > 0) batch.BatchCommands.Add(PostgresParameters.Command(OfSecretsSql, append.Org.Value, secrets.Select(secret => secret.Environment).ToArray(), secrets.Select(secret => secret.Path).ToArray()));
    }

    const string NamedSql = """
        UPDATE stele.secret_copy SET due_at = CASE WHEN hidden_at IS NOT NULL THEN now() END, round = round + 1 WHERE org_id = $1 AND vault_id = ANY ($2)
        """;

    const string OfValuesSql = """
        UPDATE stele.secret_copy SET due_at = now(), round = round + 1 WHERE org_id = $1 AND value_id = ANY ($2)
        """;

    const string OfSecretsSql = """
        UPDATE stele.secret_copy c SET due_at = now(), round = round + 1
        FROM unnest($2::text[], $3::text[]) AS n (environment, path) JOIN stele.secret_version v ON v.org_id = $1 AND v.environment = n.environment AND v.path = n.path AND v.kind = 'set'
        WHERE c.org_id = $1 AND c.value_id = v.value_id
        """;

    /// <summary>Orgs with copies that are due.</summary>
    public async Task<List<OrgId>> DueOrgs(CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_copy_orgs");
        await using var connection = await database.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, DueOrgsSql);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<OrgId>();
        while (await reader.ReadAsync(cancellation)) orgs.Add(new OrgId(reader.GetInt32(0)));
        return orgs;
    }

    const string DueOrgsSql = """
        SELECT DISTINCT d.org_id FROM (SELECT org_id FROM stele.secret_copy WHERE due_at <= now() ORDER BY due_at LIMIT 1000) d
        """;

    /// <summary>Copies of an org that are due, with what is to become of each as of now. An orphan that has been hidden for as long as backups are kept is gone.</summary>
    public async Task<List<DueCopy>> Due(OrgId org, int backupDays, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_copy_due");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(DueSql, org.Value, limit, backupDays));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var due = new List<DueCopy>();
        while (await reader.ReadAsync(cancellation))
            due.Add(new DueCopy(new VaultPlace(reader.GetGuid(0), reader.GetString(1), reader.GetString(2)), reader.GetInt32(3), reader.GetBoolean(4), Enum.Parse<CopyLevel>(reader.GetString(5))));
        return due;
    }

    const string DueSql = """
        SELECT c.vault_id, c.mount, c.path, c.round, c.hidden_at IS NOT NULL,
               CASE WHEN b.value_id IS NOT NULL AND b.ciphertext IS NULL THEN 'Gone'
                    WHEN b.vault_id IS DISTINCT FROM c.vault_id THEN CASE WHEN c.hidden_at <= now() - make_interval(days => $3) THEN 'Gone' ELSE 'Orphan' END
                    WHEN s.deleted THEN 'Hidden' ELSE 'Shown' END
        FROM stele.secret_copy c
        LEFT JOIN stele.secret_value b ON b.org_id = $1 AND b.value_id = c.value_id
        LEFT JOIN stele.secret s ON s.org_id = $1 AND s.environment = b.environment AND s.path = b.path
        WHERE c.org_id = $1 AND c.due_at <= now() ORDER BY c.due_at LIMIT $2
        """;

    /// <summary>Notes what was done with a copy, unless it was marked again meanwhile: then it stays due.</summary>
    /// <param name="org">The org.</param>
    /// <param name="copy">The copy.</param>
    /// <param name="isHidden">Whether it is hidden now.</param>
    /// <param name="days">After how many days it is due again; null: not before it is marked.</param>
    /// <param name="cancellation">Ends it.</param>
    public Task Levelled(OrgId org, DueCopy copy, bool isHidden, int? days, CancellationToken cancellation) => Execute("secret_copy_level", org,
        new NpgsqlBatchCommand(LevelledSql)
        {
            Parameters =
            {
                new NpgsqlParameter<int> { TypedValue = org.Value }, new NpgsqlParameter<Guid> { TypedValue = copy.Place.VaultId }, new NpgsqlParameter<int> { TypedValue = copy.Round },
                new NpgsqlParameter<bool> { TypedValue = isHidden }, new NpgsqlParameter<int?> { TypedValue = days },
            },
        }, cancellation);

    const string LevelledSql = """
        UPDATE stele.secret_copy SET hidden_at = CASE WHEN $4 THEN coalesce(hidden_at, now()) END,
            due_at = CASE WHEN round <> $3 THEN due_at WHEN $5::int IS NOT NULL THEN now() + make_interval(days => $5::int) END
        WHERE org_id = $1 AND vault_id = $2
        """;

    /// <summary>Forgets a copy that is no more.</summary>
    public Task Forget(OrgId org, Guid vaultId, CancellationToken cancellation) => Execute("secret_copy_forget", org, PostgresParameters.Command(ForgetSql, org.Value, vaultId), cancellation);

    const string ForgetSql = """
        DELETE FROM stele.secret_copy WHERE org_id = $1 AND vault_id = $2
        """;

    async Task Execute(string name, OrgId org, NpgsqlBatchCommand command, CancellationToken cancellation)
    {
        using var timing = statements.Start(name);
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
    }
}
