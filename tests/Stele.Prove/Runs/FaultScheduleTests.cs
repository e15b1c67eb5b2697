using Stele.Prove.Faults;
using Stele.Prove.Report;
using Stele.Prove.Workload;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>What is worked out from a seed, and from what was seen.</summary>
public sealed class FaultScheduleTests
{
    static readonly FaultKind[] all = Enum.GetValues<FaultKind>();

    [Fact]
    public void A_seed_gives_the_same_schedule_and_another_seed_another()
    {
        Assert.Equal(Of(7, 100), Of(7, 100));
        Assert.NotEqual(Of(7, 100), Of(8, 100));
    }

    [Fact]
    public void Every_kind_happens_in_every_round()
    {
        var steps = Of(3, all.Length * 3);
        for (var round = 0; round < 3; round++)
            Assert.Equal(all, steps.Skip(round * all.Length).Take(all.Length).Select(step => step.Kind).Order());
    }

    [Fact]
    public void Two_at_once_are_of_different_parts()
    {
        var steps = Of(5, 2_000);
        Assert.Contains(steps, step => step.IsTogether);
        for (var i = 1; i < steps.Count; i++)
            if (steps[i].IsTogether) Assert.True(steps[i].Part != steps[i - 1].Part && !steps[i - 1].IsTogether);
    }

    [Fact]
    public void An_outage_is_the_longest_time_between_two_answers_that_a_fault_is_part_of()
    {
        double[] answers = [0, 900, 1_500, 4_500, 9_000, 30_000];
        Assert.Equal(3_000, Availability.Longest(answers, Fault(1_000, 3_000)));
        // it lasts beyond the fault: what the fault began counts whole
        Assert.Equal(4_500, Availability.Longest(answers, Fault(4_600, 5_000)));
        Assert.Equal(21_000, Availability.Longest(answers, Fault(10_000, 12_000)));
        Assert.Equal(600, Availability.Longest(answers, Fault(1_000, 400)));
    }

    [Fact]
    public void The_share_of_seconds_with_a_success_counts_seconds()
    {
        Sample[] samples = [At(100, true), At(900, true), At(1_200, false), At(2_500, true)];
        Assert.Equal(0.5, Availability.Share(samples, "write", 4_000));
    }

    [Theory]
    [InlineData("--minutes")]
    [InlineData("--minutes", "no")]
    [InlineData("--only", "NoSuchKind")]
    [InlineData("--nonsense", "1")]
    public void Arguments_that_are_none_are_refused(params string[] args) => Assert.NotNull(ProveArguments.Parse(args, 1).Problem);

    [Fact]
    public void Arguments_are_read()
    {
        var (arguments, problem) = ProveArguments.Parse(["--minutes", "0.5", "--seed", "9", "--only", "NodeKilled,redisflushed", "--out", "x"], 1);
        Assert.Null(problem);
        Assert.Equal((0.5, 9, "x"), (arguments!.Minutes, arguments.Seed, arguments.Out));
        Assert.Equal([FaultKind.NodeKilled, FaultKind.RedisFlushed], arguments.Only!);
    }

    static Sample At(double to, bool ok) => new(to - 10, to, "write", "client1", 1, ok, null);

    static FaultRecord Fault(double from, double to) => new(new FaultStep(FaultKind.NodeKilled, default, default, 1, 0), from, to, to, "");

    static List<FaultStep> Of(int seed, int count)
    {
        var schedule = new FaultSchedule(seed, 3, all, TimeSpan.FromSeconds(4));
        return [.. Enumerable.Range(0, count).Select(_ => schedule.Next())];
    }
}
