using System.CommandLine;
using System.Text.Json;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele watch</c>: prints changes as they come, until it is interrupted; resumes by itself.</summary>
internal static class WatchVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var prefixes = new Argument<string[]>("prefix") { Description = "Beginnings of keys; none: all keys", Arity = ArgumentArity.ZeroOrMore };
        var from = new Option<string?>("--from") { Description = "After this cursor, or this revision", HelpName = "CURSOR" };
        var kinds = new Option<string?>("--kinds") { Description = "Some of config,flag,secret", HelpName = "KINDS" };
        var until = new Option<bool>("--until-synced") { Description = "End when the past is shown" };
        var command = new Command("watch", "Print changes as they happen") { prefixes, from, kinds, until };
        return command.Does(surroundings, options, async call =>
        {
            var after = call.Parsed.GetValue(from);
            var isRevision = long.TryParse(after, System.Globalization.CultureInfo.InvariantCulture, out var revision);
            var request = new WatchRequest
            {
                Environment = call.Environment, Prefixes = call.Parsed.GetValue(prefixes) ?? [], Kinds = call.Parsed.GetValue(kinds)?.Split(',') ?? [],
                FromCursor = isRevision ? null : after, FromRevision = isRevision ? revision : null,
            };
            await foreach (var said in call.Client.WatchAsync(request, call.Cancellation))
            {
                Show(call, said);
                if (said.Kind == WatchEventKind.Synced && call.Parsed.GetValue(until)) break;
            }
            return ExitCode.Done;
        });
    }

    static void Show(Call call, WatchEvent said)
    {
        if (said.Kind == WatchEventKind.Progress) return;
        if (call.Json)
        {
            // one line each, for whatever reads the next
            if (said.Kind is WatchEventKind.Change or WatchEventKind.Reset) call.Line(JsonSerializer.Serialize(said, SteleJson.Default.WatchEvent));
        }
        else if (said.Kind == WatchEventKind.Reset)
        {
            call.Note(call.Ink.Changed($"Read anew at {said.Cursor}: {said.Reason}."));
        }
        else
        {
            foreach (var change in said.Changes) call.Line(Line(call.Ink, said, change));
        }
    }

    static string Line(Ink ink, WatchEvent said, WatchedChange change)
    {
        var head = ink.Faint(FormattableString.Invariant($"{said.Revision} {Ink.Time(said.At)}"));
        var what = change.Op == "delete" ? ink.Removed($"{change.Key} deleted")
            : change.Redacted ? $"{change.Key} {Ink.Redacted}"
            : change.Value is { } value ? $"{ink.Strong(change.Key)} = {Ink.Show(value)}" : $"{change.Key} {change.Op}";
        return FormattableString.Invariant($"{head} {what} {ink.Faint($"v{change.Version} by {said.By}")}");
    }
}
