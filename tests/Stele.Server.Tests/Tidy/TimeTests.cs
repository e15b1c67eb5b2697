using System.Text.RegularExpressions;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>Time is passed in, and no test hopes.</summary>
public sealed partial class TimeTests
{
    [Fact]
    public void No_code_reads_the_clock_behind_its_callers_back() => Exemption.Check(
        "Take a TimeProvider.",
        Breaches(AmbientClock(), "src"));

    [Fact]
    public void No_test_sleeps() => Exemption.Check(
        "Wait for a condition, turn a fake clock, or call RunOnce.",
        Breaches(Sleep(), "tests"));

    static IEnumerable<Breach> Breaches(Regex pattern, params string[] under) => Repository.Sources(under)
        .SelectMany(source => pattern.Matches(source.Code).Select(match => new Breach(source.Path, $"{match.Value} in line {source.LineOf(match.Index)}")));

    [GeneratedRegex(@"\bDateTime(Offset)?\.(UtcNow|Now|Today)\b")]
    private static partial Regex AmbientClock();

    [GeneratedRegex(@"\bThread\.Sleep\b|\bTask\.Delay\s*\(")]
    private static partial Regex Sleep();
}
