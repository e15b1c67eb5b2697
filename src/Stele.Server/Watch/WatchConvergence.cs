using System.Text.Json;
using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Watch;

/// <summary>One of those who are to see a revision.</summary>
/// <param name="Id">The subscription.</param>
/// <param name="Client">What it calls itself, or null.</param>
internal sealed record WatchParty(Guid Id, string? Client);

/// <summary>What became of a revision with those who are to see it.</summary>
/// <param name="Matched">Those who are to see some of it, when it was committed.</param>
/// <param name="Applied">Those who said that they have applied it.</param>
/// <param name="Pending">Those who have said nothing.</param>
/// <param name="Rejected">Those who could not apply it.</param>
internal sealed record Convergence(int Matched, int Applied, IReadOnlyList<WatchParty> Pending, IReadOnlyList<(WatchParty Party, string Reason)> Rejected)
{
    /// <summary>Nobody watches.</summary>
    public static Convergence None { get; } = new(0, 0, [], []);

    /// <summary>Nodes whose own part is not in it: they did not answer.</summary>
    public int Unanswered { get; init; }

    /// <summary>Whether all have applied it, and they are as many as were asked for.</summary>
    public bool Complete { get; init; }

    /// <summary>Of all nodes.</summary>
    public static Convergence Sum(IReadOnlyList<Convergence> parts, int unanswered, int least)
    {
        var sum = new Convergence(parts.Sum(part => part.Matched), parts.Sum(part => part.Applied), [.. parts.SelectMany(part => part.Pending)], [.. parts.SelectMany(part => part.Rejected)]);
        return sum with { Unanswered = unanswered, Complete = unanswered == 0 && sum.Pending.Count == 0 && sum.Rejected.Count == 0 && sum.Matched >= least };
    }

    /// <summary>As the answer to a write has it.</summary>
    public JsonText Write(JsonText json)
    {
        json.Raw("\"convergence\":{\"matched\":"u8).Number(Matched).Raw(",\"applied\":"u8).Number(Applied).Raw(",\"pending\":["u8);
        foreach (var (index, party) in Pending.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"id\":"u8).Id(party.Id).Raw(",\"client\":"u8).Text(party.Client).Raw("}"u8);
        json.Raw("],\"rejected\":["u8);
        foreach (var (index, (party, reason)) in Rejected.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"id\":"u8).Id(party.Id).Raw(",\"client\":"u8).Text(party.Client).Raw(",\"reason\":"u8).Text(reason).Raw("}"u8);
        json.Raw("]"u8);
        if (Unanswered > 0) json.Raw(",\"unanswered_nodes\":"u8).Number(Unanswered);
        return json.Raw(",\"complete\":"u8).Boolean(Complete).Raw("}"u8);
    }

    /// <summary>Reads what <see cref="Write"/> wrote in an object.</summary>
    public static Convergence Read(JsonElement json)
    {
        var convergence = json.GetProperty("convergence");
        return new Convergence(convergence.GetProperty("matched").GetInt32(), convergence.GetProperty("applied").GetInt32(),
            [.. convergence.GetProperty("pending").EnumerateArray().Select(Party)],
            [.. convergence.GetProperty("rejected").EnumerateArray().Select(item => (Party(item), item.GetProperty("reason").GetString()!))]);

        static WatchParty Party(JsonElement item) => new(item.GetProperty("id").GetGuid(), item.GetProperty("client").GetString());
    }
}

/// <summary>Waits until those who watch on this node have applied what was written.</summary>
internal sealed class WatchConvergence(WatchEngine engine, TimeProvider time)
{
    /// <summary>Waits until everybody who is to see a revision has applied or rejected it, or is gone, or the time is over.</summary>
    /// <param name="org">The org.</param>
    /// <param name="record">The revision.</param>
    /// <param name="timeout">The time.</param>
    /// <param name="begun">Told what is known when the wait begins, if it does; or null.</param>
    /// <param name="cancellation">The end of who asks.</param>
    public async Task<Convergence> Wait(OrgId org, RevisionRecord record, TimeSpan timeout, Func<Convergence, Task>? begun, CancellationToken cancellation)
    {
        if (engine.Of(org) is not { } watch) return Convergence.None;
        var heard = new WatchSignal();
        watch.Heard += heard.Set;
        var matched = watch.WhoSees(record);
        try
        {
            var startedAt = time.GetTimestamp();
            var told = begun is null;
            while (matched.Exists(subscriber => subscriber.Slot >= 0 && !IsSettled(subscriber, record.Revision)))
            {
                if (!told) await begun!(Look(matched, record.Revision));
                told = true;
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
        return Look(matched, record.Revision);
    }

    static bool IsSettled(Subscriber subscriber, long revision) => subscriber.Applied >= revision || subscriber.Rejected?.Revision == revision;

    static Convergence Look(List<Subscriber> matched, long revision)
    {
        var pending = matched.Where(subscriber => !IsSettled(subscriber, revision)).Select(Party).ToList();
        var rejected = matched.Where(subscriber => !(subscriber.Applied >= revision) && subscriber.Rejected?.Revision == revision)
            .Select(subscriber => (Party(subscriber), subscriber.Rejected!.Reason)).ToList();
        return new Convergence(matched.Count, matched.Count - pending.Count - rejected.Count, pending, rejected);
    }

    static WatchParty Party(Subscriber subscriber) => new(subscriber.Id, subscriber.Client.Client);
}
