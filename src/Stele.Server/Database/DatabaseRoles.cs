using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// The roles of design section 3. They belong to the PostgreSQL cluster, so migrators of several databases may make them
/// at once: each looks first and changes only what is missing, and whoever is told that another was faster looks again.
/// Works for an owner that is a superuser, and for one that owns the database and has CREATEROLE.
/// </summary>
internal static class DatabaseRoles
{
    /// <summary>Owns the schema; migrations run as it. No login.</summary>
    public const string Owner = "stele_owner";

    /// <summary>Owns the journal's functions, and is held to the org of the transaction. No login.</summary>
    public const string Journal = "stele_journal";

    /// <summary>The server's: one org at a time.</summary>
    public const string App = "stele_app";

    /// <summary>The server's, across orgs: heads, checkpoints, sweeps; no values.</summary>
    public const string Tail = "stele_tail";

    /// <summary>The group of the people's roles, who read the orgs that reader_grant gives them.</summary>
    public const string Reader = "stele_reader";

    /// <summary>For pg_dump: reads everything.</summary>
    public const string Backup = "stele_backup";

    static readonly string[] All = [Owner, Journal, App, Tail, Reader, Backup];

    const int AttemptsMax = 20;

    /// <summary>Makes what is missing of the roles, their memberships and their rights to this database.</summary>
    public static async Task Ensure(NpgsqlConnection connection, ILogger log, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await EnsureOnce(connection, log, cancellation);
                return;
            }
            catch (PostgresException failure) when (attempt < AttemptsMax && IsRace(failure))
            {
                // the other one has committed, or we would still wait for it
            }
            catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                throw new DatabaseSetupException($"The roles of Stele could not be made: {failure.MessageText}. The owner's login ({new NpgsqlConnectionStringBuilder(connection.ConnectionString).Username}) must " +
                    "be a superuser, or have CREATEROLE and own the database; on PostgreSQL 16 and newer, roles that somebody else made must be granted to it WITH ADMIN OPTION.", failure);
            }
        }
    }

    /// <summary>What two who write the same row of a shared catalogue at once are told.</summary>
    internal static bool IsRace(PostgresException failure) =>
        failure.SqlState is PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.DuplicateObject
        || (failure.SqlState == PostgresErrorCodes.InternalError && failure.MessageText.StartsWith("tuple concurrently", StringComparison.Ordinal));

    /// <summary>SET ROLE for the session; a login that may grant itself the role and has not, does.</summary>
    public static async Task Become(NpgsqlConnection connection, string role, CancellationToken cancellation)
    {
        try
        {
            await Execute(connection, $"SET ROLE {role}", cancellation);
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            await Execute(connection, $"GRANT {role} TO CURRENT_USER", cancellation);
            await Execute(connection, $"SET ROLE {role}", cancellation);
        }
    }

    static async Task EnsureOnce(NpgsqlConnection connection, ILogger log, CancellationToken cancellation)
    {
        var present = new HashSet<string>();
        await using (var command = new NpgsqlCommand(PresentSql, connection))
        {
            command.Parameters.Add(new() { Value = All });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                present.Add(reader.GetString(0));
        }
        foreach (var role in All.Except(present))
        {
            await Execute(connection, $"CREATE ROLE {role} NOLOGIN", cancellation);
            log.RoleMade(role);
        }
        var missing = new List<string>();
        await using (var command = new NpgsqlCommand(MissingSql, connection))
        {
            command.Parameters.Add(new() { Value = All });
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                missing.Add(reader.GetString(0));
        }
        foreach (var statement in missing)
            await Execute(connection, statement, cancellation);
        await LetTailSignal(connection, log, cancellation);
    }

    const string PresentSql = """SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)""";

    // stele_owner is a member of stele_journal only because giving a function to a role needs that
    const string MissingSql =
        """
        SELECT 'GRANT stele_journal TO stele_owner' WHERE NOT pg_has_role('stele_owner', 'stele_journal', 'MEMBER')
        UNION ALL
        SELECT format('GRANT CREATE ON DATABASE %I TO stele_owner', current_database())
        WHERE NOT has_database_privilege('stele_owner', current_database(), 'CREATE')
        UNION ALL
        SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), r) FROM unnest($1::text[]) AS r
        WHERE NOT has_database_privilege(r, current_database(), 'CONNECT')
        """;

    static async Task LetTailSignal(NpgsqlConnection connection, ILogger log, CancellationToken cancellation)
    {
        await using (var command = new NpgsqlCommand(MaySignalSql, connection))
            if (await command.ExecuteScalarAsync(cancellation) is true)
                return;
        try
        {
            await Execute(connection, "GRANT pg_signal_backend TO stele_tail", cancellation);
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            log.CannotSignal();
        }
    }

    const string MaySignalSql = """SELECT pg_has_role('stele_tail', 'pg_signal_backend', 'MEMBER')""";

    static async Task Execute(NpgsqlConnection connection, string statement, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
