using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>
/// What a head, read from the primary, means for the state of a node: level, behind, or a history that was lost. The
/// appender, strong reads and the tail all end here.
/// </summary>
internal sealed class HeadReconciler(IJournalStore store, JournalOptions options, JournalMetrics metrics, JournalLog log)
{
    readonly SemaphoreSlim resetting = new(1);

    /// <summary>Brings the org level with what the round said. False if it could not be (the primary went away, or the org stopped).</summary>
    public async Task<bool> Reconcile(OrgJournal org, HeadRound round)
    {
        try
        {
            await NotePromotion(round.Answer.Cluster);
            var head = round.Head(org.Org);
            // a standby that took over may lack what was applied, also what an answer still on its way says
            if (org.IsNewPrimary(round.Answer.Cluster) && head is not null) return await LookAgain(org);
            if (Suspect(round, org, head)) return await LookAgain(org);
            // an org that is about to be made
            if (head is null) return true;
            if (head.Incarnation != org.State.Incarnation)
            {
                if (round.SentAt <= org.LoadedAt) return true;
                metrics.Reset();
                await org.Reload(CancellationToken.None);
                return org.Stopped is null;
            }
            if (!await org.CatchUp(head.Revision, CancellationToken.None)) return await LookAgain(org);
            org.Believe(head);
            org.Confirm(round.SentAt);
            return org.Stopped is null;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    // the head is behind what was applied when the query was sent, or another chain stands there
    static bool Suspect(HeadRound round, OrgJournal org, Head? head)
    {
        if (round.Answer.Cluster.System != round.Answer.Cluster.RecordedSystem) return true;
        if (round.AppliedOf(org.Org) is not { } applied || applied.Revision == 0) return head is null && org.State.Revision > 0;
        if (head is null) return true;
        if (head.Incarnation != applied.Incarnation) return false;
        return IsBehind(head, applied) || (head.Revision == applied.Revision && !head.Chain.AsSpan().SequenceEqual(applied.Place.Chain));
    }

    // a fence may be lost alone; whoever believed in it would lose every race from then on
    static bool IsBehind(Head head, OrgState applied) => head.Revision < applied.Revision || head.Fence < applied.Fence;

    async Task<bool> LookAgain(OrgJournal org)
    {
        await resetting.WaitAsync();
        try
        {
            if (org.Stopped is not null) return false;
            var applied = org.State;
            var answer = await store.Heads([org.Org], CancellationToken.None);
            var head = answer.Heads.FirstOrDefault();
            if (head is not null && head.Incarnation != applied.Incarnation)
            {
                metrics.Reset();
                await org.Reload(CancellationToken.None);
                return org.Stopped is null;
            }
            var holds = answer.Cluster.System != answer.Cluster.RecordedSystem || head is null || IsBehind(head, applied)
                || !await SameHistory(org.Org, applied);
            if (!holds) return await org.CatchUp(head!.Revision, CancellationToken.None);
            log.Rewound(org.Org, head is null ? "nothing" : Cursor.At(head.Revision, head.Chain).ToString(), applied.Place.CursorText);
            metrics.Reset();
            // whoever is first begins the new incarnation; everyone loads what it begins with
            await store.BeginIncarnation(answer.Cluster.Incarnation, options.NewId(), CancellationToken.None);
            await org.Reload(CancellationToken.None);
            return org.Stopped is null;
        }
        finally
        {
            resetting.Release();
        }
    }

    async Task<bool> SameHistory(OrgId org, OrgState applied)
    {
        if (applied.Revision == 0) return true;
        var found = await store.Read(org, applied.Revision - 1, 1, CancellationToken.None);
        return found.Count == 1 && found[0].Chain.AsSpan().SequenceEqual(applied.Place.Chain);
    }

    async Task NotePromotion(ClusterIdentity cluster)
    {
        if (cluster.System == cluster.RecordedSystem && cluster.Timeline != cluster.RecordedTimeline)
            await store.RaiseCounter(cluster.Counter, cluster.Timeline, CancellationToken.None);
    }
}
