using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Peers;

namespace Stele.Server.Watch;

/// <summary>How an acknowledgement ended.</summary>
internal enum Acknowledged
{
    /// <summary>There is no such subscription, or it is another's.</summary>
    Unknown,
    /// <summary>It was taken note of.</summary>
    Done,
    /// <summary>The revision was never sent to it.</summary>
    NeverSent,
}

/// <summary>
/// Who watches, and what has come of it, on all nodes: each knows of its own, and they ask each other. What a node that is frozen knows is not known; it is
/// counted as unanswered, and nothing is then said to be complete.
/// </summary>
internal sealed class WatchPeers
{
    const string List = "subscriptions", Converge = "convergence", Acknowledge = "acknowledgement";

    // a node says at the end what it knows, and its answer needs time as well
    static readonly TimeSpan AnswerTime = TimeSpan.FromMilliseconds(200), Patience = TimeSpan.FromSeconds(3);

    readonly WatchEngine engine;
    readonly WatchConvergence local;
    readonly JournalNode journal;
    readonly IJournalStore store;
    readonly PeerExchange peers;
    readonly TimeProvider time;

    public WatchPeers(WatchEngine engine, WatchConvergence local, JournalNode journal, IJournalStore store, PeerExchange peers, TimeProvider time)
    {
        (this.engine, this.local, this.journal, this.store, this.peers, this.time) = (engine, local, journal, store, peers, time);
        peers.Answers(List, AnswerList);
        peers.Answers(Converge, AnswerConvergence);
        peers.Answers(Acknowledge, AnswerAcknowledgement);
    }

    /// <summary>Subscriptions of an org on all nodes, by id, after one, so many; and how many nodes did not answer.</summary>
    public async Task<(List<(string Id, byte[] Json)> Page, int Unanswered)> Page(OrgId org, string after, int most, long revision, CancellationToken cancellation)
    {
        var page = SubscriptionJson.Page(engine.Of(org), after, most, revision, Timestamp.From(time.GetUtcNow()));
        var body = JsonSerializer.SerializeToUtf8Bytes(new WatchQuestion { After = after, Most = most, Revision = revision }, WatchPeerJson.Default.WatchQuestion);
        var (answers, unanswered) = await Ask(org, List, body, Patience, cancellation);
        foreach (var answer in answers)
            foreach (var item in answer.RootElement.EnumerateArray())
                page.Add((item.GetProperty("id").GetString()!, System.Text.Encoding.UTF8.GetBytes(item.GetRawText())));
        page.Sort((one, other) => string.CompareOrdinal(one.Id, other.Id));
        return (page, unanswered);
    }

    /// <summary>As <see cref="WatchConvergence.Wait"/>, of those who watch on any node.</summary>
    public async Task<Convergence> Wait(OrgId org, RevisionRecord record, int least, TimeSpan timeout, CancellationToken cancellation)
    {
        var here = local.Wait(org, record, timeout, null, cancellation);
        var body = JsonSerializer.SerializeToUtf8Bytes(new WatchQuestion { Cursor = record.Cursor.ToString() }, WatchPeerJson.Default.WatchQuestion);
        var (answers, unanswered) = await Ask(org, Converge, body, timeout, cancellation);
        return Convergence.Sum([await here, .. answers.Select(answer => Convergence.Read(answer.RootElement))], unanswered, least);
    }

    /// <summary>An acknowledgement, or a rejection if there is a reason, of a subscription on whichever node it is.</summary>
    public async Task<Acknowledged> Ack(OrgId org, Principal principal, Guid id, long revision, string? reason, CancellationToken cancellation)
    {
        if (AckHere(org, Key(principal), id, revision, reason) is var found and not Acknowledged.Unknown) return found;
        var question = new WatchQuestion { Subscription = id, Revision = revision, Reason = reason, Principal = Key(principal) };
        var (answers, _) = await Ask(org, Acknowledge, JsonSerializer.SerializeToUtf8Bytes(question, WatchPeerJson.Default.WatchQuestion), Patience, cancellation);
        return answers.Select(answer => (Acknowledged)answer.RootElement.GetInt32()).DefaultIfEmpty(Acknowledged.Unknown).Max();
    }

    // what they said, and how many said nothing, or not all
    async Task<(List<JsonDocument> Answers, int Unanswered)> Ask(OrgId org, string kind, byte[] body, TimeSpan patience, CancellationToken cancellation)
    {
        try
        {
            using var wait = await peers.Ask(org, kind, body, patience, cancellation);
            if (wait is null) return ([], 0);
            var answers = await wait.All(cancellation);
            return ([.. answers.Where(answer => answer.Body is not null).Select(answer => JsonDocument.Parse(answer.Body!))], answers.Count(answer => !answer.IsFinal));
        }
        catch (StoreUnavailableException)
        {
            // whoever is there cannot be asked now
            return ([], 1);
        }
    }

    Task<byte[]> AnswerList(PeerAsk ask, Func<byte[], Task> sofar, CancellationToken cancellation)
    {
        var question = JsonSerializer.Deserialize(ask.Body, WatchPeerJson.Default.WatchQuestion)!;
        using var json = new JsonText().Raw("["u8);
        foreach (var (index, (_, item)) in SubscriptionJson.Page(engine.Of(ask.Org), question.After, question.Most, question.Revision, Timestamp.From(time.GetUtcNow())).Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Raw(item);
        return Task.FromResult(json.Raw("]"u8).Written.ToArray());
    }

    async Task<byte[]> AnswerConvergence(PeerAsk ask, Func<byte[], Task> sofar, CancellationToken cancellation)
    {
        var answered = Convergence.None;
        if (engine.Of(ask.Org) is { } watch && Cursor.TryParse(JsonSerializer.Deserialize(ask.Body, WatchPeerJson.Default.WatchQuestion)!.Cursor, out var cursor)
            // rights are those of the revision at least
            && (await journal.Read(ask.Org, new ReadOptions(Consistency.Local, null, cursor), cancellation)).Fault is null
            && (watch.Journal.Ring.Find(cursor.Revision) ?? (await store.Read(ask.Org, cursor.Revision - 1, 1, cancellation)).FirstOrDefault()) is { } record)
        {
            var left = ask.Left > AnswerTime ? ask.Left - AnswerTime : TimeSpan.Zero;
            answered = await local.Wait(ask.Org, record, left, known => sofar(Text(known)), cancellation);
        }
        return Text(answered);
    }

    static byte[] Text(Convergence convergence)
    {
        using var json = new JsonText();
        return convergence.Write(json.Raw("{"u8)).Raw("}"u8).Written.ToArray();
    }

    Task<byte[]> AnswerAcknowledgement(PeerAsk ask, Func<byte[], Task> sofar, CancellationToken cancellation)
    {
        var question = JsonSerializer.Deserialize(ask.Body, WatchPeerJson.Default.WatchQuestion)!;
        return Task.FromResult(JsonSerializer.SerializeToUtf8Bytes((int)AckHere(ask.Org, question.Principal, question.Subscription, question.Revision, question.Reason), WatchPeerJson.Default.Int32));
    }

    // whose it is not cannot tell whether it is there
    Acknowledged AckHere(OrgId org, string principal, Guid id, long revision, string? reason)
    {
        if (!engine.TryFind(org, id, out var subscriber) || (principal != Key(Principal.Root) && principal != Key(subscriber.Client.Principal))) return Acknowledged.Unknown;
        if (revision > subscriber.Watch!.Delivered(subscriber)) return Acknowledged.NeverSent;
        if (reason is null) subscriber.Ack(revision);
        else subscriber.Reject(revision, reason);
        subscriber.Watch.Hear();
        return Acknowledged.Done;
    }

    // equal exactly when the principals are
    static string Key(Principal principal) => $"{principal.Kind}|{principal.ActorId}|{string.Join('|', principal.Roles)}";
}
