using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele upgrade</c>: which journal format is written, which this binary knows, and which nodes are connected.
/// <c>stele upgrade finalize --yes</c>, once the last older node is gone: what is new in this release may be written from
/// then on. It cannot be taken back, so it is refused while an older node is connected. Exit codes as <see cref="MigrateCommand"/>;
/// <see cref="MigrateCommand.Pending"/>: there is something to finalize, and --yes was not given.
/// </summary>
internal static class UpgradeCommand
{
    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    public static async Task<int> Run(string[] args, string ownerConnectionString, TextWriter output, CancellationToken cancellation)
    {
        if (args is not ([] or ["finalize"] or ["finalize", "--yes"]))
        {
            await output.WriteLineAsync("usage: stele upgrade [finalize [--yes]]");
            return MigrateCommand.Usage;
        }
        try
        {
            if ((await new Migrator(ownerConnectionString, NullLogger.Instance).Check(cancellation)).Migrations is [var first, ..])
                throw new DatabaseSetupException($"The schema lacks {first.Name}, and so is older than this binary. Run 'stele migrate', or start one server of this release; older ones run on.");
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false, ApplicationName = "stele-upgrade" }.ConnectionString);
            await connection.OpenAsync(cancellation);
            var status = await Read(connection, cancellation);
            if (args.Length > 0) return await Finalize(connection, status, confirmed: args.Length == 2, output, cancellation);
            await Tell(status, output);
            return MigrateCommand.Done;
        }
        catch (Exception failure) when (failure is NpgsqlException or DatabaseSetupException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
    }

    /// <param name="Written">What new orgs are written in.</param>
    /// <param name="Orgs">Orgs by the format of their heads.</param>
    /// <param name="Nodes">Those that are connected.</param>
    sealed record Status(int Written, IReadOnlyList<(int Format, long Orgs)> Orgs, IReadOnlyList<NodeSessions> Nodes)
    {
        public int Oldest => Orgs.Select(orgs => orgs.Format).Append(Written).Min();

        public int Newest => Orgs.Select(orgs => orgs.Format).Append(Written).Max();
    }

    static async Task<Status> Read(NpgsqlConnection connection, CancellationToken cancellation)
    {
        // before the role is changed: stele_owner may see less of other sessions
        var nodes = await NodeSessions.All(connection, cancellation);
        await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
        await using var command = new NpgsqlCommand(FormatsSql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var (written, orgs) = (JournalFormat.Oldest, new List<(int, long)>());
        while (await reader.ReadAsync(cancellation))
        {
            written = reader.GetInt32(0);
            if (!reader.IsDBNull(1)) orgs.Add((reader.GetInt32(1), reader.GetInt64(2)));
        }
        return new Status(written, orgs, nodes);
    }

    // a sweep over the heads by design: one row an org
    const string FormatsSql = """
        SELECT c.format, h.format, h.orgs
        FROM stele.cluster c LEFT JOIN (SELECT format, count(*) AS orgs FROM stele.journal_head GROUP BY format) h ON true
        ORDER BY h.format
        """;

    static async Task Tell(Status status, TextWriter output)
    {
        await output.WriteLineAsync($"this binary   {Migrator.BinaryVersion}, knows journal formats {JournalFormat.Oldest} to {JournalFormat.Newest}");
        await output.WriteLineAsync($"written       format {status.Written} in new organizations{string.Concat(status.Orgs.Select(orgs => $"; format {orgs.Format} in {orgs.Orgs} that {(orgs.Orgs == 1 ? "is" : "are")} there"))}");
        foreach (var (index, node) in status.Nodes.Index()) await output.WriteLineAsync($"{(index == 0 ? "connected     " : "              ")}{node}");
        if (status.Nodes.Count == 0) await output.WriteLineAsync("connected     no node that says so (a connection pooler in between may hide them)");
        if (status.Newest > JournalFormat.Newest) await output.WriteLineAsync($"This binary is older than what is written: it does not serve organizations in format {status.Newest}. Use a newer one.");
        else if (status.Oldest < JournalFormat.Newest) await output.WriteLineAsync($"When every node knows format {JournalFormat.Newest}: stele upgrade finalize --yes");
        else await output.WriteLineAsync("There is nothing to finalize.");
    }

    static async Task<int> Finalize(NpgsqlConnection connection, Status status, bool confirmed, TextWriter output, CancellationToken cancellation)
    {
        if (status.Newest > JournalFormat.Newest)
            throw new DatabaseSetupException($"What is written is format {status.Newest}, and this binary knows up to {JournalFormat.Newest}: it is not the newest that was here. Nothing was changed.");
        if (status.Oldest == JournalFormat.Newest)
        {
            await output.WriteLineAsync($"format {JournalFormat.Newest} is written everywhere: nothing to do");
            return MigrateCommand.Done;
        }
        if (status.Nodes.Where(node => node.Format < JournalFormat.Newest).ToList() is { Count: > 0 } older)
            throw new DatabaseSetupException($"Nodes are connected that do not know format {JournalFormat.Newest}, and would stop serving: {string.Join("; ", older)}. Replace them first. Nothing was changed.");
        if (!confirmed)
        {
            await output.WriteLineAsync($"This would allow journal format {JournalFormat.Newest}; servers that do not know it then refuse to serve, for good: there is no way back to them but a backup. Add --yes to do it.");
            return MigrateCommand.Pending;
        }
        await using var command = new NpgsqlCommand(RaiseSql, connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = JournalFormat.Newest });
        var raised = (long)(await command.ExecuteScalarAsync(cancellation))!;
        await output.WriteLineAsync($"format {JournalFormat.Newest} is written from now on: {raised} organizations raised");
        return MigrateCommand.Done;
    }

    const string RaiseSql = """
        SELECT stele.raise_format($1)
        """;
}
