using Npgsql;

namespace Stele.Server.Tests.Fixtures;

/// <summary>One database of its own for one test.</summary>
/// <param name="Server">The superuser's connection string to another database.</param>
/// <param name="Name">The database's.</param>
/// <param name="Owner">The superuser's connection string.</param>
/// <param name="App">stele_app's.</param>
/// <param name="Tail">stele_tail's.</param>
sealed record TestDatabase(string Server, string Name, string Owner, string App, string Tail) : IAsyncDisposable
{
    /// <summary>A session of any role, by SET ROLE from the superuser, or the superuser's own.</summary>
    public async Task<TestSession> As(string? role = null)
    {
        var session = await TestSession.Open(Owner);
        if (role is not null)
            await session.Execute($"SET ROLE {role}");
        return session;
    }

    /// <summary>A session of stele_app's login, in which the org is set.</summary>
    public async Task<TestSession> AsApp(int? org = null)
    {
        var session = await TestSession.Open(App);
        if (org is not null)
            await session.Execute($"SET stele.org_id = {org}");
        return session;
    }

    /// <summary>A session of stele_tail's login.</summary>
    public Task<TestSession> AsTail() => TestSession.Open(Tail);

    /// <summary>
    /// Ends its sessions. It is not dropped: that would make PostgreSQL write a checkpoint, which costs every other test
    /// more than 10 MB of a directory that goes with the server.
    /// </summary>
    public async ValueTask DisposeAsync() =>
        await Postgres.Execute(Server, $"DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{Name}'; END $$");
}

/// <summary>One connection, outside the pools, with the few calls that tests of SQL need.</summary>
sealed class TestSession : IAsyncDisposable
{
    TestSession(NpgsqlConnection connection) => Connection = connection;

    public NpgsqlConnection Connection { get; }

    public static async Task<TestSession> Open(string connectionString)
    {
        var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        return new TestSession(connection);
    }

    public async Task<int> Execute(string sql, params object?[] parameters)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> Ask<T>(string sql, params object?[] parameters)
    {
        await using var command = Command(sql, parameters);
        return await command.ExecuteScalarAsync() is var value && value is DBNull or null ? default! : (T)value;
    }

    /// <summary>Rows as text, columns joined with <c>|</c>, NULL as <c>∅</c>.</summary>
    public async Task<List<string>> Rows(string sql, params object?[] parameters)
    {
        await using var command = Command(sql, parameters);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "∅" : Convert.ToString(reader.GetValue(i), null))));
        return rows;
    }

    /// <summary>The SQLSTATE with which the statement is refused, or null when it is not.</summary>
    public async Task<string?> Refusal(string sql, params object?[] parameters)
    {
        try
        {
            await Execute(sql, parameters);
            return null;
        }
        catch (PostgresException failure)
        {
            return failure.SqlState;
        }
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();

    NpgsqlCommand Command(string sql, object?[] parameters)
    {
        var command = new NpgsqlCommand(sql, Connection);
        foreach (var parameter in parameters)
            command.Parameters.Add(new() { Value = parameter ?? DBNull.Value });
        return command;
    }
}
