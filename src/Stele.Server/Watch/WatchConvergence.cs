using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Watch;

/// <summary>What became of a revision with those who are to see it.</summary>
/// <param name="Matched">Those who are to see some of it, on this node, when it was committed.</param>
/// <param name="Applied">Those who said that they have applied it.</param>
/// <param name="Pending">Those who have said nothing.</param>
/// <param name="Rejected">Those who could not apply it.</param>
/// <param name="Complete">Whether all have applied it, and they are as many as were asked for.</param>
internal sealed record Convergence(int Matched, int Applied, IReadOnlyList<Subscriber> Pending, IReadOnlyList<(Subscriber Subscriber, string Reason)> Rejected, bool Complete)
{
    /// <summary>As the answer to a write has it.</summary>
    public JsonText Write(JsonText json)
    {
        json.Raw(",\"convergence\":{\"matched\":"u8).Number(Matched).Raw(",\"applied\":"u8).Number(Applied).Raw(",\"pending\":["u8);
        foreach (var (index, subscriber) in Pending.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"id\":"u8).Id(subscriber.Id).Raw(",\"client\":"u8).Text(subscriber.Client.Client).Raw("}"u8);
        json.Raw("],\"rejected\":["u8);
        foreach (var (index, (subscriber, reason)) in Rejected.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"id\":"u8).Id(subscriber.Id).Raw(",\"client\":"u8).Text(subscriber.Client.Client).Raw(",\"reason\":"u8).Text(reason).Raw("}"u8);
        return json.Raw("],\"complete\":"u8).Boolean(Complete).Raw("}"u8);
    }
}

/// <summary>Waits until those who watch have applied what was written.</summary>
internal sealed class WatchConvergence(WatchEngine engine, TimeProvider time)
{
    /// <summary>Waits until everybody who is to see a revision has applied or rejected it, or is gone, or the time is over.</summary>
    public async Task<Convergence> Wait(OrgId org, RevisionRecord record, int least, TimeSpan timeout, CancellationToken cancellation)
    {
        if (engine.Of(org) is not { } watch) return Look([], record.Revision, least);
        var heard = new WatchSignal();
        watch.Heard += heard.Set;
        var matched = watch.WhoSees(record);
        try
        {
            var startedAt = time.GetTimestamp();
            while (matched.Exists(subscriber => subscriber.Slot >= 0 && !IsSettled(subscriber, record.Revision)))
            {
                var left = timeout - time.GetElapsedTime(startedAt);
                if (left <= TimeSpan.Zero) break;
                await heard.Wait().WaitAsync(left, time, cancellation);
            }
        }
        catch (TimeoutException)
        {
            // whoever has not said anything by now is pending
        }
        finally
        {
            watch.Heard -= heard.Set;
        }
        return Look(matched, record.Revision, least);
    }

    static bool IsSettled(Subscriber subscriber, long revision) => subscriber.Applied >= revision || subscriber.Rejected?.Revision == revision;

    static Convergence Look(List<Subscriber> matched, long revision, int least)
    {
        var pending = matched.Where(subscriber => !IsSettled(subscriber, revision)).ToList();
        var rejected = matched.Where(subscriber => !(subscriber.Applied >= revision) && subscriber.Rejected?.Revision == revision)
            .Select(subscriber => (subscriber, subscriber.Rejected!.Reason)).ToList();
        return new Convergence(matched.Count, matched.Count - pending.Count - rejected.Count, pending, rejected,
            pending.Count == 0 && rejected.Count == 0 && matched.Count >= least);
    }
}
