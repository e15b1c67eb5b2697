using Stele.Server.Archive;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Commands;

/// <summary>The words of the server's binary besides serve: those that work on the database itself.</summary>
internal static class ServerWords
{
    const string Usage = """
        usage: stele-server [WORD]

          serve                          run a node (what happens without a word)
          migrate [--check]              bring the schema up to date; --check says what is missing
          verify [--org NAME] [--archive DIR] [--checkpoint FILE [--key FILE]] [--json]
                                         walk the chains of journal and audit log, archived files included, and name the first that
                                         is bad; with a checkpoint, prove that they still contain what was signed
          checkpoint [--org NAME] [--key FILE] [--public-key]
                                         print a signed statement of how far journal and audit log are, to keep elsewhere
          archive                        list the months of the journal
          archive --before DATE [--to DIR] [--past SINK] [--check]
                                         move the months that ended by then into files; the first revision left is the floor
          archive --restore FILE|DIR     put archived months back, newest first
          redact KEY --env ENV --version N --reason TEXT [--org NAME] [--yes]
          redact --user ID --reason TEXT [--org NAME] [--yes]
                                         empty one value for good, on record; without --yes, say which
          shards [--json]                count the rows of each partition
          shards --set N                 spread the configuration tables over N partitions, while servers run
          projections [rebuild NAME]     list the projections, or build one anew from the journal, while servers run
          upgrade                        which journal format is written, and which nodes are connected
          upgrade finalize [--yes]       allow what is new in this release, once no older node runs any more

        Exit codes: 0 done; 1 failed, or verify found something bad; 2 wrong usage or wrong settings;
        3 with migrate --check, archive --check and redact without --yes: there is something to do.
        Settings are environment variables: docs/operations/settings.md lists them.

        """;

    /// <summary>Runs a word. Options are those of the server, so that it finds the same database.</summary>
    public static async Task<int> Run(string[] args, SteleOptions options, CancellationToken stop)
    {
        using var logs = Logging.Create(options, LogLevel.Warning);
        return args[0] switch
        {
            "migrate" => await WithOwner(options, logs, owner => MigrateCommand.Run(args[1..], owner, Console.Out, stop), stop),
            "shards" => await WithOwner(options, logs, owner => ShardsCommand.Run(args[1..], owner, Console.Out, Steps(), stop), stop),
            "upgrade" => await WithOwner(options, logs, owner => UpgradeCommand.Run(args[1..], owner, Console.Out, stop), stop),
            "archive" => await WithOwner(options, logs, owner => ArchiveCommand.Run(args[1..], owner, Path.Combine(options.Data, "archive"), ProjectionsCommand.Names, Console.Out, Progress(), stop), stop),
            "redact" => await WithOwner(options, logs, owner => RedactCommand.Run(args[1..], owner, Console.Out, stop), stop),
            "verify" => await WithPools(options, logs, pools => VerifyCommand.Run(WithKey(args[1..], options.Data), pools, Console.Out, Progress(), stop), stop),
            "checkpoint" => await WithPools(options, logs, pools => CheckpointCommand.Run(args[1..], options.Data, pools, Console.Out, TimeProvider.System, stop), stop),
            _ => await WithDatabase(options, logs, database => ProjectionsCommand.Run(args[1..], database.Connections, database.Owner, Console.Out, Steps(), stop), stop),
        };
    }

    /// <summary>Whether this class runs a word.</summary>
    public static bool Has(string word) => word is "migrate" or "archive" or "redact" or "shards" or "verify" or "checkpoint" or "projections" or "upgrade";

    /// <summary>All words.</summary>
    public static int Help()
    {
        Console.Out.Write(Usage);
        return 0;
    }

    /// <summary>A word that is none.</summary>
    public static int Unknown(string word)
    {
        Console.Error.Write($"stele-server has no word '{word}'.\n\n{Usage}");
        return MigrateCommand.Usage;
    }

    // the key by which a checkpoint is proved, unless another is given
    static string[] WithKey(string[] args, string data) => args.Contains("--checkpoint") && !args.Contains("--key") ? [.. args, "--key", CheckpointKey.PathIn(data)] : args;

    static ProgressText Steps() => new(Console.Error, live: !Console.IsErrorRedirected);

    static TextWriter? Progress() => Console.IsErrorRedirected ? null : Console.Error;

    static async Task<int> WithOwner(SteleOptions options, ILoggerFactory logs, Func<string, Task<int>> run, CancellationToken stop)
    {
        await using var embedded = await DatabaseStart.AttachEmbedded(options, TimeProvider.System, logs, stop);
        var owner = embedded?.ConnectionString ?? options.Postgres ?? throw new DatabaseSetupException("This needs the owner's connection: set STELE_POSTGRES.");
        return await run(owner);
    }

    static Task<int> WithPools(SteleOptions options, ILoggerFactory logs, Func<DatabaseConnections, Task<int>> run, CancellationToken stop) =>
        WithDatabase(options, logs, database => run(database.Connections), stop);

    static async Task<int> WithDatabase(SteleOptions options, ILoggerFactory logs, Func<DatabaseStart, Task<int>> run, CancellationToken stop)
    {
        await using var database = await DatabaseStart.Attach(options, TimeProvider.System, logs, stop);
        return await run(database);
    }
}
