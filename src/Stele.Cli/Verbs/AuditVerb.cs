using System.CommandLine;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele audit list</c>, <c>tail</c> and <c>export</c>: who did what, and who was refused; journal and audit log as one.</summary>
internal static class AuditVerb
{
    const int Default = 100, TailDefault = 10, BufferBytes = 64 << 10;
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    internal static Command Make(Surroundings surroundings, GlobalOptions options) => new("audit", "Show who did what, and who was refused")
    {
        List(surroundings, options), Tail(surroundings, options), Export(surroundings, options),
    };

    static Command List(Surroundings surroundings, GlobalOptions options)
    {
        var filters = new Filters();
        var limit = new Option<int>("--limit") { Description = "At most so many", HelpName = "N", DefaultValueFactory = _ => Default };
        var oldest = new Option<bool>("--oldest") { Description = "Oldest first" };
        var command = new Command("list", "List journal and audit log, newest first") { limit, oldest };
        filters.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            var most = call.Parsed.GetValue(limit);
            if (most < 1) return call.Usage("--limit is at least 1.");
            if (!filters.TryGet(call, out var read)) return ExitCode.Usage;
            var items = new List<AuditItem>();
            AuditPage page;
            do
            {
                page = await call.Client.ListAuditAsync(read with { OldestFirst = call.Parsed.GetValue(oldest), Limit = Math.Min(most - items.Count, ListVerb.PageItems) }, call.Cancellation);
                items.AddRange(page.Items);
                read = read with { Cursor = page.NextCursor };
            }
            while (page.NextCursor is not null && items.Count < most);
            if (call.Json) return call.Print(page with { Items = items }, SteleJson.Default.AuditPage);
            foreach (var line in call.Ink.Table(["WHEN", "BY", "WHAT", "ON", "TIMES", "WHY"], items.Select(Row))) call.Line(line);
            if (page.NextCursor is not null) call.Note(call.Ink.Faint("There are more: --limit, --from, --to"));
            return ExitCode.Done;
        });
    }

    static Command Tail(Surroundings surroundings, GlobalOptions options)
    {
        var filters = new Filters();
        var last = new Option<int>("--lines") { Description = "Begin with so many of the last", HelpName = "N", DefaultValueFactory = _ => TailDefault };
        var command = new Command("tail", "Show what comes as it comes, until Ctrl-C") { last };
        filters.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!filters.TryGet(call, out var read)) return ExitCode.Usage;
            if (call.Parsed.GetValue(last) is < 0 or > ListVerb.PageItems) return call.Usage($"--lines is from 0 to {ListVerb.PageItems}.");
            var begun = await call.Client.ListAuditAsync(read with { Limit = Math.Max(1, call.Parsed.GetValue(last)) }, call.Cancellation);
            foreach (var item in begun.Items.Take(call.Parsed.GetValue(last)).Reverse()) Tell(call, item);
            var cursor = begun.ResumeCursor;
            var isAway = false;
            while (true)
            {
                AuditPage? page = null;
                try
                {
                    page = await call.Client.ListAuditAsync(read with { OldestFirst = true, Cursor = cursor, Limit = ListVerb.PageItems }, call.Cancellation);
                    isAway = false;
                }
                catch (SteleException e) when (ExitCode.Of(e) == ExitCode.Unavailable)
                {
                    // a server that is replaced comes back, and the cursor goes on where it was
                    if (!isAway) call.Note($"stele: {e.Detail} Waiting for it.");
                    isAway = true;
                }
                foreach (var item in page?.Items ?? []) Tell(call, item);
                cursor = page?.NextCursor ?? page?.ResumeCursor ?? cursor;
                await call.Surroundings.Out.FlushAsync(call.Cancellation);
                if (page?.NextCursor is null) await Task.Delay(Pause, call.Surroundings.Clock, call.Cancellation);
            }
        });
    }

    static Command Export(Surroundings surroundings, GlobalOptions options)
    {
        var filters = new Filters();
        var format = new Option<string>("--format") { Description = "jsonl or csv", DefaultValueFactory = _ => "jsonl" };
        format.AcceptOnlyFromAmong("jsonl", "csv");
        var to = new Option<string?>("--out", "-o") { Description = "A file; without: standard output", HelpName = "PATH" };
        var command = new Command("export", "Write all of it, oldest first, as lines of JSON or as CSV") { format, to };
        filters.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!filters.TryGet(call, out var read)) return ExitCode.Usage;
            var path = call.Parsed.GetValue(to);
            if (path is null)
            {
                await call.Client.ExportAuditAsync(read, call.Parsed.GetRequiredValue(format), stream => Copy(stream, call), call.Cancellation);
                return ExitCode.Done;
            }
            // under its name only when it is whole
            var unfinished = path + ".part";
            try
            {
                await using (var file = File.Create(unfinished))
                    await call.Client.ExportAuditAsync(read, call.Parsed.GetRequiredValue(format), stream => stream.CopyToAsync(file, call.Cancellation), call.Cancellation);
                File.Move(unfinished, path, overwrite: true);
            }
            finally
            {
                File.Delete(unfinished);
            }
            call.Note($"written to {path}");
            return ExitCode.Done;
        });
    }

    static async Task Copy(Stream stream, Call call)
    {
        using var reader = new StreamReader(stream, bufferSize: BufferBytes);
        var buffer = new char[BufferBytes];
        while (await reader.ReadAsync(buffer, call.Cancellation) is > 0 and var read) await call.Surroundings.Out.WriteAsync(buffer.AsMemory(0, read), call.Cancellation);
    }

    static void Tell(Call call, AuditItem item) =>
        call.Line(call.Json ? System.Text.Json.JsonSerializer.Serialize(item, SteleJson.Default.AuditItem) : string.Join("  ", Row(item)).TrimEnd());

    static IReadOnlyList<string> Row(AuditItem item) =>
    [
        Ink.Time(item.At), item.Actor ?? "", (item.Action ?? "") + (item.Code is null ? "" : $" ({item.Code})"), item.Target ?? "",
        item.Times == 1 ? "" : FormattableString.Invariant($"{item.Times}"), item.Detail ?? "",
    ];

    /// <summary>The options that all three have.</summary>
    sealed class Filters
    {
        readonly Option<string?> actor = new("--actor") { Description = "Only of this actor", HelpName = "ID" };
        readonly Option<string?> action = new("--action") { Description = "Only this action; with * at the end, those that begin so", HelpName = "ACTION" };
        readonly Option<string?> target = new("--target") { Description = "Only this target; with * at the end, those that begin so", HelpName = "TARGET" };
        readonly Option<string?> outcome = new("--outcome") { Description = "allowed or refused" };
        readonly Option<string?> log = new("--log") { Description = "journal or audit; without: both" };
        readonly Option<string?> from = new("--from") { Description = "From this time on", HelpName = "TIME" };
        readonly Option<string?> to = new("--to") { Description = "Before this time", HelpName = "TIME" };
        readonly Option<bool> installation = new("--installation") { Description = "The installation's log, for root tokens" };

        public void AddTo(Command command)
        {
            outcome.AcceptOnlyFromAmong("allowed", "refused");
            log.AcceptOnlyFromAmong("journal", "audit");
            foreach (var option in (Option[])[actor, action, target, outcome, log, from, to, installation]) command.Add(option);
        }

        public bool TryGet(Call call, out AuditRead read)
        {
            read = new AuditRead
            {
                Actor = call.Parsed.GetValue(actor), Action = call.Parsed.GetValue(action), Target = call.Parsed.GetValue(target), Outcome = call.Parsed.GetValue(outcome),
                Log = call.Parsed.GetValue(log), Environment = call.EnvironmentFilter, Installation = call.Parsed.GetValue(installation),
            };
            if (!TryTime(call, from, out var first) || !TryTime(call, to, out var end)) return false;
            read = read with { From = first, To = end };
            return true;
        }

        static bool TryTime(Call call, Option<string?> option, out DateTimeOffset? time)
        {
            time = null;
            if (call.Parsed.GetValue(option) is not { } text) return true;
            time = TimeText.Parse(text, call.Surroundings.Clock);
            if (time is null) call.Usage($"{option.Name}: {TimeText.Form}.");
            return time is not null;
        }
    }
}
