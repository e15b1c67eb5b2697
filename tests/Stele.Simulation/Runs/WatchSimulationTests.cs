using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>
/// The watch engine under everything that befalls the journal, and its own: slow clients, broken connections, resumption
/// anywhere. CI runs 60 seeds; <c>STELE_SIM_WATCH_SEEDS=200</c> runs more.
/// </summary>
public sealed class WatchSimulationTests
{
    static readonly ulong seeds = ulong.TryParse(Environment.GetEnvironmentVariable("STELE_SIM_WATCH_SEEDS"), System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 60;

    [Fact]
    public void Every_stream_is_the_journal_under_its_filter_and_ends_level()
    {
        var failures = new List<string>();
        for (ulong seed = 1; seed <= seeds && failures.Count < 3; seed++)
        {
            var result = SimulationRun.Of(seed * 7_919, watchers: 4);
            if (result.Violations.Count > 0) failures.Add(result.ToString());
        }
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    [Fact]
    public void A_seed_is_one_run()
    {
        var (first, second) = (SimulationRun.Of(31, watchers: 3), SimulationRun.Of(31, watchers: 3));
        Assert.Equal(first.Trace, second.Trace);
        Assert.Equal(first.Steps, second.Steps);
    }
}
