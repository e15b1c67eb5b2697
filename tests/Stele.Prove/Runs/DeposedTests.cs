using Stele.Prove.Faults;
using Stele.Prove.Processes;
using Stele.Prove.Report;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>A primary that was deposed and that nobody has fenced goes on answering whoever still reaches it: with strict reads, and what they are for.</summary>
public sealed class DeposedTests(ITestOutputHelper output)
{
    const int LinesMax = 40;

    const string Stale = "strong reads are linearizable", Uncommitted = "answers show committed state";

    [Fact]
    public async Task With_strict_reads_a_deposed_primary_that_still_answers_makes_nothing_stale()
    {
        var result = await Run(strict: true);
        Assert.Empty(result.Failures);
    }

    /// <summary>Why fencing is a condition: what is written is safe all the same, and strong reads on the old side are not.</summary>
    [Fact]
    public async Task Without_strict_reads_a_deposed_primary_that_still_answers_gives_stale_reads_and_loses_no_write()
    {
        var result = await Run(strict: false);
        // what only the old side has is as stale as what was there before
        Assert.Contains(result.Failures, failure => failure.StartsWith(Stale, StringComparison.Ordinal) || IsStrongAndUncommitted(failure));
        // refusals and answers that change nothing are decided on the same state
        Assert.All(result.Failures, failure => Assert.True(failure.StartsWith(Stale, StringComparison.Ordinal) || failure.StartsWith("a refusal is decided on the current state", StringComparison.Ordinal) || IsStrongAndUncommitted(failure), failure));
    }

    // once the wait for the lost standby is given up on the old side, its commits are seen there
    static bool IsStrongAndUncommitted(string failure) => failure.StartsWith(Uncommitted, StringComparison.Ordinal) && failure.Contains("(strong)", StringComparison.Ordinal) && failure.Contains("only a deposed primary had", StringComparison.Ordinal);

    async Task<ProveResult> Run(bool strict)
    {
        var programs = await PostgresPrograms.Find();
        Assert.SkipWhen(programs is null, "PostgreSQL with pg_basebackup is not installed here");
        var place = Directory.CreateTempSubdirectory("stele-prove-deposed-").FullName;
        var arguments = new ProveArguments { Minutes = 0.3, Seed = 1, Only = [FaultKind.PrimaryDeposed], Pace = TimeSpan.FromSeconds(2), Out = place, StrictReads = strict };
        var result = await new ProveRun(arguments, programs!, TestContext.Current.SendDiagnosticMessage).Run(CancellationToken.None);
        output.WriteLine(ProveReport.Summary(result));
        // what a node logs as an error is a bug of its own, and the directory is gone when somebody asks
        foreach (var log in Directory.GetFiles(place, "node*.log"))
            foreach (var line in File.ReadLines(log).Where(line => line.Contains("Z fail: Stele.", StringComparison.Ordinal)).Take(LinesMax)) output.WriteLine($"{Path.GetFileName(log)}: {line}");
        Assert.NotEmpty(result.Faults);
        Directory.Delete(place, recursive: true);
        return result;
    }
}
