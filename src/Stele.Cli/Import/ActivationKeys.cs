using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Cli.Values;
using Stele.Core.Orgs;

namespace Stele.Cli.Import;

/// <summary>
/// For which Spring profiles a document holds. The keys that say so are instructions to the reader of the file, so
/// they are not imported as values. A list ("dev,staging") is one or the other: the document goes to each of those
/// environments. An expression (<c>!a</c>, <c>a &amp; b</c>) names no environment and is refused.
/// </summary>
internal static partial class ActivationKeys
{
    const string Current = "spring.config.activate.on-profile";
    const string Legacy = "spring.profiles";
    internal const string CloudPlatform = "spring.config.activate.on-cloud-platform";

    internal static bool Is(string path) => Pattern().IsMatch(path);

    /// <summary>The profiles of a document, empty when it holds for all; with the line of the key that names them.</summary>
    internal static (IReadOnlyList<string> Profiles, int Line) Of(SourceDocument document)
    {
        var named = document.Leaves.Where(leaf => Is(leaf.Path)).ToList();
        if (named.Count == 0) return ([], 0);
        // Should both be there, the legacy key has nothing to say any more. A repeated key: the last one, as everywhere.
        var current = named.Where(leaf => leaf.Path.StartsWith(Current, StringComparison.Ordinal)).ToList();
        var used = (current.Count > 0 ? current : named).GroupBy(leaf => leaf.Path).Select(group => group.Last());
        return ([.. used.SelectMany(Names).Distinct(StringComparer.Ordinal)], named[0].Line);
    }

    static IEnumerable<string> Names(SourceLeaf leaf)
    {
        if (JsonText.Parse(leaf.Json) is not { ValueKind: JsonValueKind.String } text) return [leaf.Json];
        return text.GetString()!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Why a profile is no environment, or null if it is one.</summary>
    internal static string? Refuse(string profile) =>
        EnvironmentName.TryParse(profile, out _) ? null
        : profile.AsSpan().ContainsAny("!&|()") ? $"the profile \"{profile}\" is an expression and names no environment: write the document once for each environment"
        : $"the profile \"{profile}\" cannot be an environment. {EnvironmentName.Message}";

    [GeneratedRegex(@"^(spring\.config\.activate\.on-profile|spring\.profiles)(\[\d+\])?$")]
    private static partial Regex Pattern();
}
