using Stele.Server.Journal;
using Stele.Simulation.Scheduling;
using Xunit;

namespace Stele.Simulation.Runs;

public sealed class GatheringTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(Gathering.From - 1, 1)]
    [InlineData(Gathering.From, 5)]
    [InlineData(32, 28)]
    [InlineData(Gathering.Enough, 224)]
    [InlineData(Gathering.Enough + 1, 224)]
    public void Many_at_a_time_wait_for_most_of_each_other_and_few_do_not(int concurrent, int expected)
    {
        var gathering = new Gathering(new SimulatedScheduler(1).Start("node").Time);
        Assert.Equal(expected, gathering.Expect(concurrent, () => { }));
        Assert.Equal(expected == 1 ? 0 : expected, gathering.Quorum);
    }

    [Fact]
    public void Those_who_come_do_not_wait_for_those_who_do_not()
    {
        var scheduler = new SimulatedScheduler(1);
        var (began, started) = (scheduler.Now, new List<long>());
        var gathering = new Gathering(scheduler.Start("node").Time);
        gathering.Expect(32, () => started.Add(scheduler.Now));
        scheduler.Run(() => started.Count > 0, TimeSpan.FromSeconds(1), 1_000);
        Assert.Equal([began + Gathering.AtMost.Ticks], started);
        Assert.Equal(0, gathering.Quorum);
    }
}
