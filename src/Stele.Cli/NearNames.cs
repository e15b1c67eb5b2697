using System.CommandLine;
using Stele.Client;

namespace Stele.Cli;

/// <summary>What somebody may have meant who named a key, a flag, a secret or an environment that is not there: those that are, and look alike.</summary>
internal static class NearNames
{
    const int Most = 3;

    /// <summary>A line to say, or null. It asks the server once or twice more, for who has failed already; nothing that goes wrong here is worth a word.</summary>
    internal static async Task<string?> Of(Call call, SteleException failure)
    {
        try
        {
            var isEnvironment = failure.Errors.Any(error => error.Rule?.StartsWith("environment", StringComparison.Ordinal) == true);
            if (isEnvironment) return call.Environment is { } missing ? Line(missing, await Completions.Environments(call.Client, null, "")) : null;
            var command = call.Parsed.CommandResult.Command;
            foreach (var argument in command.Arguments.OfType<Argument<string>>())
                if (Completions.Source(command, argument) is { } source && call.Parsed.GetValue(argument) is { } name)
                    return Line(name, await source(call.Client, call.Environment, name[..(name.LastIndexOfAny(['.', '/']) + 1)])) ?? Line(name, await source(call.Client, call.Environment, ""));
        }
        catch (SteleException)
        {
            // it has been said already that something is wrong
        }
        return null;
    }

    static string? Line(string name, IEnumerable<string> known)
    {
        var near = known.Select(one => (Name: one, Distance: Distance(name, one))).Where(one => one.Distance is not null && one.Name != name)
            .OrderBy(one => one.Distance).ThenBy(one => one.Name, StringComparer.Ordinal).Take(Most).Select(one => one.Name).ToList();
        return near.Count == 0 ? null : $"  {name}: did you mean {string.Join(" or ", near)}?";
    }

    // null: it does not look alike; a long name may have more slips, and what was left out at the beginning is none
    static int? Distance(string name, string known)
    {
        if (known.Equals(name, StringComparison.OrdinalIgnoreCase)) return 0;
        var edits = Suggestions.Edits(name, known);
        if (edits <= Math.Min(Math.Max(2, name.Length / 6), name.Length / 2)) return edits;
        return known.EndsWith("." + name, StringComparison.Ordinal) || known.EndsWith("/" + name, StringComparison.Ordinal) ? name.Length : null;
    }
}
