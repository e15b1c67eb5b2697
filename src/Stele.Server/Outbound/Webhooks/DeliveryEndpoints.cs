using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Webhooks;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>What became of a webhook's messages, and what can be done about it. None of it is an event: it changes what is sent, and nothing that is kept.</summary>
internal sealed class DeliveryEndpoints(JournalNode journal, JournalQueries revisions, WebhookQueries queries, WebhookSecrets secrets, WebhookSender sender, WebhookRunner runner, TimeProvider time)
{
    /// <summary><c>GET /v1/webhooks/{id}/deliveries</c></summary>
    public Task List(HttpContext context) => Letters(context, onlyDead: false);

    /// <summary><c>GET /v1/webhooks/{id}/dead-letters</c></summary>
    public Task ListDead(HttpContext context) => Letters(context, onlyDead: true);

    /// <summary><c>POST /v1/webhooks/{id}/deliveries/{revision}/redeliver</c>: once, and soon, whatever else is waiting.</summary>
    public Task Redeliver(HttpContext context) => Do(context, async (state, webhook) =>
    {
        if (!long.TryParse((string?)context.Request.RouteValues["revision"], NumberStyles.None, CultureInfo.InvariantCulture, out var revision))
            return Fault.Invalid(Problem.Path("revision", "revision.number", "A revision is a whole number."));
        if (!await queries.Queue(state.Org, webhook.Id, revision, CancellationToken.None))
            return new Fault(FaultCode.NotFound, $"Nothing is known of a message of revision {revision}.", [Problem.Path("revision", "delivery.unknown", "Replay sends again what is no longer listed.")]);
        runner.Wake();
        return await Show(state, webhook);
    });

    /// <summary><c>POST /v1/webhooks/{id}/replay</c>: everything after a revision again, in order.</summary>
    public async Task Replay(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None, WebhookLimits.BodyBytes)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var after = WebhookBodies.AfterRevision(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            await Do(context, async (state, webhook) =>
            {
                if (after > state.Revision) return Fault.Invalid(Problem.Body("/after_revision", "revision.future", $"The organization is at revision {state.Revision}."));
                // of the beginning there is no row, and its floor is that of the first revision
                var place = await revisions.Place(state.Org, Math.Max(after, 1), context.RequestAborted);
                if (place is null || after < place.Floor) return Fault.BelowFloor(after, place?.Floor ?? after + 1, Problem.Body("/after_revision", "", ""));
                if (after == 0) place = place with { Place = new JournalPlace(0, RevisionChain.Genesis) };
                await queries.Replay(state.Org, webhook.Id, state.Incarnation, after, place.Place.Chain, CancellationToken.None);
                runner.Wake();
                return await Show(state, webhook);
            });
        }
    }

    /// <summary><c>POST /v1/webhooks/{id}/resume</c>: ends a suspension.</summary>
    public Task Resume(HttpContext context) => Do(context, async (state, webhook) =>
    {
        await queries.Resume(state.Org, webhook.Id, CancellationToken.None);
        runner.Wake();
        return await Show(state, webhook);
    });

    /// <summary><c>POST /v1/webhooks/{id}/dead-letters/discard</c></summary>
    public Task Discard(HttpContext context) => Do(context, async (state, webhook) =>
    {
        await queries.Discard(state.Org, webhook.Id, CancellationToken.None);
        return await Show(state, webhook);
    });

    /// <summary><c>POST /v1/webhooks/{id}/test</c>: one message, now, and what came of it.</summary>
    public Task Test(HttpContext context) => Do(context, async (state, webhook) =>
    {
        var message = WebhookMessage.Ping(state, webhook, Caller.Of(context).RequestId, Timestamp.From(time.GetUtcNow()));
        var began = time.GetTimestamp();
        if (!(await secrets.Open(state.Org, webhook.Id, context.RequestAborted)).TryGet(out var opened, out var fault)) return fault;
        var attempt = await sender.Send(webhook.Definition.Url, message, opened, context.RequestAborted);
        WebhookSecrets.Zero(opened);
        var json = new JsonText().Raw("{\"message_id\":"u8).Text(message.Id).Raw(",\"arrived\":"u8).Boolean(attempt.Arrived).Raw(",\"duration_ms\":"u8).Number((long)time.GetElapsedTime(began).TotalMilliseconds);
        WebhookView.Outcome(json, attempt.Status, attempt.Failure);
        return json.Raw("}"u8);
    });

    async Task Letters(HttpContext context, bool onlyDead)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Page | Parameter.Read, ref problems);
        problems ??= [];
        var caller = Caller.Of(context);
        var id = AccessView.Id(context, problems);
        string[] query = ["webhook_deliveries", id.ToString(), onlyDead ? "dead" : "all"];
        PageCursor cursor = default;
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, query) is { } problem) problems.Add(problem);
        if (problems.Count > 0)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out var fault)
            || (fault = Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.WebhookRead, null, null)) is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        if (snapshot.State.Webhook(id) is null)
        {
            await HttpProblems.Write(context, WebhookDecider.Missing(id));
            return;
        }
        var letters = await queries.Letters(caller.Org, id, onlyDead, parameters.Cursor is null ? long.MaxValue : cursor.Revision, parameters.Limit + 1, context.RequestAborted);
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, Page(letters, parameters.Limit, query));
    }

    static JsonText Page(List<WebhookLetter> letters, int limit, string[] query)
    {
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, letter) in letters.Take(limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            WebhookView.Write(json, letter);
        }
        json.Raw("]"u8);
        if (letters.Count > limit) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(letters[limit - 1].Revision, 0, "").Encode(query));
        return json.Raw("}"u8);
    }

    // a strong read, allowed or refused; then what is to be done, which its answer is made by
    async Task Do(HttpContext context, Func<OrgState, Webhook, Task<Outcome<JsonText>>> act)
    {
        var caller = Caller.Of(context);
        if ((await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None)).TryGet(out var snapshot, out var fault)
            && (fault = Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.WebhookWrite, null, null)) is null
            && WebhookEndpoints.Found(context, snapshot.State).TryGet(out var webhook, out fault)
            && (await act(snapshot.State, webhook)).TryGet(out var json, out fault))
        {
            Answer.Place(context.Response, snapshot.State.Place);
            await Answer.Send(context, json);
            return;
        }
        await HttpProblems.Write(context, fault!);
    }

    async Task<Outcome<JsonText>> Show(OrgState state, Webhook webhook)
    {
        var json = new JsonText();
        WebhookView.Write(json, webhook, (await queries.Places(state.Org, CancellationToken.None)).GetValueOrDefault(webhook.Id), state.Revision);
        return json;
    }
}
