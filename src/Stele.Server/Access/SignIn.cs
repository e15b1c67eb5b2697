using Npgsql;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>
/// Passwords held against verifiers. Each try counts as wrong before it is looked at, so that trying many at once gains
/// nothing; a right one sets the count back. After five wrong ones in a row a user is locked out, a minute first and up to
/// fifteen; whether he is, or is there at all, no answer says, nor how long it takes.
/// </summary>
internal sealed class SignIn(DatabaseConnections pools, Passwords passwords, StatementTimer statements, AccessMetrics metrics)
{
    /// <summary>The user of an address and a password; null with the refusal.</summary>
    public Task<Outcome<Guid>> Try(OrgId org, string email, string password) => Try(org, PostgresParameters.Command(TryEmailSql, org.Value, AccessText.EmailKey(email), (int)SteleLimits.SignInFailures.Value), password);

    // no user has this address: an org that is not there takes as long as one that is
    const string TryEmailSql = """
        UPDATE stele.credential c SET failures = c.failures + 1,
            locked_until = CASE WHEN c.failures + 1 >= $3 THEN now() + least(interval '15 minutes', interval '1 minute' * power(2, least(c.failures + 1 - $3, 10))) END
        FROM stele.user_account u
        WHERE c.org_id = $1 AND u.org_id = $1 AND u.user_id = c.user_id AND lower(u.email) = $2 AND u.status = 'active' AND (c.locked_until IS NULL OR c.locked_until <= now())
        RETURNING c.user_id, c.verifier
        """;

    /// <summary>Whether it is the password of a user, who is known already.</summary>
    public Task<Outcome<Guid>> Try(OrgId org, Guid user, string password) => Try(org, PostgresParameters.Command(TryUserSql, org.Value, user, (int)SteleLimits.SignInFailures.Value), password);

    const string TryUserSql = """
        UPDATE stele.credential c SET failures = c.failures + 1,
            locked_until = CASE WHEN c.failures + 1 >= $3 THEN now() + least(interval '15 minutes', interval '1 minute' * power(2, least(c.failures + 1 - $3, 10))) END
        WHERE c.org_id = $1 AND c.user_id = $2 AND (c.locked_until IS NULL OR c.locked_until <= now())
        RETURNING c.user_id, c.verifier
        """;

    async Task<Outcome<Guid>> Try(OrgId org, NpgsqlBatchCommand attempt, string password)
    {
        using var timing = statements.Start("sign_in");
        var (user, verifier) = await Count(org, attempt);
        switch (await passwords.Verify(verifier, password))
        {
            case null:
                return Fault.Unavailable("Too many sign in at once.");
            case true:
                await using (var connection = await pools.App.OpenConnectionAsync())
                await using (var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(ForgetFailuresSql, org.Value, user)))
                    await batch.ExecuteNonQueryAsync();
                return user;
            default:
                metrics.Refused(verifier is null ? "locked" : "password");
                return Wrong;
        }
    }

    const string ForgetFailuresSql = """
        UPDATE stele.credential SET failures = 0, locked_until = NULL WHERE org_id = $1 AND user_id = $2
        """;

    async Task<(Guid User, string? Verifier)> Count(OrgId org, NpgsqlBatchCommand attempt)
    {
        await using var connection = await pools.App.OpenConnectionAsync();
        await using var batch = JournalQueries.InOrg(connection, org, attempt);
        await using var reader = await batch.ExecuteReaderAsync();
        await reader.NextResultAsync();
        return await reader.ReadAsync() ? (reader.GetGuid(0), reader.GetString(1)) : (Guid.Empty, null);
    }

    /// <summary>The one refusal, whatever was wrong.</summary>
    public static readonly Fault Wrong = new(FaultCode.Unauthenticated, "This is not a user's address and password, or the user is locked out for a while.");
}
