using System.Text.RegularExpressions;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>A setting that is not documented does not exist for its user.</summary>
public sealed partial class SettingsTests
{
    const string Page = "docs/operations/settings.md";

    [Fact]
    public void Every_setting_is_documented()
    {
        var names = Repository.Sources("src/Stele.Server", "src/Stele.Cli").SelectMany(source => source.Literals)
            .SelectMany(literal => Setting().Matches(literal.Text)).Select(match => match.Value).Distinct().ToList();
        var rows = Repository.Exists(Page) ? Row().Matches(Repository.Read(Page)).Select(match => match.Groups[1].Value).ToHashSet() : [];
        Exemption.Check($"Every STELE_… variable has its row in {Page}.", names.Where(name => !rows.Contains(name)).Select(name => new Breach(name, "has no row")));
    }

    [Fact]
    public void Only_the_options_read_the_environment() => Exemption.Check(
        "Settings become one validated options object at start; nothing else reads them.",
        Repository.Sources("src/Stele.Server", "src/Stele.Core", "src/Stele.Client")
            .Where(source => !source.Path.StartsWith("src/Stele.Server/Options/", StringComparison.Ordinal) && source.Path != "src/Stele.Server/Program.cs")
            .SelectMany(source => Reading().Matches(source.Code).Where(match => !IsThePlatforms(source, match)).Select(match => new Breach(source.Path, $"{match.Value} in line {source.LineOf(match.Index)}"))));

    // PATH, HOME and XDG_… are facts about the machine, not settings of ours.
    static bool IsThePlatforms(CSharpSource source, Match reading) => Platform().IsMatch(source.Text[(reading.Index + reading.Length)..]);

    [GeneratedRegex(@"^\(""(PATH|HOME|XDG_\w+)""\)")]
    private static partial Regex Platform();

    [GeneratedRegex(@"\bSTELE_[A-Z0-9]+(?:_[A-Z0-9]+)*\b")]
    private static partial Regex Setting();

    [GeneratedRegex(@"^\|\s*`(STELE_[A-Z0-9_]+)`", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bEnvironment\.GetEnvironmentVariables?\b|\bIConfiguration\b")]
    private static partial Regex Reading();
}
