using Npgsql;
using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Loading who may do what from the tables: for an org's whole state, or as much of it as decides for one principal.</summary>
internal static class AccessQueries
{
    /// <summary>Adds the four statements whose results <see cref="Read"/> reads. A principal: only what decides for it; null: everything.</summary>
    public static void Load(NpgsqlBatch batch, OrgId org, Principal? principal)
    {
        // nobody has this id, so that nothing is loaded where nothing is needed
        var (token, user, account) = principal is null ? (Guid.Empty, Guid.Empty, Guid.Empty) : (
            principal.Kind == PrincipalKind.Token ? principal.Id : Guid.Empty,
            IdOf(principal, PrincipalKind.User, Principal.UserActor(Guid.Empty)),
            IdOf(principal, PrincipalKind.ServiceAccount, Principal.ServiceAccountActor(Guid.Empty)));
        var all = principal is null;
        batch.BatchCommands.Add(PostgresParameters.Command(UsersSql, org.Value, all, user));
        batch.BatchCommands.Add(PostgresParameters.Command(ServiceAccountsSql, org.Value, all, account));
        batch.BatchCommands.Add(all ? PostgresParameters.Command(TokensSql, org.Value) : PostgresParameters.Command(TokenChainSql, org.Value, token));
        batch.BatchCommands.Add(PostgresParameters.Command(RolesSql, org.Value, principal is not { IsRoot: true }));
    }

    const string UsersSql = """
        SELECT user_id, email, name, roles, status, version, created_at, updated_at, identity_issuer, identity FROM stele.user_account WHERE org_id = $1 AND ($2 OR user_id = $3)
        """;

    const string ServiceAccountsSql = """
        SELECT service_account_id, name, roles, status, version, created_at, updated_at FROM stele.service_account WHERE org_id = $1 AND ($2 OR service_account_id = $3)
        """;

    const string TokensSql = """
        SELECT token_id, name, owner, owner_id, scopes, environment, expires_at, created_at, created_by FROM stele.token WHERE org_id = $1
        """;

    // the token, and those that it was made with
    const string TokenChainSql = """
        WITH RECURSIVE chain AS (
            SELECT token_id, name, owner, owner_id, scopes, environment, expires_at, created_at, created_by FROM stele.token WHERE org_id = $1 AND token_id = $2
            UNION
            SELECT t.token_id, t.name, t.owner, t.owner_id, t.scopes, t.environment, t.expires_at, t.created_at, t.created_by
            FROM chain c JOIN stele.token t ON t.org_id = $1 AND t.token_id = c.owner_id AND c.owner = 'token'
        )
        SELECT token_id, name, owner, owner_id, scopes, environment, expires_at, created_at, created_by FROM chain
        """;

    const string RolesSql = """
        SELECT name, description, grants, denies, version, removed FROM stele.role WHERE org_id = $1 AND $2
        """;

    /// <summary>Reads the four results; the reader stands before the first, and then on the last.</summary>
    public static async Task<AccessState> Read(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        var (users, accounts, tokens, roles) = (new List<User>(), new List<ServiceAccount>(), new List<Token>(), new List<Role>());
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            users.Add(new User(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), AccessJson.ReadBindings(reader.GetString(3)), MemberStatuses.Parse(reader.GetString(4)), reader.GetInt32(5),
                Timestamp.From(reader.GetDateTime(6)), Timestamp.From(reader.GetDateTime(7)))
            {
                Identity = reader.IsDBNull(9) ? null : new MemberIdentity(reader.GetString(8), reader.GetString(9)),
            });
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            accounts.Add(new ServiceAccount(reader.GetGuid(0), reader.GetString(1), AccessJson.ReadBindings(reader.GetString(2)), MemberStatuses.Parse(reader.GetString(3)), reader.GetInt32(4),
                Timestamp.From(reader.GetDateTime(5)), Timestamp.From(reader.GetDateTime(6))));
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            tokens.Add(new Token(reader.GetGuid(0), reader.GetString(1), TokenOwners.Parse(reader.GetString(2)), reader.GetGuid(3), AccessJson.ReadGrants(reader.GetString(4)),
                reader.IsDBNull(5) ? null : reader.GetString(5), reader.IsDBNull(6) ? null : Timestamp.From(reader.GetDateTime(6)), Timestamp.From(reader.GetDateTime(7)), reader.GetString(8)));
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            roles.Add(new Role(reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), AccessJson.ReadGrants(reader.GetString(2)), AccessJson.ReadGrants(reader.GetString(3)), reader.GetInt32(4))
            {
                IsRemoved = reader.GetBoolean(5),
            });
        return users.Count + accounts.Count + tokens.Count + roles.Count == 0 ? AccessState.Empty : AccessState.Of(users, accounts, tokens, roles);
    }

    static Guid IdOf(Principal principal, PrincipalKind kind, string actorOfNobody)
    {
        if (principal.Kind == kind) return principal.Id;
        var prefix = actorOfNobody[..^Guid.Empty.ToString().Length];
        return principal.Owner is { } owner && owner.StartsWith(prefix, StringComparison.Ordinal) && Guid.TryParse(owner.AsSpan(prefix.Length), out var id) ? id : Guid.Empty;
    }
}
