using System.CommandLine;
using System.Text.Json;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele diff A B</c>: what differs between two states, each an environment, now or in the past.</summary>
internal static class DiffVerb
{
    const string Side = "An environment, or one in the past: production, production@120, production@2026-01-31T14:03:00Z, production@7d";

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var from = new Argument<string>("FROM") { Description = Side };
        var to = new Argument<string>("TO") { Description = "The same" };
        var prefix = new Option<string?>("--prefix") { Description = "Only keys that begin with this", HelpName = "PREFIX" };
        var exitCode = new Option<bool>("--exit-code") { Description = "Exit with 1 when there are differences" };
        var command = new Command("diff", "Compare two environments, or two moments") { from, to, prefix, exitCode };
        return command.Does(surroundings, options, async call =>
        {
            var (left, right) = (Spell(call, call.Parsed.GetRequiredValue(from)), Spell(call, call.Parsed.GetRequiredValue(to)));
            var read = new DifferenceRead { From = left, To = right, Prefix = call.Parsed.GetValue(prefix), Limit = ListVerb.PageItems };
            var difference = await call.Client.DiffAsync(read, call.Cancellation);
            while (difference.NextCursor is { } cursor)
            {
                var page = await call.Client.DiffAsync(read with { Cursor = cursor }, call.Cancellation);
                difference = page with { Items = [.. difference.Items, .. page.Items] };
            }
            var code = call.Parsed.GetValue(exitCode) && difference.Items.Count > 0 ? ExitCode.Refused : ExitCode.Done;
            if (call.Json)
            {
                call.Print(difference, SteleJson.Default.Difference);
                return code;
            }
            foreach (var item in difference.Items) call.Line(Line(call.Ink, item));
            if (difference.Items.Count == 0) call.Note(call.Ink.Faint("No differences."));
            return code;
        });
    }

    /// <summary>Ages and dates as the server's RFC 3339; anything else as it is.</summary>
    static string Spell(Call call, string side)
    {
        var at = side.IndexOf('@', StringComparison.Ordinal);
        if (at < 0 || long.TryParse(side[(at + 1)..], out _) || Values.TimeText.Parse(side[(at + 1)..], call.Surroundings.Clock) is not { } time) return side;
        return $"{side[..at]}@{time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture)}";
    }

    static string Line(Ink ink, DifferenceItem item) => item.Op switch
    {
        "added" => ink.Added($"+ {item.Key} = {Right(item)}"),
        "removed" => ink.Removed($"- {item.Key} = {Left(item)}"),
        _ => ink.Changed($"~ {item.Key}: {Left(item)} → {Right(item)}"),
    };

    static string Left(DifferenceItem item) => item.FromRedacted ? Ink.Redacted : Show(item.From);

    static string Right(DifferenceItem item) => item.ToRedacted ? Ink.Redacted : Show(item.To);

    /// <summary>A side is a value with its version and type around it, or the value alone.</summary>
    static string Show(JsonElement side) =>
        side.ValueKind == JsonValueKind.Object && side.TryGetProperty("value", out var value) && side.TryGetProperty("version", out _) ? Ink.Show(value) : Ink.Show(side);
}
