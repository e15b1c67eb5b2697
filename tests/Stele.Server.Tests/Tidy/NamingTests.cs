using System.Text.RegularExpressions;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>A name says what a thing is, and an interface has more than one answer.</summary>
public sealed partial class NamingTests
{
    [Fact]
    public void No_type_or_file_hides_behind_an_empty_word() => Exemption.Check(
        "Manager, Helper, Util, Common and Impl say nothing: name what it does.",
        Repository.Sources("src", "tests", "bench").SelectMany(source => source.Types()
            .Select(type => type.Name).Append(Path.GetFileNameWithoutExtension(source.Path)).Concat(Path.GetDirectoryName(source.Path)!.Split('/'))
            .Distinct().Where(name => EmptyWord().IsMatch(name))
            .Select(name => new Breach(source.Path, name))));

    [Fact]
    public void No_interface_has_a_single_implementation()
    {
        // The simulation's seams are the second real implementation of the server's.
        var types = Repository.Sources("src", "tests/Stele.Simulation").SelectMany(source => source.Types().Select(type => (source.Path, type.Kind, type.Name, type.Bases))).ToList();
        Exemption.Check(
            "An interface has two real implementations, or is the class itself.",
            types.Where(type => type.Kind == "interface")
                .Select(type => (type.Path, type.Name, Count: types.Count(other => Regex.IsMatch(other.Bases, $@"\b{type.Name}\b"))))
                .Where(type => type.Count < 2)
                .Select(type => new Breach(type.Path, $"{type.Name} has {type.Count}")));
    }

    [Fact]
    public void No_region_folds_code_away() => Exemption.Check(
        "What needs a #region needs a file.",
        Repository.Sources("src", "tests", "bench").Where(source => RegionLine().IsMatch(source.Code)).Select(source => new Breach(source.Path, "has a region")));

    [Fact]
    public void No_reminder_without_an_issue() => Exemption.Check(
        "A reminder in a comment names its issue, such as #12.",
        Repository.Sources("src", "tests", "bench")
            .SelectMany(source => source.Comments.Where(comment => Reminder().IsMatch(comment.Text)).Select(comment => new Breach(source.Path, comment.Text.Trim())))
            .Concat(Repository.Files.Where(IsOtherCode).SelectMany(path => Repository.Read(path).Split('\n').Where(line => Reminder().IsMatch(line)).Select(line => new Breach(path, line.Trim())))));

    static bool IsOtherCode(string path) =>
        path is "stele" or "bench/run" or ".ci/run" || Path.GetExtension(path) is ".sql" or ".proto" or ".lua" or ".sh" or ".ts" or ".tsx" or ".csproj" or ".props";

    [GeneratedRegex("(Manager|Helper|Util|Utils|Utility|Utilities|Common|Impl)(s?)(?![a-z])")]
    private static partial Regex EmptyWord();

    [GeneratedRegex(@"^\s*#\s*(end)?region\b", RegexOptions.Multiline)]
    private static partial Regex RegionLine();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|HACK)\b(?![^\n]*#\d+)")]
    private static partial Regex Reminder();
}
