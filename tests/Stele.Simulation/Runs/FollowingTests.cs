using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Database;
using Stele.Simulation.Workload;
using Xunit;

namespace Stele.Simulation.Runs;

/// <summary>Apps that follow with the real client, through all that befalls its nodes and what lies between.</summary>
public class FollowingTests(ITestOutputHelper output)
{
    const ulong SeedsInCi = 60;

    static RunOptions Options(ulong seed) => new(seed) { Followers = 3, Watchers = 0 };

    [Fact]
    public void Who_follows_never_goes_back_never_has_half_a_revision_and_ends_level()
    {
        var (failed, followed) = (new List<SimulationResult>(), 0);
        var seeds = ulong.TryParse(Environment.GetEnvironmentVariable("STELE_SIM_SEEDS"), System.Globalization.CultureInfo.InvariantCulture, out var many) ? many : SeedsInCi;
        Parallel.For(1, (long)seeds + 1, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(2, Environment.ProcessorCount) }, (seed, loop) =>
        {
            var result = SimulationRun.Of(Options((ulong)seed));
            Interlocked.Add(ref followed, result.History.Count(line => line is Invoked { Client: "sdk0" or "sdk1" or "sdk2" }));
            if (result.Violations.Count == 0) return;
            lock (failed) failed.Add(result);
            if (failed.Count > 5) loop.Stop();
        });
        output.WriteLine($"{followed} states in use");
        Assert.True(failed.Count == 0, string.Join('\n', failed.OrderBy(result => result.Options.Seed).Select(result => $"again: STELE_SIM_RUN='{result.Options}'\n{result}")));
        // where hardly anything changes, little is shown
        Assert.True(followed > (int)seeds * 5, $"{followed} states in use");
    }

    /// <summary>What a client had loaded was lost, and it went on from the number of the revision: what stood there by then was another one, and what was lost stayed in use.</summary>
    [Fact]
    public void What_was_loaded_and_then_lost_does_not_stay_in_use() => Assert.Empty(SimulationRun.Of(Options(33)).Violations);

    [Fact]
    public void A_seed_with_clients_that_follow_is_one_run()
    {
        var (first, second) = (SimulationRun.Of(Options(31)), SimulationRun.Of(Options(31)));
        Assert.Equal((first.Trace, first.Work, first.Tally.Steps), (second.Trace, second.Work, second.Tally.Steps));
        Assert.Equal(first.History.Select(HistoryFile.Text), second.History.Select(HistoryFile.Text));
    }

    /// <summary>What they have in use is looked at, and nothing else sees these bugs.</summary>
    [Theory]
    [InlineData(nameof(Mutant.DeliverHalfARevision))]
    [InlineData(nameof(Mutant.LoseAReset))]
    [InlineData(nameof(Mutant.MissAChange))]
    public void A_planted_bug_is_seen_by_those_who_follow(string name)
    {
        for (ulong seed = 1; seed <= 200; seed++)
            if (SimulationRun.Of(Options(seed) with { Mutant = Enum.Parse<Mutant>(name) }).Violations is [var first, ..])
            {
                output.WriteLine($"{name}: seed {seed}, {first}");
                Assert.Contains("sdk", first.Detail, StringComparison.Ordinal);
                return;
            }
        Assert.Fail($"{name} broke nothing under 200 seeds");
    }
}
