using System.Globalization;
using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>
/// Seeds of the simulation. CI runs the first few; docs/operations/simulation.md says how to run many, one again, or one made shorter.
/// </summary>
public class SimulationTests(ITestOutputHelper output)
{
    const ulong SeedsInCi = 150;

    [Fact]
    public void Every_promise_holds_under_every_seed()
    {
        if (Variable("STELE_SIM_RUN") is { } run)
        {
            Replay(RunOptions.Parse(run));
            return;
        }
        var sweep = Sweep.Run(Number("STELE_SIM_FROM") ?? 1, Number("STELE_SIM_SEEDS") ?? SeedsInCi, (int)(Number("STELE_SIM_STEPS") ?? 1_000), Enum.Parse<Database.Mutant>(Variable("STELE_SIM_MUTANT") ?? nameof(Database.Mutant.None)));
        output.WriteLine(sweep.ToString());
        if (Variable("STELE_SIM_REPORT") is { } path) File.WriteAllText(path, sweep.ToString());
        Assert.True(sweep.Failed.Count == 0, sweep.ToString());
        Assert.True(sweep.Missing.Count == 0, $"never happened: {string.Join(", ", sweep.Missing)}\n{sweep}");
    }

    [Fact]
    public void A_seed_is_one_run()
    {
        foreach (var seed in (ulong[])[31, 33])
        {
            var (first, second) = (SimulationRun.Of(seed), SimulationRun.Of(seed));
            Assert.Equal((first.Trace, first.Work, first.Tally.Steps), (second.Trace, second.Work, second.Tally.Steps));
            Assert.Equal(first.History.Select(HistoryFile.Text), second.History.Select(HistoryFile.Text));
        }
    }

    /// <summary>Each of them broke a promise once: an outcome acknowledged that the standby lacked, a projection of what was lost, a watcher level at what came instead, a watcher level at what was lost, a watcher reset for nothing, and one was the judge's: what was lost and written again to the byte.</summary>
    [Theory]
    [InlineData(149)]
    [InlineData(366)]
    [InlineData(814)]
    [InlineData(1310)]
    [InlineData(1493)]
    [InlineData(1511)]
    [InlineData(1777)]
    [InlineData(6147)]
    public void A_seed_that_found_a_bug_finds_it_no_more(ulong seed) => Assert.Empty(SimulationRun.Of(seed).Violations);

    [Fact]
    public void A_run_is_written_down_and_read_back()
    {
        var options = new RunOptions(7) { Kind = RunKind.Liveness, Mutant = Database.Mutant.StaleHeads, OperationsMax = 12, FaultsMax = 3, Without = [Database.FaultKind.Rewind, Database.FaultKind.Slow], Watchers = 0 };
        Assert.Equal("seed=7 kind=Liveness mutant=StaleHeads operations=12 faults=3 watchers=0 without=Rewind,Slow", options.ToString());
        Assert.Equal(options.ToString(), RunOptions.Parse(options.ToString()).ToString());
        Assert.Equal("seed=9", RunOptions.Parse("9").ToString());
    }

    void Replay(RunOptions options)
    {
        using var logs = new SeedLog(output);
        var result = SimulationRun.Of(options);
        if (result.Violations.Count > 0 && Variable("STELE_SIM_MINIMISE") is not null) result = Minimiser.Shorten(result);
        if (Variable("STELE_SIM_HISTORY") is { } path) HistoryFile.Write(path, result.History);
        output.WriteLine(SimulationRun.Of(result.Options with { Logs = logs }).ToString());
        Assert.Empty(result.Violations);
    }

    static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : null;

    static ulong? Number(string variable) => ulong.TryParse(Variable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;
}
