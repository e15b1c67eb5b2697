using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Prove.Mutants;

/// <summary>The journal's store with a bug before it.</summary>
internal sealed class MutatedStore(IJournalStore store, Mutant mutant) : IJournalStore
{
    static readonly TimeSpan staleFor = TimeSpan.FromMilliseconds(400);

    readonly Lock gate = new();
    Task<AppendAnswer> under = Task.FromResult(new AppendAnswer(AppendStatus.Committed));
    (OrgId[] Orgs, HeadsAnswer Answer, long At)? stale;

    public Task<AppendAnswer> Append(AppendBatch batch)
    {
        // what this node wrote itself it does not forget: that would be noticed at once
        lock (gate) stale = null;
        if (mutant != Mutant.AcknowledgeBeforeCommit) return Told(store.Append(batch));
        lock (gate) under = After(under, batch);
        return Task.FromResult(new AppendAnswer(AppendStatus.Committed));
    }

    public Task<AppendAnswer> AppendLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide)
    {
        lock (gate) stale = null;
        return Told(store.AppendLocked(org, decide));
    }

    public async Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation)
    {
        // in good times nobody notices
        if (mutant == Mutant.AcknowledgeBeforeCommit) await under;
        var answer = await store.Heads(orgs, proved, cancellation);
        if (mutant != Mutant.StaleHeads) return answer;
        lock (gate)
        {
            if (stale is { } before && before.Orgs.SequenceEqual(orgs) && TimeProvider.System.GetElapsedTime(before.At) < staleFor) return answer with { Heads = before.Answer.Heads };
            stale = ([.. orgs], answer, TimeProvider.System.GetTimestamp());
        }
        return answer;
    }

    public async Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) => Whole(await store.Read(org, afterRevision, limit, cancellation));

    public async Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => Whole(await store.Read(org, revisions, cancellation));

    public Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => store.Places(org, revisions, cancellation);

    public Task<LoadedState> Load(OrgId org, long bytesMax, CancellationToken cancellation) => store.Load(org, bytesMax, cancellation);

    public Task<OrgState?> LoadKey(OrgId org, Principal principal, string? environment, string key, CancellationToken cancellation) => store.LoadKey(org, principal, environment, key, cancellation);

    public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) => store.Find(org, after, upTo, streams, most, cancellation);

    public Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) => store.FindNext(org, after, upTo, streams, most, cancellation);

    public Task<IReadOnlyDictionary<Guid, long>> Settle(OrgId org, long fence, IReadOnlyCollection<Guid> requestIds, CancellationToken cancellation) => store.Settle(org, fence, requestIds, cancellation);

    public Task<AppendAnswer> RaiseLastAt(OrgId org, Guid incarnation, long fence, JournalPlace place, Timestamp at) => store.RaiseLastAt(org, incarnation, fence, place, at);

    public Task<IdempotentOutcome?> FindOutcome(OrgId org, string principal, string key, CancellationToken cancellation) => store.FindOutcome(org, principal, key, cancellation);

    public Task<bool> BeginIncarnation(Guid expected, Guid next, CancellationToken cancellation) => store.BeginIncarnation(expected, next, cancellation);

    public Task Unblock(OrgId org, CancellationToken cancellation) => store.Unblock(org, cancellation);

    public Task<int> WrittenFormat(CancellationToken cancellation) => store.WrittenFormat(cancellation);

    public Task RaiseCounter(long expectedCounter, int timeline, CancellationToken cancellation) => store.RaiseCounter(expectedCounter, timeline, cancellation);

    async Task<AppendAnswer> After(Task<AppendAnswer> before, AppendBatch batch)
    {
        await before;
        return await store.Append(batch);
    }

    async Task<AppendAnswer> Told(Task<AppendAnswer> append)
    {
        var answer = await append;
        return mutant == Mutant.UnknownAsNotWritten && answer.Status == AppendStatus.Unknown ? answer with { Status = AppendStatus.NotWritten } : answer;
    }

    IReadOnlyList<RevisionRecord> Whole(IReadOnlyList<RevisionRecord> read) => mutant != Mutant.TornRevision ? read
        : [.. read.Select(revision => revision.Events.Count < 2 ? revision : revision with { Events = [.. revision.Events.Take(revision.Events.Count - 1)] })];
}
