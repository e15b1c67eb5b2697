using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// <c>stele migrate [--check]</c>. Exit code 0: the schema is what this binary needs; 1: it cannot be, and why is said;
/// 2: wrong usage; 3 (with --check only): there is something to apply.
/// </summary>
internal static class MigrateCommand
{
    public const int Done = 0, Failed = 1, Usage = 2, Pending = 3;

    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    public static async Task<int> Run(string[] args, string ownerConnectionString, TextWriter output, CancellationToken cancellation)
    {
        if (args is not ([] or ["--check"]))
        {
            await output.WriteLineAsync("usage: stele migrate [--check]");
            return Usage;
        }
        var check = args.Length > 0;
        var migrator = new Migrator(ownerConnectionString, NullLogger.Instance);
        try
        {
            var report = check ? await migrator.Check(cancellation) : await migrator.Apply(cancellation);
            foreach (var migration in report.Migrations)
                await output.WriteLineAsync($"{(check ? "would apply" : "applied")} {migration.Name}");
            if (report.Migrations.Count == 0)
                await output.WriteLineAsync($"up to date: migration {report.Before}");
            return check && report.Migrations.Count > 0 ? Pending : Done;
        }
        catch (Exception failure) when (failure is DatabaseSetupException or NpgsqlException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return Failed;
        }
    }
}
