using Npgsql;
using NpgsqlTypes;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Access events → users, service accounts, roles and tokens; and the verifiers that came with them, in the transaction of the append.</summary>
internal static class AccessProjection
{
    /// <summary>Adds the statements that a batch needs; almost always none.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
            {
                WriteTables(batch, append.Org, revision, e.Payload);
                EndVerifiers(batch, append.Org, e.Payload);
            }
        foreach (var row in append.Rows)
            switch (row)
            {
                case TokenHash hash:
                    Add(batch, InsertHashSql, append.Org, hash.Hash, hash.TokenId, hash.Owner, hash.Environment, Time(hash.ExpiresAt));
                    break;
                case PasswordVerifier password:
                    Add(batch, SetCredentialSql, append.Org, password.UserId, password.Verifier);
                    Add(batch, EndSessionsSql, append.Org, password.UserId);
                    break;
            }
    }

    /// <summary>Whether an event is one of access.</summary>
    public static bool IsOwn(JournalEvent? payload) =>
        payload is UserSet or UserPasswordSet or UserRemoved or ServiceAccountSet or ServiceAccountRemoved or TokenCreated or TokenRevoked or RoleSet or RoleRemoved;

    /// <summary>What an event makes of the tables that can be built from the journal.</summary>
    public static void WriteTables(NpgsqlBatch batch, OrgId org, RevisionRecord revision, JournalEvent? payload)
    {
        var at = revision.At.ToDateTime();
        switch (payload)
        {
            case UserSet set:
                Add(batch, SetUserSql, org, set.Id, set.Email, set.Name, set.Roles[0].Role, AccessJson.Write(set.Roles), MemberStatuses.Name(set.Status), set.Version, at,
                    set.Identity?.Issuer, set.Identity?.Id);
                break;
            case UserPasswordSet set:
                Add(batch, TouchUserSql, org, set.Id, set.Version, at);
                break;
            case UserRemoved removed:
                Add(batch, RemoveUserSql, org, removed.Id);
                break;
            case ServiceAccountSet set:
                Add(batch, SetServiceAccountSql, org, set.Id, set.Name, AccessJson.Write(set.Roles), MemberStatuses.Name(set.Status), set.Version, at);
                break;
            case ServiceAccountRemoved removed:
                Add(batch, RemoveServiceAccountSql, org, removed.Id);
                break;
            case TokenCreated created:
                Add(batch, InsertTokenSql, org, created.Id, created.Name, TokenOwners.Name(created.Owner), created.OwnerId, AccessJson.Write(created.Scopes), created.Environment,
                    Time(created.ExpiresAt), at, revision.Actor);
                break;
            case TokenRevoked revoked:
                Add(batch, RemoveTokenSql, org, revoked.Id);
                break;
            case RoleSet set:
                Add(batch, SetRoleSql, org, set.Name, set.Description, AccessJson.Write(set.Grants), AccessJson.Write(set.Denies), set.Version, false);
                break;
            case RoleRemoved removed:
                Add(batch, SetRoleSql, org, removed.Name, null, "[]", "[]", removed.Version, true);
                break;
        }
    }

    // what is beside the journal goes with what it was for; nothing of it is built anew
    static void EndVerifiers(NpgsqlBatch batch, OrgId org, JournalEvent? payload)
    {
        switch (payload)
        {
            case UserSet { Status: not MemberStatus.Active } set:
                Add(batch, EndSessionsSql, org, set.Id);
                break;
            case UserRemoved removed:
                foreach (var sql in (string[])[RemoveCredentialSql, EndSessionsSql]) Add(batch, sql, org, removed.Id);
                break;
            case TokenRevoked revoked:
                foreach (var sql in (string[])[RemoveHashSql, RemoveUseSql]) Add(batch, sql, org, revoked.Id);
                break;
        }
    }

    const string SetUserSql = """
        INSERT INTO stele.user_account (org_id, user_id, email, name, role, roles, status, version, created_at, updated_at, identity_issuer, identity)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11)
        ON CONFLICT (org_id, user_id) DO UPDATE
        SET email = excluded.email, name = excluded.name, role = excluded.role, roles = excluded.roles, status = excluded.status, version = excluded.version, updated_at = excluded.updated_at,
            identity_issuer = excluded.identity_issuer, identity = excluded.identity
        """;

    const string TouchUserSql = """
        UPDATE stele.user_account SET version = $3, updated_at = $4 WHERE org_id = $1 AND user_id = $2
        """;

    const string RemoveUserSql = """
        DELETE FROM stele.user_account WHERE org_id = $1 AND user_id = $2
        """;

    const string SetServiceAccountSql = """
        INSERT INTO stele.service_account (org_id, service_account_id, name, roles, status, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        ON CONFLICT (org_id, service_account_id) DO UPDATE
        SET name = excluded.name, roles = excluded.roles, status = excluded.status, version = excluded.version, updated_at = excluded.updated_at
        """;

    const string RemoveServiceAccountSql = """
        DELETE FROM stele.service_account WHERE org_id = $1 AND service_account_id = $2
        """;

    const string InsertTokenSql = """
        INSERT INTO stele.token (org_id, token_id, name, owner, owner_id, scopes, environment, expires_at, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """;

    const string RemoveTokenSql = """
        DELETE FROM stele.token WHERE org_id = $1 AND token_id = $2
        """;

    const string RemoveHashSql = """
        DELETE FROM stele.token_lookup WHERE org_id = $1 AND token_id = $2
        """;

    const string RemoveUseSql = """
        DELETE FROM stele.token_use WHERE org_id = $1 AND token_id = $2
        """;

    const string SetRoleSql = """
        INSERT INTO stele.role (org_id, name, description, grants, denies, version, removed)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (org_id, name) DO UPDATE
        SET description = excluded.description, grants = excluded.grants, denies = excluded.denies, version = excluded.version, removed = excluded.removed
        """;

    const string InsertHashSql = """
        INSERT INTO stele.token_lookup (org_id, hash, token_id, owner, environment, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, now())
        """;

    const string SetCredentialSql = """
        INSERT INTO stele.credential (org_id, user_id, verifier, updated_at) VALUES ($1, $2, $3, now())
        ON CONFLICT (org_id, user_id) DO UPDATE SET verifier = excluded.verifier, failures = 0, locked_until = NULL, updated_at = now()
        """;

    const string RemoveCredentialSql = """
        DELETE FROM stele.credential WHERE org_id = $1 AND user_id = $2
        """;

    const string EndSessionsSql = """
        DELETE FROM stele.session WHERE org_id = $1 AND user_id = $2
        """;

    static object? Time(Timestamp? at) => at?.ToDateTime() is { } time ? time : new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    static void Add(NpgsqlBatch batch, string sql, OrgId org, params object?[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = org.Value });
        foreach (var value in values)
            command.Parameters.Add(value switch
            {
                NpgsqlParameter parameter => parameter,
                null => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                _ => new NpgsqlParameter { Value = value },
            });
        batch.BatchCommands.Add(command);
    }
}
