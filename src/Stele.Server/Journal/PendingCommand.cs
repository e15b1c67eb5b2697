using Stele.Core.Faults;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// A command on its way through the appender. Whoever settles it first wins: the appender with its outcome, or the sweep
/// with its deadline. A command that the sweep took while it was queued is never executed; one that it took while it was
/// sent is answered outcome_unknown.
/// </summary>
internal sealed class PendingCommand(Command? command, Idempotency? idempotency, Timestamp raiseTo, long enqueuedAt)
{
    readonly TaskCompletionSource<Outcome<Applied>> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int phase;

    const int Queued = 0, Sent = 1, Settled = 2;

    /// <summary>The command; null when this only raises last_at.</summary>
    public Command? Command { get; } = command;

    public Idempotency? Idempotency { get; } = idempotency;

    /// <summary>Up to where last_at is raised, when there is no command.</summary>
    public Timestamp RaiseTo { get; } = raiseTo;

    /// <summary>TimeProvider timestamp of its arrival.</summary>
    public long EnqueuedAt { get; } = enqueuedAt;

    public Task<Outcome<Applied>> Outcome => completion.Task;

    public bool IsSettled => Volatile.Read(ref phase) == Settled;

    public bool IsSent => Volatile.Read(ref phase) == Sent;

    /// <summary>Takes it for sending; false if its deadline came first.</summary>
    public bool TrySend() => Interlocked.CompareExchange(ref phase, Sent, Queued) == Queued || IsSent;

    /// <summary>It is certain that nothing was written: it waits again, and its deadline answers unavailable.</summary>
    public void NotWritten() => Interlocked.CompareExchange(ref phase, Queued, Sent);

    /// <summary>Answers it, unless its deadline came first.</summary>
    public void Settle(Outcome<Applied> outcome)
    {
        if (Interlocked.Exchange(ref phase, Settled) != Settled) completion.TrySetResult(outcome);
    }

    /// <summary>Its deadline has come.</summary>
    public void Expire()
    {
        var before = Interlocked.Exchange(ref phase, Settled);
        if (before == Settled) return;
        completion.TrySetResult(before == Queued
            ? Fault.Unavailable("The primary did not answer in time; nothing was written.")
            : new Fault(FaultCode.OutcomeUnknown,
                $"The primary did not say whether this was written (request {Command?.RequestId}). Send it again with the same Idempotency-Key to find out.", [], 1));
    }
}
