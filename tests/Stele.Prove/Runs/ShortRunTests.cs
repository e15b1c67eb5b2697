using Stele.Prove.Faults;
using Stele.Prove.Processes;
using Stele.Prove.Report;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>What <c>./stele prove</c> does for minutes, for less than one: most kinds of fault once.</summary>
public sealed class ShortRunTests
{
    static readonly FaultKind[] kinds =
    [
        FaultKind.PrimaryReplaced, FaultKind.PrimaryKilled, FaultKind.PrimaryDiskFull, FaultKind.CommitsCancelled, FaultKind.SessionsEnded, FaultKind.StandbyCutOff,
        FaultKind.NodeKilled, FaultKind.NodeFrozen, FaultKind.NodeCutOff, FaultKind.NodeUnheard, FaultKind.NodeSevered, FaultKind.NodeClockStepped, FaultKind.ClientsSevered, FaultKind.RedisFlushed,
    ];

    [Fact]
    public async Task Real_processes_under_faults_lose_nothing_double_nothing_and_show_nothing_stale()
    {
        var programs = await PostgresPrograms.Find();
        Assert.SkipWhen(programs is null, "PostgreSQL with pg_basebackup is not installed here");
        var output = Directory.CreateTempSubdirectory("stele-prove-out-").FullName;
        var arguments = new ProveArguments { Minutes = 0.7, Seed = 1, Only = kinds, Pace = TimeSpan.FromSeconds(1.2), Out = output };
        var said = new List<string>();
        var result = await new ProveRun(arguments, programs!, said.Add).Run(CancellationToken.None);
        ProveReport.Write(result, arguments);
        Assert.True(result.Failures.Count == 0, $"{ProveReport.Summary(result)}\nThe report and the history are kept in {output}.\n{string.Join('\n', said)}");
        Assert.True(result.Faults.Count >= 5 && result.Samples.Count(sample => sample.Ok) > 100, $"too little happened: {ProveReport.Summary(result)}");
        Directory.Delete(output, recursive: true);
    }
}
