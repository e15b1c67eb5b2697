using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>Who watches on this node, and what has come of it.</summary>
internal sealed class SubscriptionEndpoints(WatchEngine engine, JournalNode journal, TimeProvider time)
{
    static readonly BodyMembers AckMembers = new(required: ["revision"], optional: ["rejected"]);
    static readonly BodyMembers RejectedMembers = new(required: ["reason"], optional: []);

    /// <summary><c>GET /v1/subscriptions</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Page | Parameter.Read, ref problems);
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, "subscriptions") is { } mismatch) (problems ??= []).Add(mismatch);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out var fault)
            || (fault = Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.SubscriptionRead, null, null)) is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var after = parameters.Cursor is null ? "" : cursor.After;
        var all = engine.Of(caller.Org)?.Subscribers.OrderBy(subscriber => subscriber.Id.ToString(), StringComparer.Ordinal)
            .SkipWhile(subscriber => string.CompareOrdinal(subscriber.Id.ToString(), after) <= 0).ToList() ?? [];
        var json = new JsonText(512 * Math.Min(all.Count, parameters.Limit) + 64).Raw("{\"items\":["u8);
        foreach (var (index, subscriber) in all.Take(parameters.Limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            Write(json, subscriber, snapshot.State);
        }
        json.Raw("],\"revision\":"u8).Number(snapshot.State.Revision);
        if (all.Count > parameters.Limit) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(snapshot.State.Revision, 0, all[parameters.Limit - 1].Id.ToString()).Encode("subscriptions"));
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary><c>POST /v1/subscriptions/{id}/ack</c>: for streams that cannot send. Only who subscribed may.</summary>
    public async Task Ack(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var (revision, reason) = Parse(request.Body, request.Problems);
            fault = request.Refused;
            if (fault is null && Find(context, request.Caller).TryGet(out var subscriber, out fault))
            {
                if (revision <= subscriber.Watch!.Delivered(subscriber))
                {
                    if (reason is null) subscriber.Ack(revision);
                    else subscriber.Reject(revision, reason);
                    subscriber.Watch.Hear();
                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                    return;
                }
                fault = Fault.Invalid(Problem.Body("/revision", "revision.never_sent", $"Revision {revision} was not sent to this subscription."));
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    Outcome<Subscriber> Find(HttpContext context, Caller caller)
    {
        // whose it is not cannot tell whether it is there
        if (Guid.TryParseExact((string?)context.Request.RouteValues["id"], "D", out var id) && engine.TryFind(caller.Org, id, out var subscriber)
            && (caller.Principal.IsRoot || caller.Principal.Equals(subscriber.Client.Principal))) return subscriber;
        const string Message = "There is no such subscription on this node.";
        return new Fault(FaultCode.NotFound, Message, [Problem.Path("id", "subscription.unknown", Message)]);
    }

    static (long Revision, string? Reason) Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        (long revision, string? reason) = (0, null);
        var body = new JsonBody(utf8, AckMembers, problems);
        while (body.NextMember(out var name))
            if (name == "revision")
            {
                revision = body.ReadInt64(0, long.MaxValue) ?? 0;
            }
            else
            {
                body.BeginObject(RejectedMembers);
                while (body.NextMember(out _))
                {
                    reason = body.ReadString();
                    if (reason?.Length is 0 || reason?.Length > SteleLimits.WatchTextCharacters.Value)
                        body.Refuse("text.length", $"A reason has 1 to {SteleLimits.WatchTextCharacters.Value} characters.");
                }
            }
        return (revision, reason);
    }

    void Write(JsonText json, Subscriber subscriber, OrgState state)
    {
        var delivered = subscriber.Watch!.Delivered(subscriber);
        // who has applied the last that was for him has nothing to apply since
        var has = subscriber.Applied is { } applied && applied < subscriber.LastChange ? applied : delivered;
        json.Raw("{\"id\":"u8).Id(subscriber.Id)
            .Raw(",\"client\":"u8).Text(subscriber.Client.Client)
            .Raw(",\"address\":"u8).Text(subscriber.Client.Address)
            .Raw(",\"labels\":{"u8);
        foreach (var (index, (name, value)) in subscriber.Client.Labels.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Text(name).Raw(":"u8).Text(value);
        json.Raw("},\"transport\":"u8).Text(subscriber.Client.Transport)
            .Raw(",\"environment\":"u8).Text(subscriber.Filter.Environment)
            .Raw(",\"prefixes\":["u8);
        foreach (var (index, prefix) in subscriber.Filter.Prefixes.Index()) json.Raw(index > 0 ? ","u8 : ""u8).Text(prefix);
        json.Raw("],\"kinds\":["u8);
        foreach (var (index, kind) in Core.Watch.WatchKindNames.Each.Where(kind => (subscriber.Filter.Kinds & kind) != 0).Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Text(Core.Watch.WatchKindNames.Name(kind));
        json.Raw("],\"delivered_revision\":"u8).Number(delivered).Raw(",\"applied_revision\":"u8);
        if (subscriber.Applied is { } said) json.Number(said);
        else json.Raw("null"u8);
        var lag = Math.Max(0, state.Revision - has);
        json.Raw(",\"lag_revisions\":"u8).Number(lag).Raw(",\"lag_ms\":"u8);
        if (LagMilliseconds(subscriber.Watch, has, lag) is { } milliseconds) json.Number(milliseconds);
        else json.Raw("null"u8);
        json.Raw(",\"since\":"u8).Time(subscriber.Since);
        if (subscriber.Rejected is { } rejected)
            json.Raw(",\"rejected\":{\"revision\":"u8).Number(rejected.Revision).Raw(",\"reason\":"u8).Text(rejected.Reason).Raw("}"u8);
        json.Raw("}"u8);
    }

    // since when the first revision that it lacks is there; null when that is longer ago than memory goes
    long? LagMilliseconds(OrgWatch watch, long has, long lag) => lag == 0 ? 0
        : watch.Journal.Ring.Find(has + 1) is { } first ? Math.Max(0, (Timestamp.From(time.GetUtcNow()).Microseconds - first.At.Microseconds) / 1_000) : null;
}
