using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele events</c>: the journal itself, oldest first.</summary>
internal static class EventsVerb
{
    const int Default = 100;

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var after = new Option<long?>("--after") { Description = "After this revision", HelpName = "REVISION" };
        var limit = new Option<int>("--limit") { Description = "At most so many", HelpName = "N", DefaultValueFactory = _ => Default };
        var command = new Command("events", "Show the journal, oldest first") { after, limit };
        return command.Does(surroundings, options, async call =>
        {
            var most = call.Parsed.GetValue(limit);
            if (most < 1) return call.Usage("--limit is at least 1.");
            var items = new List<EventItem>();
            string? cursor = null;
            do
            {
                var read = new EventRead { AfterRevision = cursor is null ? call.Parsed.GetValue(after) : null, Limit = Math.Min(most - items.Count, ListVerb.PageItems), Cursor = cursor };
                var page = await call.Client.ListEventsAsync(read, call.Cancellation);
                items.AddRange(page.Items);
                cursor = page.NextCursor;
            }
            while (cursor is not null && items.Count < most);
            if (call.Json) return call.Print(new EventPage { Items = items, NextCursor = cursor }, SteleJson.Default.EventPage);
            foreach (var line in call.Ink.Table(["REVISION", "WHEN", "BY", "WHAT", "STREAM", "WHY"], items.Select(Row))) call.Line(line);
            if (cursor is not null) call.Note(call.Ink.Faint($"There are more: --after {items[^1].Revision}"));
            return ExitCode.Done;
        });
    }

    static IReadOnlyList<string> Row(EventItem item) =>
        [FormattableString.Invariant($"{item.Revision}.{item.Ordinal}"), Ink.Time(item.At), item.Actor ?? "", (item.Type ?? "") + (item.Redacted ? $" {Ink.Redacted}" : ""), item.Stream ?? "", item.Reason ?? ""];
}
