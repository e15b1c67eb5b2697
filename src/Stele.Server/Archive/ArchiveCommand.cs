using System.Globalization;
using System.Text.Json;
using Npgsql;
using Stele.Server.Database;

namespace Stele.Server.Archive;

/// <summary>
/// <c>stele archive</c> lists the months; <c>--before DATE [--to DIR] [--past SINK] [--check]</c> moves those that ended by then into files;
/// <c>--restore FILE|DIR</c> puts them back. Exit codes as <see cref="MigrateCommand"/>: with --check, 3 says that there are some.
/// </summary>
internal static class ArchiveCommand
{
    /// <summary>The line that says how.</summary>
    public const string Usage = "usage: stele archive [--json] | --before DATE [--to DIR] [--past SINK] [--check] | --restore FILE|DIR";

    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    /// <param name="args">What follows the word.</param>
    /// <param name="ownerConnectionString">The owner's.</param>
    /// <param name="directory">Where files go without --to.</param>
    /// <param name="projections">The names of asynchronous projections, which must have read what is archived.</param>
    /// <param name="output">Answers.</param>
    /// <param name="progress">Lines that overwrite each other, or null.</param>
    /// <param name="cancellation">Ends it; the month at hand is then as before.</param>
    public static async Task<int> Run(string[] args, string ownerConnectionString, string directory, IReadOnlyList<string> projections,
        TextWriter output, TextWriter? progress, CancellationToken cancellation)
    {
        if (!TryParse(args, out var asked))
        {
            await output.WriteLineAsync(Usage);
            return MigrateCommand.Usage;
        }
        try
        {
            await using var database = await ArchiveDatabase.Open(ownerConnectionString, cancellation);
            Action<string> told = line => progress?.Write($"\r{line,-72}");
            if (asked.Restore is { } from) return await Restore(database, Path.GetFullPath(from), output, told, cancellation);
            if (asked.Before is { } before)
            {
                var archiver = new JournalArchiver(database, Path.GetFullPath(asked.To ?? directory), projections, told, TimeProvider.System) { Past = asked.Past };
                return await Archive(archiver, before, asked, Path.GetFullPath(asked.To ?? directory), output, cancellation);
            }
            await List(database, asked.Json, output, cancellation);
            return MigrateCommand.Done;
        }
        catch (Exception failure) when (failure is ArchiveException or NpgsqlException or IOException or UnauthorizedAccessException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
        finally
        {
            progress?.Write($"\r{"",-72}\r");
        }
    }

    static async Task<int> Archive(JournalArchiver archiver, DateOnly before, Asked asked, string directory, TextWriter output, CancellationToken cancellation)
    {
        var months = await archiver.Plan(before, cancellation);
        if (months.Count == 0) await output.WriteLineAsync($"nothing to archive: no month of events that is here ended before {before:yyyy-MM-dd}");
        foreach (var month in months)
        {
            if (asked.Check)
            {
                await output.WriteLineAsync($"would archive {ArchiveFile.Text(month)} as {Path.Combine(directory, ArchiveFile.NameOf(month))}");
                continue;
            }
            var ranges = await archiver.Archive(month, cancellation);
            await output.WriteLineAsync($"archived {ArchiveFile.Text(month)}: {Count(ranges)}, {new FileInfo(Path.Combine(directory, ArchiveFile.NameOf(month))).Length} bytes in {Path.Combine(directory, ArchiveFile.NameOf(month))}");
        }
        return asked.Check && months.Count > 0 ? MigrateCommand.Pending : MigrateCommand.Done;
    }

    static async Task<int> Restore(ArchiveDatabase database, string path, TextWriter output, Action<string> progress, CancellationToken cancellation)
    {
        var restorer = new JournalRestorer(database, progress);
        if (!Directory.Exists(path))
        {
            if (!File.Exists(path)) throw new ArchiveException($"There is no {path}.");
            await Report(await restorer.Restore(path, cancellation), output);
            return MigrateCommand.Done;
        }
        var count = 0;
        for (; await restorer.Next(cancellation) is { } month; count++)
        {
            var file = Path.Combine(path, ArchiveFile.NameOf(month));
            if (!File.Exists(file)) throw new ArchiveException($"{ArchiveFile.Text(month)} is the next to restore, and {file} is not there. {count} months were restored.");
            await Report(await restorer.Restore(file, cancellation), output);
        }
        if (count == 0) await output.WriteLineAsync("nothing to restore: all events are in the journal");
        return MigrateCommand.Done;
    }

    static Task Report(IReadOnlyList<ArchivedRange> ranges, TextWriter output) =>
        output.WriteLineAsync($"restored {ArchiveFile.Text(ranges[0].Month)}: {Count(ranges)}. The file {ranges[0].File} is not needed any more");

    static string Count(IReadOnlyList<ArchivedRange> ranges) =>
        $"{ranges.Sum(range => range.Last - range.First + 1)} revisions and {ranges.Sum(range => range.Events)} events of {ranges.Count} organizations";

    static async Task List(ArchiveDatabase database, bool json, TextWriter output, CancellationToken cancellation)
    {
        var archived = (await database.Ranges(cancellation)).Where(range => !range.IsRestored).GroupBy(range => range.Month).ToList();
        var live = await database.Months(cancellation);
        if (json)
        {
            await output.WriteLineAsync(JsonSerializer.Serialize(new
            {
                archived = archived.Select(month => new
                {
                    month = ArchiveFile.Text(month.Key), file = month.First().File, sha256 = Convert.ToHexStringLower(month.First().ContentHash),
                    orgs = month.Select(range => new { org_id = range.Org.Value, first_revision = range.First, last_revision = range.Last, events = range.Events }),
                }),
                live = live.Select(ArchiveFile.Text),
            }));
            return;
        }
        foreach (var month in archived) await output.WriteLineAsync($"{ArchiveFile.Text(month.Key)}  archived in {month.First().File}: {Count([.. month])}");
        if (live.Count > 0) await output.WriteLineAsync($"{ArchiveFile.Text(live[0])} to {ArchiveFile.Text(live[^1])}  in the journal");
    }

    static bool TryParse(string[] args, out Asked asked)
    {
        asked = new Asked(null, null, null, false, false) { Past = [] };
        for (var i = 0; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : null;
            switch (args[i])
            {
                case "--before" when DateOnly.TryParseExact(value, ["yyyy-MM-dd", "yyyy-MM"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var date):
                    asked = asked with { Before = date };
                    i++;
                    break;
                case "--to" when value is { Length: > 0 }:
                    asked = asked with { To = value };
                    i++;
                    break;
                case "--past" when value is "redis" or "kafka" or ArchiveArrears.Webhooks:
                    asked = asked with { Past = [.. asked.Past, value] };
                    i++;
                    break;
                case "--restore" when value is { Length: > 0 }:
                    asked = asked with { Restore = value };
                    i++;
                    break;
                case "--check":
                    asked = asked with { Check = true };
                    break;
                case "--json":
                    asked = asked with { Json = true };
                    break;
                default:
                    return false;
            }
        }
        return asked.Before is null ? asked is { To: null, Check: false, Past: [] } && !(asked.Restore is not null && asked.Json) : asked is { Restore: null, Json: false };
    }

    sealed record Asked(DateOnly? Before, string? To, string? Restore, bool Check, bool Json)
    {
        public required IReadOnlyList<string> Past { get; init; }
    }
}
