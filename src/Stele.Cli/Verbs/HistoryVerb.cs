using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele history KEY</c>: every version, newest first.</summary>
internal static class HistoryVerb
{
    const int ValueCharacters = 60;

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var key = new Argument<string>("KEY");
        var limit = new Option<int?>("--limit") { Description = "At most so many versions; all of them without", HelpName = "N" };
        var watch = new WatchOption();
        var command = new Command("history", "Show the versions of a key, newest first") { key, limit };
        watch.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (call.Key(key) is not { } name) return ExitCode.Usage;
            var most = call.Parsed.GetValue(limit) ?? int.MaxValue;
            if (most < 1) return call.Usage("--limit is at least 1.");
            return await watch.Run(call, "config", name, change => change.Key == name, () => Print(call, name, most));
        });
    }

    static async Task<(int Code, long Revision)> Print(Call call, string name, int most)
    {
        var items = new List<ConfigVersion>();
        string? cursor = null;
        do
        {
            var page = await call.Client.GetConfigHistoryAsync(name, call.Environment, Math.Min(most - items.Count, ListVerb.PageItems), cursor, call.Cancellation);
            items.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null && items.Count < most);
        var revision = items.Select(item => item.Revision).DefaultIfEmpty().Max();
        if (call.Json) return (call.Print(new ConfigHistory { Items = items, NextCursor = cursor }, SteleJson.Default.ConfigHistory), revision);
        foreach (var line in call.Ink.Table(["VERSION", "REVISION", "WHEN", "BY", "VALUE", "WHY"], items.Select(Row))) call.Line(line);
        if (cursor is not null) call.Note(call.Ink.Faint($"There are more than {most}."));
        return (ExitCode.Done, revision);
    }

    static IReadOnlyList<string> Row(ConfigVersion item) =>
    [
        item.Version.ToString(CultureInfo.InvariantCulture), item.Revision.ToString(CultureInfo.InvariantCulture), Ink.Time(item.UpdatedAt), item.UpdatedBy ?? "",
        item.Deleted ? "(deleted)" : item.Redacted ? Ink.Redacted : Ink.Cut(Ink.Show(item.Value), ValueCharacters), item.ChangeLog ?? "",
    ];
}
