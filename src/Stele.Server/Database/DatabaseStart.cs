using Npgsql;
using Stele.Server.Database.Embedded;
using Stele.Server.Options;

namespace Stele.Server.Database;

/// <summary>
/// The database as options name it, ready to be used: the embedded PostgreSQL is started, or the one that is there is
/// reached; the schema is brought up to date, or found to be; the pools are open and checked. Disposing closes the pools,
/// and then stops the embedded PostgreSQL if this process owns it.
/// </summary>
internal sealed class DatabaseStart : IAsyncDisposable
{
    readonly EmbeddedPostgres? embedded;

    DatabaseStart(EmbeddedPostgres? embedded, DatabaseConnections connections, string? owner) =>
        (this.embedded, Connections, Owner) = (embedded, connections, owner);

    /// <summary>Whether an exception says in a sentence why there is no database to serve.</summary>
    public static bool IsRefusal(Exception e) => e is EmbeddedPostgresException or DatabaseSetupException;

    /// <summary>The pools.</summary>
    public DatabaseConnections Connections { get; }

    /// <summary>The owner's connection string; null when only the server's own logins were given.</summary>
    public string? Owner { get; }

    /// <summary>Whether PostgreSQL is this process's own.</summary>
    public bool IsEmbedded => embedded is not null;

    /// <summary>For a server: owns the embedded PostgreSQL, and migrates unless that is off.</summary>
    public static async Task<DatabaseStart> Serve(SteleOptions options, TimeProvider time, ILoggerFactory logs, CancellationToken cancellation)
    {
        var embedded = HasOwn(options) ? await EmbeddedPostgres.Start(Embedded(options), time, logs.CreateLogger<EmbeddedPostgres>(), cancellation) : null;
        return await Open(embedded, options, options.Migrate, logs, cancellation);
    }

    /// <summary>For a command beside a server: uses that server's PostgreSQL, or starts it for as long as needed. Migrates nothing.</summary>
    public static async Task<DatabaseStart> Attach(SteleOptions options, TimeProvider time, ILoggerFactory logs, CancellationToken cancellation) =>
        await Open(await AttachEmbedded(options, time, logs, cancellation), options, migrate: false, logs, cancellation);

    /// <summary>The embedded PostgreSQL for a command, or null when options name another one.</summary>
    public static async Task<EmbeddedPostgres?> AttachEmbedded(SteleOptions options, TimeProvider time, ILoggerFactory logs, CancellationToken cancellation) =>
        HasOwn(options) ? await EmbeddedPostgres.Attach(Embedded(options), time, logs.CreateLogger<EmbeddedPostgres>(), cancellation) : null;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Connections.DisposeAsync();
        if (embedded is not null) await embedded.DisposeAsync();
    }

    static bool HasOwn(SteleOptions options) => options.Postgres is null && options.PostgresApp is null;

    static EmbeddedPostgresOptions Embedded(SteleOptions options) => new() { DataDirectory = options.Data, BinariesDirectory = options.PostgresBinaries };

    static async Task<DatabaseStart> Open(EmbeddedPostgres? embedded, SteleOptions options, bool migrate, ILoggerFactory logs, CancellationToken cancellation)
    {
        try
        {
            var owner = embedded?.ConnectionString ?? options.Postgres;
            // without the owner the server may still see what was applied
            var migrator = new Migrator(owner ?? options.PostgresApp!, logs.CreateLogger<Migrator>());
            if (migrate && owner is not null) await migrator.Apply(cancellation);
            else Require(await migrator.Check(cancellation));
            var database = new DatabaseOptions { Owner = owner, App = options.PostgresApp, Tail = options.PostgresTail, Node = options.Node };
            return new DatabaseStart(embedded, await DatabaseConnections.Open(database, logs, cancellation), owner);
        }
        catch (Exception e)
        {
            if (embedded is not null) await embedded.DisposeAsync();
            if (e is NpgsqlException and not PostgresException) throw new DatabaseSetupException($"PostgreSQL cannot be reached: {e.Message}.", e);
            throw;
        }
    }

    static void Require(MigrationReport report)
    {
        if (report.Migrations.Count == 0) return;
        throw new DatabaseSetupException($"The schema lacks {string.Join(", ", report.Migrations.Select(migration => migration.Name))}. " +
            "Apply with ./stele migrate, or start with STELE_MIGRATE=on and the owner's connection.");
    }
}
