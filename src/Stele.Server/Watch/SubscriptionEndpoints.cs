using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>Who watches, on whichever node, and what has come of it.</summary>
internal sealed class SubscriptionEndpoints(WatchPeers peers, JournalNode journal)
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
        // one more, which says that there are more
        var (all, unanswered) = await peers.Page(caller.Org, after, parameters.Limit + 1, snapshot.State.Revision, context.RequestAborted);
        var json = new JsonText(512 * Math.Min(all.Count, parameters.Limit) + 64).Raw("{\"items\":["u8);
        foreach (var (index, (_, item)) in all.Take(parameters.Limit).Index()) json.Raw(index > 0 ? ","u8 : ""u8).Raw(item);
        json.Raw("],\"revision\":"u8).Number(snapshot.State.Revision);
        if (unanswered > 0) json.Raw(",\"unanswered_nodes\":"u8).Number(unanswered);
        if (all.Count > parameters.Limit) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(snapshot.State.Revision, 0, all[parameters.Limit - 1].Id).Encode("subscriptions"));
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
            if (fault is null)
            {
                var id = Guid.TryParseExact((string?)context.Request.RouteValues["id"], "D", out var given) ? given : Guid.Empty;
                var acknowledged = await peers.Ack(request.Caller.Org, request.Caller.Principal, id, revision, reason, context.RequestAborted);
                if (acknowledged == Acknowledged.Done)
                {
                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                    return;
                }
                fault = acknowledged == Acknowledged.NeverSent
                    ? Fault.Invalid(Problem.Body("/revision", "revision.never_sent", $"Revision {revision} was not sent to this subscription."))
                    : new Fault(FaultCode.NotFound, Unknown, [Problem.Path("id", "subscription.unknown", Unknown)]);
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    const string Unknown = "There is no such subscription.";

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
}
