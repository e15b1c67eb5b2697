using System.Diagnostics;
using Stele.Prove.Mutants;
using Stele.Prove.Processes;
using Stele.Prove.Report;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>That a run sees: each deliberate bug of <see cref="Mutant"/> in real servers breaks a promise. Explicit, since each takes up to a minute.</summary>
public sealed class MutantTests(ITestOutputHelper output)
{
    public static TheoryData<string> Mutants => [.. MutantPlan.All.Select(plan => $"{plan.Mutant}")];

    [Theory(Explicit = true)]
    [MemberData(nameof(Mutants))]
    public async Task A_bug_in_real_servers_is_caught(string name)
    {
        var programs = await PostgresPrograms.Find();
        Assert.SkipWhen(programs is null, "PostgreSQL with pg_basebackup is not installed here");
        var place = Directory.CreateTempSubdirectory("stele-prove-mutant-").FullName;
        var began = Stopwatch.GetTimestamp();
        var plan = MutantPlan.Of(Enum.Parse<Mutant>(name));
        var result = await plan.Run(programs!, place, TestContext.Current.SendDiagnosticMessage);
        output.WriteLine($"{name}: {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s, {result.Failures.Count} failures\n{ProveReport.Summary(result)}");
        Assert.True(plan.IsCaughtBy(result), "it broke nothing");
        Directory.Delete(place, recursive: true);
    }

    [Fact]
    public void Every_bug_has_a_plan() => Assert.Equal(Enum.GetValues<Mutant>().Where(mutant => mutant is not (Mutant.None or Mutant.TrustACancelledWait)), MutantPlan.All.Select(plan => plan.Mutant).Order());
}
