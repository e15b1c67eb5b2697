using Stele.Simulation.Database;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>That the checkers see: each deliberate bug of <see cref="Mutant"/> breaks a promise under several of the first seeds.</summary>
public class MutantTests(ITestOutputHelper output)
{
    const ulong SeedsMax = 200;

    /// <summary>Under one seed a bug is seen by luck, which the next change of anything may end.</summary>
    const int Enough = 3;

    public static TheoryData<string> Mutants => [.. Enum.GetNames<Mutant>().Where(name => name is not nameof(Mutant.None))];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_planted_bug_is_caught(string name)
    {
        var shown = new List<ulong>();
        for (ulong seed = 1; seed <= SeedsMax && shown.Count < Enough; seed++)
        {
            // a bug between a client that follows and its node needs one that does
            var sound = new RunOptions(seed) { Followers = name is nameof(Mutant.LoseAReset) or nameof(Mutant.MissAChange) ? 3 : 0 };
            var result = SimulationRun.Of(sound with { Mutant = Enum.Parse<Mutant>(name) });
            if (result.Violations.Count == 0) continue;
            // it is the bug that breaks it, and nothing else
            Assert.Empty(SimulationRun.Of(sound).Violations);
            output.WriteLine($"{name}: seed {seed}, {result.Violations[0]}");
            shown.Add(seed);
        }
        Assert.True(shown.Count == Enough, $"{name} broke a promise under {shown.Count} of {SeedsMax} seeds, and not under {Enough}");
    }

    [Fact]
    public void A_failing_run_is_made_shorter_and_fails_as_before()
    {
        SimulationResult failing;
        ulong seed = 0;
        do failing = SimulationRun.Of(new RunOptions(++seed) { Mutant = Mutant.IgnoreFence });
        while (failing.Violations.Count == 0);
        var shorter = Minimiser.Shorten(failing);
        output.WriteLine($"{failing.Options}: {Minimiser.Size(failing)} operations and faults; {shorter.Options}: {Minimiser.Size(shorter)}");
        Assert.True(Minimiser.Size(shorter) * 2 < Minimiser.Size(failing));
        var again = SimulationRun.Of(RunOptions.Parse(shorter.Options.ToString()));
        Assert.Equal(failing.Violations[0].Rule, again.Violations[0].Rule);
        Assert.Equal(shorter.Trace, again.Trace);
    }
}
