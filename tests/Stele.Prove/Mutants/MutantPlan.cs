using Stele.Prove.Faults;
using Stele.Prove.Processes;

namespace Stele.Prove.Mutants;

/// <summary>
/// What a run needs to catch a bug: the faults that bring it out, as few as do, and for how long. One bug has none: what it breaks is shown
/// by a fail-over of its own (FailOverTests).
/// </summary>
/// <param name="Mutant">The bug.</param>
/// <param name="Minutes">For how long.</param>
/// <param name="Kinds">The faults.</param>
internal sealed record MutantPlan(Mutant Mutant, double Minutes, params IReadOnlyList<FaultKind> Kinds)
{
    /// <summary>Settings of the nodes.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The promise that it has to break; null: any.</summary>
    public string? Rule { get; init; }

    /// <summary>Whether a run has caught it.</summary>
    public bool IsCaughtBy(ProveResult result) => result.Failures.Any(failure => Rule is null || failure.StartsWith(Rule, StringComparison.Ordinal));

    /// <summary>Between which parts the bug is.</summary>
    public string Place => DatabaseMutation.Has(Mutant) ? "the database" : Mutant <= Mutant.NeverPoll ? "a node's logic and the database" : "a node and whoever asks it";

    /// <summary>How many nodes: with one, nobody else moves the head.</summary>
    public int Nodes { get; init; } = 3;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<MutantPlan> All { get; } =
    [
        new(Mutant.IgnoreTheCompareAndSet, 0.3, FaultKind.RedisFlushed),
        new(Mutant.DropTheRowLock, 0.3, FaultKind.RedisFlushed),
        new(Mutant.SkipTheFence, 0.6, FaultKind.NodeStraggles) { Nodes = 1 },
        new(Mutant.SettleWithoutFence, 0.6, FaultKind.NodeStraggles) { Nodes = 1 },
        new(Mutant.SkipTheChain, 0.2, FaultKind.RedisFlushed),
        // what a deposed primary answers is stale without the bug as well
        new(Mutant.AcknowledgeBeforeTheStandby, 0.4, FaultKind.PrimaryDeposed) { Rule = "what is acknowledged is committed" },
        new(Mutant.AcknowledgeBeforeCommit, 0.5, FaultKind.NodeKilled, FaultKind.NodeSevered),
        new(Mutant.StaleHeads, 0.3, FaultKind.RedisFlushed),
        new(Mutant.TornRevision, 0.3, FaultKind.RedisFlushed),
        new(Mutant.UnknownAsNotWritten, 0.8, FaultKind.NodeSevered, FaultKind.SessionsEnded),
        new(Mutant.NeverPoll, 0.2, FaultKind.RedisFlushed) { Settings = new Dictionary<string, string> { ["STELE_HINTS"] = "none" } },
        new(Mutant.SkipTheHeadCheck, 0.3, FaultKind.NodeDeaf),
        new(Mutant.IgnoreTheExpectedVersion, 0.3, FaultKind.RedisFlushed),
        new(Mutant.RetryWithoutTheKey, 0.8, FaultKind.ClientsSevered, FaultKind.ClientsCutOff),
        new(Mutant.ForgetTheOrgFilter, 0.3, FaultKind.RedisFlushed),
        new(Mutant.DeliverHalfARevision, 0.3, FaultKind.RedisFlushed),
        new(Mutant.DeliverTwice, 0.3, FaultKind.RedisFlushed),
        new(Mutant.MissARevision, 0.3, FaultKind.RedisFlushed),
    ];

    static readonly TimeSpan pace = TimeSpan.FromSeconds(2.5);

    /// <summary>Runs it. What is hoped for is a failure.</summary>
    public Task<ProveResult> Run(PostgresPrograms programs, string place, Action<string> say) =>
        new ProveRun(new ProveArguments { Minutes = Minutes, Seed = 1, Only = Kinds, Pace = pace, Out = place, Nodes = Nodes, Settings = Settings, Mutant = Mutant }, programs, say).Run(CancellationToken.None);

    /// <summary>Of one.</summary>
    public static MutantPlan Of(Mutant mutant) => All.Single(plan => plan.Mutant == mutant);
}
