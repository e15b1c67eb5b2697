using System.Diagnostics;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>What was, or would be, applied to a schema.</summary>
/// <param name="Before">The highest version that was there already; 0: no schema.</param>
/// <param name="Migrations">Those applied, or by <see cref="Migrator.Check"/> those that would be, in order.</param>
internal sealed record MigrationReport(int Before, IReadOnlyList<Migration> Migrations);

/// <summary>
/// Brings a database's schema to what this binary carries: numbered files, forward only, each in its own transaction as
/// stele_owner, one migrator at a time by an advisory lock. What was applied is compared by checksum, so an edited file
/// stops the start. A schema with migrations that this binary does not know is accepted only if each of them names this
/// version, or an older one, as the oldest server that may run on it; nothing is applied to such a schema. When a file
/// fails, those before it stay, and the next run goes on from there.
/// </summary>
internal sealed class Migrator(string ownerConnectionString, IReadOnlyList<Migration> migrations, Version server, ILogger log)
{
    const int ServerVersionMin = 150000;

    /// <summary>With the migrations and the version of this binary.</summary>
    public Migrator(string ownerConnectionString, ILogger log) : this(ownerConnectionString, Migration.Embedded, BinaryVersion, log) { }

    /// <summary>This binary's.</summary>
    public static Version BinaryVersion { get; } = new(typeof(Migrator).Assembly.GetName().Version!.ToString(fieldCount: 3));

    /// <summary>Makes the roles, and applies what is missing.</summary>
    public async Task<MigrationReport> Apply(CancellationToken cancellation)
    {
        await using var connection = await Open(cancellation);
        await Execute(connection, LockSql, cancellation);
        await DatabaseRoles.Ensure(connection, log, cancellation);
        await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
        var report = await Compare(connection, cancellation);
        foreach (var migration in report.Migrations)
            await ApplyOne(connection, migration, cancellation);
        return report;
    }

    /// <summary>What <see cref="Apply"/> would do, or the refusal it would end with. Changes nothing, and needs no lock.</summary>
    public async Task<MigrationReport> Check(CancellationToken cancellation)
    {
        await using var connection = await Open(cancellation);
        return await Compare(connection, cancellation);
    }

    /// <summary>
    /// Throws unless the schema is what this binary needs: for a server that must not migrate (<c>STELE_MIGRATE=off</c>).
    /// Every role of the server may look, so stele_app's connection string serves.
    /// </summary>
    public async Task Require(CancellationToken cancellation)
    {
        if (await Check(cancellation) is { Migrations: [var first, ..] } report)
            throw new DatabaseSetupException($"The schema is at migration {report.Before} and lacks {report.Migrations.Count}, from {first.Name} on. Run 'stele migrate', or let the server do it (STELE_MIGRATE).");
    }

    async Task<NpgsqlConnection> Open(CancellationToken cancellation)
    {
        // a connection of its own, so that the advisory lock ends with it whatever happens; a migration takes the time that it takes
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString)
        {
            Pooling = false, CommandTimeout = 0, ApplicationName = "stele-migrate", IncludeErrorDetail = false,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellation);
            await using var command = new NpgsqlCommand(ServerSql, connection);
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            await reader.ReadAsync(cancellation);
            if (reader.GetInt32(0) < ServerVersionMin)
                throw new DatabaseSetupException($"Stele needs PostgreSQL {ServerVersionMin / 10000} or newer; this server is {connection.PostgreSqlVersion}.");
            if (reader.GetString(1) != "UTF8")
                throw new DatabaseSetupException($"Stele needs a database with encoding UTF8; {connection.Database} has {reader.GetString(1)}. Make it with ENCODING 'UTF8' TEMPLATE template0.");
            if (reader.GetBoolean(2))
                throw new DatabaseSetupException("This PostgreSQL is a standby, which cannot be written. Point STELE_POSTGRES at the primary, or list all hosts.");
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    const string LockSql = """SELECT pg_advisory_lock(7378696495)""";

    const string ServerSql = """SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery()""";

    async Task<MigrationReport> Compare(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var applied = await ReadApplied(connection, cancellation);
        var before = applied.Count == 0 ? 0 : applied.Keys.Max();
        foreach (var row in applied.Values.Where(row => row.OldestServer > server))
            throw new DatabaseSetupException($"The schema has migration {row.Name}, which no server older than {row.OldestServer} may run on; this one is {server}. Upgrade it.");
        foreach (var migration in migrations)
            if (applied.TryGetValue(migration.Version, out var row) && row.Checksum != migration.Checksum)
                throw new DatabaseSetupException($"Migration {migration.Version} was applied as {row.Name} with checksum {row.Checksum}, and this binary carries {migration.Name} " +
                    $"with {migration.Checksum}. An applied migration is never edited: put the file back, and add a new one.");
        var pending = migrations.Where(migration => !applied.ContainsKey(migration.Version)).ToList();
        var unknown = applied.Keys.Except(migrations.Select(migration => migration.Version)).ToList();
        if (pending.FirstOrDefault(migration => migration.Version < before) is { } late)
            throw new DatabaseSetupException($"The schema is at {before}, and {late.Name} was never applied: migrations only go forward. This binary and the schema do not belong together.");
        foreach (var version in unknown)
            log.SchemaAhead(version, server);
        return new MigrationReport(before, pending);
    }

    static async Task<Dictionary<int, Applied>> ReadApplied(NpgsqlConnection connection, CancellationToken cancellation)
    {
        var applied = new Dictionary<int, Applied>();
        await using (var exists = new NpgsqlCommand(ExistsSql, connection))
            if (await exists.ExecuteScalarAsync(cancellation) is not true)
                return applied;
        await using var command = new NpgsqlCommand(AppliedSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            applied.Add(reader.GetInt32(0), new Applied(reader.GetString(1), reader.GetString(2), Version.Parse(reader.GetString(3))));
        return applied;
    }

    const string ExistsSql = """SELECT to_regclass('stele.schema_migration') IS NOT NULL""";

    const string AppliedSql = """SELECT version, name, checksum, oldest_server FROM stele.schema_migration ORDER BY version""";

    sealed record Applied(string Name, string Checksum, Version OldestServer);

    async Task ApplyOne(NpgsqlConnection connection, Migration migration, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        try
        {
            await Execute(connection, migration.Sql, cancellation);
        }
        catch (PostgresException failure)
        {
            throw new DatabaseSetupException($"Migration {migration.Name} failed and was rolled back: {failure.SqlState} {failure.MessageText}", failure);
        }
        await using (var record = new NpgsqlCommand(RecordSql, connection))
        {
            record.Parameters.Add(new() { Value = migration.Version });
            record.Parameters.Add(new() { Value = migration.Name });
            record.Parameters.Add(new() { Value = migration.Checksum });
            record.Parameters.Add(new() { Value = migration.OldestServer.ToString(3) });
            await record.ExecuteNonQueryAsync(cancellation);
        }
        await transaction.CommitAsync(cancellation);
        log.MigrationApplied(migration.Name, (long)Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
    }

    const string RecordSql = """INSERT INTO stele.schema_migration (version, name, checksum, oldest_server) VALUES ($1, $2, $3, $4)""";

    static async Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
