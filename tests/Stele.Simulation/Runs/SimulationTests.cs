using System.Diagnostics;
using System.Globalization;
using Stele.Simulation.Database;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>
/// Seeds of the simulation. CI runs the first few hundred; <c>STELE_SIM_SEEDS=20000</c> (and <c>STELE_SIM_FROM</c>) runs more,
/// <c>STELE_SIM_SEED=123</c> one, with what the nodes log.
/// </summary>
public class SimulationTests(ITestOutputHelper output)
{
    const ulong SeedsInCi = 300;

    [Fact]
    public void Every_promise_holds_under_every_seed()
    {
        if (Number("STELE_SIM_SEED") is { } single)
        {
            using var logs = new SeedLog(output);
            var result = SimulationRun.Of(single, logs: logs);
            output.WriteLine(result.ToString());
            Assert.Empty(result.Violations);
            return;
        }
        var from = Number("STELE_SIM_FROM") ?? 1;
        var sweep = Sweep.Run(from, Number("STELE_SIM_SEEDS") ?? SeedsInCi);
        output.WriteLine(sweep.ToString());
        Assert.True(sweep.Failed.Count == 0, sweep.ToString());
    }

    static ulong? Number(string variable) =>
        ulong.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
