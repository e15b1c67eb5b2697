using System.Security.Cryptography;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Webhooks;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>Webhooks: made, shown, changed, removed, given another secret.</summary>
internal sealed class WebhookEndpoints(JournalNode journal, WebhookQueries queries, WebhookSecrets secrets, WebhookSender sender, TimeProvider time)
{
    /// <summary><c>GET /v1/webhooks</c></summary>
    public async Task List(HttpContext context)
    {
        var places = await queries.Places(Caller.Of(context).Org, context.RequestAborted);
        await AccessView.Read(context, journal, Parameter.Page, MayRead, (state, parameters) => AccessView.Page(state, parameters, "webhooks", state.Webhooks, webhook => webhook.Key,
            (json, webhook) => WebhookView.Write(json, webhook, places.GetValueOrDefault(webhook.Id), state.Revision)));
    }

    /// <summary><c>GET /v1/webhooks/{id}</c></summary>
    public async Task Get(HttpContext context)
    {
        var places = await queries.Places(Caller.Of(context).Org, context.RequestAborted);
        await AccessView.Read(context, journal, Parameter.None, MayRead, (state, _) =>
        {
            if (!Found(context, state).TryGet(out var webhook, out var fault)) return fault;
            var json = new JsonText();
            WebhookView.Write(json, webhook, places.GetValueOrDefault(webhook.Id), state.Revision);
            return json;
        });
    }

    /// <summary><c>POST /v1/webhooks</c></summary>
    public async Task Create(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None, WebhookLimits.BodyBytes)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = WebhookBodies.Parse(request.Body, isNew: true, sender, request.Problems);
            var secret = RandomNumberGenerator.GetBytes(WebhookSignature.SecretBytes);
            var id = Guid.CreateVersion7(time.GetUtcNow());
            await Sealed(context, request, StatusCodes.Status201Created, id, secret, sealedSecret => new CreateWebhook(request.Caller.Principal, request.Caller.RequestId, id, sealedSecret, body));
        }
    }

    /// <summary><c>PUT /v1/webhooks/{id}</c>: what is absent stays.</summary>
    public async Task Change(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None, WebhookLimits.BodyBytes)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var id = AccessView.Id(context, request.Problems);
            var body = WebhookBodies.Parse(request.Body, isNew: false, sender, request.Problems);
            await Apply(context, request, StatusCodes.Status200OK, null, new ChangeWebhook(request.Caller.Principal, request.Caller.RequestId, id, body));
        }
    }

    /// <summary><c>POST /v1/webhooks/{id}/rotate</c></summary>
    public async Task Rotate(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None, WebhookLimits.BodyBytes)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var id = AccessView.Id(context, request.Problems);
            var overlap = WebhookBodies.OverlapSeconds(request.Body, request.Problems);
            var secret = RandomNumberGenerator.GetBytes(WebhookSignature.SecretBytes);
            await Sealed(context, request, StatusCodes.Status200OK, id, secret, sealedSecret => new RotateWebhookSecret(request.Caller.Principal, request.Caller.RequestId, id, sealedSecret, overlap));
        }
    }

    /// <summary><c>DELETE /v1/webhooks/{id}</c></summary>
    public async Task Remove(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.None);
        var id = AccessView.Id(context, request.Problems);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        var command = new RemoveWebhook(request.Caller.Principal, request.Caller.RequestId, id);
        await AccessView.Written(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None), StatusCodes.Status204NoContent, _ => null);
    }

    // sealed before it is decided, and shown in the answer alone
    async Task Sealed(HttpContext context, WriteRequest request, int status, Guid id, byte[] secret, Func<byte[], Command> command)
    {
        var sealedSecret = request.Problems.Count > 0 ? new Outcome<byte[]>([]) : await secrets.Seal(request.Caller.Org, id, secret, context.RequestAborted);
        if (sealedSecret.Fault is { } fault) await HttpProblems.Write(context, fault);
        else await Apply(context, request, status, secret, command(sealedSecret.Value));
        CryptographicOperations.ZeroMemory(secret);
    }

    async Task Apply(HttpContext context, WriteRequest request, int status, byte[]? secret, Command command)
    {
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        await AccessView.Written(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None), status, applied =>
        {
            var json = new JsonText();
            WebhookView.Begin(json, Written(applied, command));
            // a retry finds the first request's secret, which was shown to it and to nobody since
            if (secret is not null && applied.Record?.RequestId == command.RequestId) json.Raw(",\"secret\":\""u8).Ascii(WebhookSignature.Show(secret)).Raw("\""u8);
            return json.Raw("}"u8);
        });
    }

    // as the event says it: the state may be that of a later command
    static Webhook Written(Applied applied, Command command)
    {
        var e = applied.Record?.Events[0].Payload;
        var id = e switch { WebhookSet set => set.Id, WebhookSecretRotated rotated => rotated.Id, _ => ((ChangeWebhook)command).Id };
        var now = applied.State.Webhook(id);
        return e is WebhookSet said ? new Webhook(said.Id, said.Definition, said.Owner, said.Version, now?.CreatedAt ?? applied.Record!.At, applied.Record!.At)
            : now ?? throw new InvalidOperationException("a webhook was written and is not there");
    }

    static Fault? MayRead(OrgState state, Principal principal) => Authorisation.Check(state.Access, principal, Permission.WebhookRead, null, null);

    /// <summary>The webhook that the path names.</summary>
    internal static Outcome<Webhook> Found(HttpContext context, OrgState state)
    {
        var problems = new List<Problem>();
        var id = AccessView.Id(context, problems);
        if (problems.Count > 0) return Fault.Invalid(problems);
        return state.Webhook(id) is { } webhook ? webhook : WebhookDecider.Missing(id);
    }
}
