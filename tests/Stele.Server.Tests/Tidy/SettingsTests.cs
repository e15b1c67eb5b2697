using System.Text.RegularExpressions;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>A setting that is not documented does not exist for its user.</summary>
public sealed partial class SettingsTests
{
    const string Page = "docs/operations/settings.md";

    [Fact]
    public void Every_setting_is_documented()
    {
        var rows = Row().Matches(Repository.Read(Page)).Select(match => (Variable: match.Groups[1].Value, Member: match.Groups[2].Value)).ToList();
        Exemption.Check($"Every setting has its row in {Page}, with its member of appsettings.json beside it.",
            SteleSettings.All.Where(setting => !rows.Any(row => row.Variable == setting.Variable && setting.Member.EndsWith(row.Member, StringComparison.Ordinal)))
                .Select(setting => new Breach(setting.Variable, $"has no row, or not {setting.Member} beside it")));
        Exemption.Check($"Every row of {Page} is a setting.",
            rows.Where(row => SteleSettings.All.All(setting => setting.Variable != row.Variable)).Select(row => new Breach(row.Variable, "is no setting")));
    }

    [Fact]
    public void Every_variable_of_the_client_is_documented()
    {
        var documents = string.Join('\n', Repository.Files.Where(path => path.EndsWith(".md", StringComparison.Ordinal)).Select(Repository.Read));
        Exemption.Check("A variable that the command line reads stands in a document.",
            Repository.Sources("src/Stele.Cli", "src/Stele.Client").SelectMany(source => source.Literals).SelectMany(literal => Setting().Matches(literal.Text))
                .Select(match => match.Value).Distinct().Where(name => !documents.Contains($"`{name}`", StringComparison.Ordinal)).Select(name => new Breach(name, "stands in none")));
    }

    [Fact]
    public void Only_the_options_read_the_environment() => Exemption.Check(
        "Settings become one validated options object at start; nothing else reads them.",
        Repository.Sources("src/Stele.Server", "src/Stele.Core", "src/Stele.Client")
            .Where(source => !source.Path.StartsWith("src/Stele.Server/Options/", StringComparison.Ordinal) && source.Path is not ("src/Stele.Server/Program.cs" or "src/Stele.Client/ProcessSettings.cs"))
            .SelectMany(source => Reading().Matches(source.Code).Where(match => !IsThePlatforms(source, match) && !IsTheClients(source, match)).Select(match => new Breach(source.Path, $"{match.Value} in line {source.LineOf(match.Index)}"))));

    // PATH, HOME and XDG_… are facts about the machine, not settings of ours.
    static bool IsThePlatforms(CSharpSource source, Match reading) => Platform().IsMatch(source.Text[(reading.Index + reading.Length)..]);

    // The client is a provider of an app's configuration, and no reader of ours.
    static bool IsTheClients(CSharpSource source, Match reading) => source.Path.StartsWith("src/Stele.Client/", StringComparison.Ordinal) && reading.Value == "IConfiguration";

    [GeneratedRegex(@"^\(""(PATH|HOME|XDG_\w+)""\)")]
    private static partial Regex Platform();

    [GeneratedRegex(@"\bSTELE_[A-Z0-9]+(?:_[A-Z0-9]+)*\b")]
    private static partial Regex Setting();

    [GeneratedRegex(@"^\|\s*`(STELE_[A-Z0-9_]+)`\s*\|\s*`([\w.]+)`", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bEnvironment\.GetEnvironmentVariables?\b|\bIConfiguration\b")]
    private static partial Regex Reading();
}
