using System.CommandLine;

namespace Stele.Cli;

/// <summary>"Did you mean": the known words that are nearest to one that is not known.</summary>
internal static class Suggestions
{
    const int EditsMax = 2;

    internal static IEnumerable<string> For(ParseResult parsed, IEnumerable<string> unknowns)
    {
        var words = Words(parsed.CommandResult.Command).Where(word => word[0] != '-' || word.StartsWith("--", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).ToList();
        foreach (var unknown in unknowns.Where(token => token.Length > 1))
        {
            var near = words.Select(word => (Word: word, Edits: Edits(unknown, word))).Where(found => found.Edits <= Math.Min(EditsMax, unknown.Length / 2))
                .OrderBy(found => found.Edits).ThenBy(found => found.Word, StringComparer.Ordinal).Take(3).Select(found => found.Word).ToList();
            if (near.Count > 0) yield return $"  {unknown}: did you mean {string.Join(" or ", near)}?";
        }
    }

    /// <summary>Words before a <c>--</c> that look like options and are none; -5 is a number.</summary>
    internal static IReadOnlyList<string> UnknownOptions(ParseResult parsed, IReadOnlyList<string> arguments)
    {
        if (arguments is [['[', ..], ..]) return []; // [suggest:8] "stele hi": a shell asks
        if (!parsed.CommandResult.Command.TreatUnmatchedTokensAsErrors) return [];
        var known = Words(parsed.CommandResult.Command).ToHashSet(StringComparer.Ordinal);
        return [.. arguments.TakeWhile(word => word != "--").Where(LooksLikeOption).Select(word => word.Split('=', ':')[0]).Where(word => !known.Contains(word))];
    }

    static bool LooksLikeOption(string word) => word.Length > 1 && word[0] == '-' && (word[1] == '-' || char.IsAsciiLetter(word[1]));

    static IEnumerable<string> Words(Command command)
    {
        foreach (var below in command.Subcommands) yield return below.Name;
        for (Command? at = command; at is not null; at = at.Parents.OfType<Command>().FirstOrDefault())
            foreach (var option in at.Options.Where(option => at == command || option.Recursive))
                foreach (var name in option.Aliases.Prepend(option.Name)) yield return name;
    }

    /// <summary>Insertions, deletions, replacements and neighbours swapped (Damerau's distance, in its restricted form).</summary>
    internal static int Edits(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) cost[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) cost[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                cost[i, j] = Math.Min(Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1, cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }
        return cost[a.Length, b.Length];
    }
}
