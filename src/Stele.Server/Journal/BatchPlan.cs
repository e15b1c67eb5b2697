using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>What a batch of commands comes to on a state: one append, and an answer for each, not given yet.</summary>
internal sealed class BatchPlan
{
    readonly List<(PendingCommand Pending, Outcome<Applied> Answer)> answers;

    BatchPlan(OrgState state, List<(PendingCommand, Outcome<Applied>)> answers, AppendBatch? append) =>
        (State, this.answers, Append) = (state, answers, append);

    /// <summary>The state on which it was decided.</summary>
    public OrgState State { get; }

    /// <summary>What is to be written; null when nothing is.</summary>
    public AppendBatch? Append { get; }

    /// <summary>Decides each command on the state that the one before leads to.</summary>
    public static BatchPlan Decide(OrgState before, IReadOnlyList<PendingCommand> batch, Timestamp now)
    {
        // after last_at, never at it: what was true then has been read (configurations_at answers up to last_at itself)
        var at = Timestamp.Later(now, new Timestamp(before.LastAt.Microseconds + 1));
        var answers = new List<(PendingCommand, Outcome<Applied>)>(batch.Count);
        var revisions = new List<RevisionRecord>(batch.Count);
        List<IdempotencyRow>? keys = null;
        List<SideRow>? rows = null;
        Dictionary<(string, string), (byte[] Fingerprint, Applied Applied)>? seen = null;
        var state = before;
        foreach (var pending in batch)
        {
            if (pending.Command is not { } command) continue;
            var key = (command.Principal.ActorId, pending.Idempotency?.Key ?? "");
            if (pending.Idempotency is { } twin && seen?.TryGetValue(key, out var first) == true)
            {
                // two at once with one key: the second is answered as the first
                answers.Add((pending, Replay.Fits(twin, first.Fingerprint) is { } conflict ? conflict : first.Applied));
                continue;
            }
            if (!Decider.Decide(state, command).TryGet(out var decision, out var fault))
            {
                answers.Add((pending, fault));
                continue;
            }
            if (decision.Events.Count > 0 && OrgQuota.CheckWrites(state, command.Principal, at) is { } spent)
            {
                answers.Add((pending, spent));
                continue;
            }
            var applied = Decider.Apply(state, command, decision, at);
            state = applied.State;
            answers.Add((pending, applied));
            if (applied.Record is null) continue;
            revisions.Add(applied.Record);
            if (decision.Rows.Count > 0) (rows ??= []).AddRange(decision.Rows);
            if (pending.Idempotency is not { } idempotency) continue;
            (seen ??= [])[key] = (idempotency.Fingerprint, applied);
            (keys ??= []).Add(new IdempotencyRow(key.Item1, idempotency.Key, idempotency.Fingerprint, applied.Record.Revision));
        }
        return new BatchPlan(before, answers, revisions.Count == 0 ? null : new AppendBatch(before, state, revisions, keys ?? []) { Rows = rows ?? [] });
    }

    /// <summary>From here on only the database can tell whether they were written. False if a deadline came first: plan again.</summary>
    public bool TrySend()
    {
        foreach (var (pending, _) in answers)
            if (!pending.TrySend()) return false;
        return true;
    }

    /// <summary>It is committed, or there was nothing to write: everyone has his answer.</summary>
    public void Settle()
    {
        foreach (var (pending, answer) in answers) pending.Settle(answer);
    }

    /// <summary>Those whose requests are in the journal have their answer; the others are decided again.</summary>
    public void SettleLanded(IReadOnlyDictionary<Guid, long> landed)
    {
        foreach (var (pending, answer) in answers)
            if (answer.Fault is null && answer.Value.Record is { } record && landed.ContainsKey(record.RequestId))
                pending.Settle(answer);
    }
}

/// <summary>Answers to a write whose idempotency key was committed before.</summary>
internal static class Replay
{
    /// <summary>Null if the request is the one that the key was used for, else the refusal.</summary>
    public static Fault? Fits(Idempotency idempotency, byte[] fingerprint) =>
        System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(idempotency.Fingerprint, fingerprint)
            ? null
            : new Fault(FaultCode.IdempotencyConflict, "This Idempotency-Key was used for another request.",
                [Problem.Header("Idempotency-Key", "idempotency_key.reused", "The method, path, query or body differ from those that it was first used with.")]);

    /// <summary>The answer that the first request got, read from the journal.</summary>
    public static async Task<Outcome<Applied>> Answer(OrgJournal org, IJournalStore store, Idempotency idempotency, IdempotentOutcome found)
    {
        if (Fits(idempotency, found.Fingerprint) is { } conflict) return conflict;
        if (!await org.CatchUp(found.Revision, CancellationToken.None)) return Fault.Unavailable("This node could not read the revision that the first request made.");
        var record = org.Ring.Find(found.Revision)
            ?? (await store.Read(org.Org, found.Revision - 1, 1, CancellationToken.None)).FirstOrDefault();
        // taken last: the state may have been reset to before it while the revision was read
        var state = org.State;
        return record?.RequestId == found.RequestId && state.Revision >= found.Revision
            ? new Applied(state, record)
            : Fault.Unavailable("PostgreSQL lost writes, and this node has not caught up with that yet.");
    }
}
