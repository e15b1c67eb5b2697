using Stele.Simulation.Database;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>That the checkers see: each deliberate bug of <see cref="Mutant"/> breaks a promise under one of the first seeds.</summary>
public class MutantTests
{
    const ulong SeedsMax = 2_000;

    public static TheoryData<string> Mutants => [.. Enum.GetNames<Mutant>().Where(name => name != nameof(Mutant.None))];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_planted_bug_is_caught(string name)
    {
        var mutant = Enum.Parse<Mutant>(name);
        for (ulong seed = 1; seed <= SeedsMax; seed++)
            if (SimulationRun.Of(seed, mutant).Violations.Count > 0) return;
        Assert.Fail($"{name} broke no promise under the first {SeedsMax} seeds");
    }
}
