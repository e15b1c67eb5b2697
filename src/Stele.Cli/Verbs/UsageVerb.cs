using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele usage</c>: what the organization used, by UTC day, with the sum.</summary>
internal static class UsageVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var from = new Option<DateOnly?>("--from") { Description = "From this day on, such as 2026-11-01; without: the last 30 days", HelpName = "DAY" };
        var to = new Option<DateOnly?>("--to") { Description = "Up to this day, it included", HelpName = "DAY" };
        var command = new Command("usage", "Show what the organization used, by day") { from, to, Changes(surroundings, options) };
        return command.Does(surroundings, options, async call =>
        {
            var days = new List<UsageDay>();
            string? cursor = null;
            do
            {
                var page = await call.Client.ListUsageAsync(call.Parsed.GetValue(from), call.Parsed.GetValue(to), cursor, call.Cancellation);
                days.AddRange(page.Items);
                cursor = page.NextCursor;
            }
            while (cursor is not null);
            if (call.Json) return call.Print(new UsagePage { Items = days }, SteleJson.Default.UsagePage);
            var sum = Row("sum", days.Sum(day => day.Reads), days.Sum(day => day.Writes), days.Sum(day => day.WatchSeconds) / 3600m, days.Sum(day => day.Evaluations));
            foreach (var line in call.Ink.Table(["DAY", "READS", "WRITES", "WATCH HOURS", "EVALUATIONS"],
                days.Select(day => Row(day.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), day.Reads, day.Writes, day.WatchHours, day.Evaluations)).Append(sum))) call.Line(line);
            return ExitCode.Done;
        });
    }

    static Command Changes(Surroundings surroundings, GlobalOptions options)
    {
        var from = new Option<DateOnly?>("--from") { Description = "From this day on; without: the last 30 days", HelpName = "DAY" };
        var to = new Option<DateOnly?>("--to") { Description = "Up to this day, it included", HelpName = "DAY" };
        return new Command("changes", "Show how many changes there were, by day, environment and actor") { from, to }.Does(surroundings, options, async call =>
        {
            var items = new List<ChangeCount>();
            for (string? cursor = null; ;)
            {
                var page = await call.Client.CountChangesAsync(call.Parsed.GetValue(from), call.Parsed.GetValue(to), call.EnvironmentFilter, cursor, call.Cancellation);
                items.AddRange(page.Items);
                if ((cursor = page.NextCursor) is not null) continue;
                if (call.Json) return call.Print(page with { Items = items }, SteleJson.Default.ChangeCountPage);
                break;
            }
            foreach (var line in call.Ink.Table(["DAY", "ENVIRONMENT", "CHANGES", "ACTOR"], items.Select(item => (IReadOnlyList<string>)
                [item.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), item.Environment, Number(item.Changes), item.Actor]))) call.Line(line);
            return ExitCode.Done;
        });
    }

    static IReadOnlyList<string> Row(string day, long reads, long writes, decimal hours, long evaluations) =>
        [day, Number(reads), Number(writes), hours.ToString("0.###", CultureInfo.InvariantCulture), Number(evaluations)];

    static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
