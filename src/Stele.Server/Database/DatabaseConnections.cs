using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// The server's pools. All of them count on transaction-local settings only: connections are handed on without a reset
/// (which would cost a round trip and drop prepared statements), so a session setting would follow a connection to the
/// next org. <see cref="Open"/> proves before the first request that ours does not, and that no role of ours could bypass
/// row-level security.
/// </summary>
internal sealed class DatabaseConnections : IAsyncDisposable
{
    // a host that is gone without a word is asked for so long before the next one is: it is part of every fail-over
    const int ConnectSeconds = 3;
    const int CancelMilliseconds = 500;
    const int AutoPrepareMax = 100;
    const int KeepAliveSeconds = 5;

    // What ends a connection that a frozen node, or a dead network, left behind (design 3.4), in milliseconds. lock_timeout
    // is the bound after which whoever waits for a head has the blocker ended. There is no statement_timeout: an append must
    // not be cancelled, and reads carry their request's token.
    const string ServerSettings = "-c idle_in_transaction_session_timeout=2000 -c lock_timeout=2000 -c tcp_user_timeout=5000 -c client_connection_check_interval=1000 -c plan_cache_mode=force_generic_plan -c jit=off";

    readonly List<NpgsqlDataSource> owned = [];
    readonly string node;

    DatabaseConnections(string appConnection, string tailConnection, DatabaseOptions options, ILoggerFactory logs)
    {
        node = options.Node;
        App = Build(appConnection, "stele-app", options.AppConnectionsMax, logs);
        Tail = Build(tailConnection, "stele-tail", options.TailConnectionsMax, logs);
        Settle = Build(appConnection, "stele-settle", options.SettleConnectionsMax, logs);
        Direct = Build(tailConnection, "stele-tail", options.TailConnectionsMax, logs, pooling: false);
    }

    /// <summary>Which of several hosts are thought away.</summary>
    public HostStates Hosts { get; } = new(TimeProvider.System);

    /// <summary>As stele_app, for one org a transaction.</summary>
    public NpgsqlDataSource App { get; }

    /// <summary>As stele_tail, across orgs.</summary>
    public NpgsqlDataSource Tail { get; }

    /// <summary>As stele_app, a few connections that are kept for fencing and settling.</summary>
    public NpgsqlDataSource Settle { get; }

    /// <summary>
    /// As stele_tail, each connection opened anew and closed for good: for what is bound to its session, such as LISTEN, an
    /// advisory lock that is held for long, or a setting.
    /// </summary>
    public NpgsqlDataSource Direct { get; }

    /// <summary>Pools that were checked. The schema must be there already (<see cref="Migrator"/>).</summary>
    public static async Task<DatabaseConnections> Open(DatabaseOptions options, ILoggerFactory logs, CancellationToken cancellation)
    {
        var (app, tail) = await DatabaseLogins.Ensure(options.Owner, options.App, options.Tail, logs.CreateLogger(typeof(DatabaseLogins)), cancellation);
        var connections = new DatabaseConnections(app, tail, options, logs);
        try
        {
            await RequireRole(connections.App, DatabaseRoles.App, cancellation);
            await RequireRole(connections.Tail, DatabaseRoles.Tail, cancellation);
            await RequireLocalSettings(connections.App, cancellation);
            return connections;
        }
        catch
        {
            await connections.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var source in owned)
            await source.DisposeAsync();
    }

    NpgsqlDataSource Build(string connectionString, string name, int connectionsMax, ILoggerFactory logs, bool pooling = true)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = NodeSessions.ApplicationName(name, node),
            Pooling = pooling,
            MaxPoolSize = connectionsMax,
            NoResetOnClose = true,
            Multiplexing = false,
            Enlist = false,
            IncludeErrorDetail = false,  // it would put values into logs
            MaxAutoPrepare = AutoPrepareMax,
            AutoPrepareMinUsages = 2,
            Timeout = ConnectSeconds,
            CommandTimeout = 0,          // Npgsql's would cancel an append; reads are bounded by their token
            CancellationTimeout = CancelMilliseconds,
            KeepAlive = KeepAliveSeconds,
            TcpKeepAlive = true,
            HostRecheckSeconds = 1,      // of several hosts, one that was found away is tried again this soon
        };
        settings.Remove("Target Session Attributes");  // a data source of several hosts takes it from the call below only
        settings.Options = $"{ServerSettings} {settings.Options}".TrimEnd();
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString) { Name = name }.UseLoggerFactory(logs);
        if (!settings.Host!.Contains(','))
        {
            var single = builder.Build();
            owned.Add(single);
            return single;
        }
        var several = builder.BuildMultiHost();
        owned.Add(several);
        Hosts.Add(several);
        return several.WithTargetSession(TargetSessionAttributes.Primary);
    }

    static async Task RequireRole(NpgsqlDataSource source, string role, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(RoleSql);
        command.Parameters.Add(new() { Value = role });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var user = reader.GetString(0);
        if (!reader.GetBoolean(1))
            throw new DatabaseSetupException($"The login {user} is not {role}, nor a member of it. GRANT {role} TO {user}, or use another login.");
        if (!reader.IsDBNull(2))
            throw new DatabaseSetupException($"The login {user} could bypass row-level security, by being or becoming {reader.GetString(2)}: Stele does not start with it. " +
                $"Give it no more than membership of {role}.");
    }

    // A superuser is a member of every role, so it is caught by either half.
    const string RoleSql =
        """
        SELECT current_user::text, pg_has_role(current_user, $1, 'USAGE'),
               (SELECT r.rolname::text FROM pg_roles r
                WHERE (r.rolsuper OR r.rolbypassrls OR r.rolname IN ('stele_owner', 'stele_journal', 'stele_backup')
                       OR (r.rolname IN ('stele_app', 'stele_tail') AND r.rolname <> $1))
                  AND pg_has_role(current_user, r.oid, 'MEMBER')
                ORDER BY r.rolname = current_user DESC, r.rolname LIMIT 1)
        """;

    static async Task RequireLocalSettings(NpgsqlDataSource source, CancellationToken cancellation)
    {
        // one connection: a pooler in between might hand on another server session, which is what this would find
        await using var connection = await source.OpenConnectionAsync(cancellation);
        await using (var transaction = await connection.BeginTransactionAsync(cancellation))
        {
            await using var set = new NpgsqlCommand(SetOrgSql, connection, transaction);
            set.Parameters.Add(new() { Value = "1" });
            if ((string?)await set.ExecuteScalarAsync(cancellation) != "1")
                throw new DatabaseSetupException("The org of a transaction could not be set (stele.org_id).");
            await transaction.CommitAsync(cancellation);
        }
        await using var get = new NpgsqlCommand(CurrentOrgSql, connection);
        if (await get.ExecuteScalarAsync(cancellation) is not DBNull)
            throw new DatabaseSetupException("The org of a transaction outlives it on this connection (stele.org_id): the next borrower would act for another org. " +
                "Look whether a pooler, or ALTER ROLE … SET or ALTER DATABASE … SET, sets it.");
    }

    const string SetOrgSql = """SELECT set_config('stele.org_id', $1, true)""";

    const string CurrentOrgSql = """SELECT stele.current_org()""";
}
