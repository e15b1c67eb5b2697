using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// What a head, read from the primary, means for the state of a node: level, behind, or a history that was lost. The
/// appender, strong reads and the tail all end here.
/// </summary>
internal sealed class HeadReconciler(IJournalStore store, TimeProvider time, JournalOptions options, JournalMetrics metrics, JournalLog log)
{
    readonly SemaphoreSlim looking = new(1);

    /// <summary>Brings the org level with what the round said. False if it could not be (the primary went away, or the org stopped).</summary>
    public async Task<bool> Reconcile(OrgJournal org, HeadRound round)
    {
        try
        {
            await NotePromotion(round.Answer.Cluster);
            var primary = org.Note(round.Answer.Cluster);
            if (!await Follow(org, round, primary)) await LookAgain(org, round, primary);
            return org.Stopped is null;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    // false: it may be that writes were lost
    async Task<bool> Follow(OrgJournal org, HeadRound round, KnownPrimary primary)
    {
        // what was loaded after the round was sent is newer than what it says
        if (round.SentAt < org.LoadedAt || org.Stopped is not null) return true;
        var head = round.Head(org.Org);
        if (!Has(primary, org.State, head, round.Answer.Cluster) || Suspect(head, round.AppliedOf(org.Org)!)) return false;
        // an org that is about to be made
        if (head is null) return true;
        if (head.Incarnation != org.State.Incarnation)
        {
            await Reload(org, round.SentAt);
            return true;
        }
        if (!await org.CatchUp(head.Revision, CancellationToken.None)) return false;
        org.Believe(head, primary);
        org.Confirm(round.SentAt);
        return true;
    }

    // whether the primary has what is applied now. What an earlier one said does not come in any more, so it is asked once
    static bool Has(KnownPrimary primary, OrgState now, Head? head, ClusterIdentity cluster)
    {
        if (cluster.System != cluster.RecordedSystem) return false;
        if (primary.HasApplied) return true;
        if (head is null ? now.Revision > 0 : head.Incarnation != now.Incarnation || head.IsBehind(now) || !head.IsAt(now)) return false;
        return primary.HasApplied = true;
    }

    // the head is behind what was applied when the query was sent, or another chain stands there
    static bool Suspect(Head? head, OrgState applied)
    {
        if (head is null) return applied.Revision > 0;
        if (head.Incarnation != applied.Incarnation || applied.Revision == 0) return false;
        return head.IsBehind(applied) || (head.Revision == applied.Revision && !head.IsAt(applied));
    }

    async Task LookAgain(OrgJournal org, HeadRound round, KnownPrimary primary)
    {
        await looking.WaitAsync();
        try
        {
            // another may have looked while this one waited
            if (!await Follow(org, round, primary)) await Look(org);
        }
        finally
        {
            looking.Release();
        }
    }

    async Task Look(OrgJournal org)
    {
        KnownPrimary? primary;
        OrgState applied;
        HeadsAnswer answer;
        long sentAt;
        do
        {
            // in this order: what is applied after a primary is known is what that one has
            (primary, applied, sentAt) = (org.Primary, org.State, time.GetTimestamp());
            answer = await store.Heads([org.Org], options.StrictReads, CancellationToken.None);
        }
        while (org.Note(answer.Cluster) != primary);
        var head = answer.Heads.FirstOrDefault();
        if (head is not null && head.Incarnation != applied.Incarnation)
        {
            await Reload(org, sentAt);
        }
        else if (answer.Cluster.System != answer.Cluster.RecordedSystem || !await Holds(head, applied))
        {
            log.Rewound(org.Org, head is null ? "nothing" : Cursor.At(head.Revision, head.Chain).ToString(), applied.Place.CursorText);
            // whoever is first begins the new incarnation; everyone loads what it begins with
            await store.BeginIncarnation(answer.Cluster.Incarnation, options.NewId(), CancellationToken.None);
            await Reload(org, time.GetTimestamp());
        }
        else
        {
            primary.HasApplied = true;
            if (head is not null && !await org.CatchUp(head.Revision, CancellationToken.None)) throw new StoreUnavailableException("the journal does not join on");
        }
    }

    async Task Reload(OrgJournal org, long since)
    {
        if (await org.Reload(since, CancellationToken.None)) metrics.Reset();
    }

    async Task<bool> Holds(Head? head, OrgState applied)
    {
        if (applied.Revision == 0) return true;
        if (head is null || head.IsBehind(applied)) return false;
        if (head.Revision == applied.Revision) return head.IsAt(applied);
        var found = await store.Read(applied.Org, applied.Revision - 1, 1, CancellationToken.None);
        return found.Count == 1 && found[0].Chain.AsSpan().SequenceEqual(applied.Place.Chain);
    }

    async Task NotePromotion(ClusterIdentity cluster)
    {
        if (cluster.System == cluster.RecordedSystem && cluster.Timeline != cluster.RecordedTimeline)
            await store.RaiseCounter(cluster.Counter, cluster.Timeline, CancellationToken.None);
    }
}
