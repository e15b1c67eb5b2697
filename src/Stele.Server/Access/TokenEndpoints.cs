using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Tokens: made, listed, revoked.</summary>
internal sealed class TokenEndpoints(JournalNode journal, TokenUses uses, TimeProvider time)
{
    /// <summary><c>POST /v1/tokens</c></summary>
    public async Task Create(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = TokenBody.Parse(request.Body, request.Problems);
            fault = request.Refused;
            if (fault is null && (await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Local, null, null), CancellationToken.None)).TryGet(out var snapshot, out fault))
            {
                var text = TokenText.New(snapshot.State.Name!);
                var token = new NewToken(Guid.CreateVersion7(time.GetUtcNow()), RootTokens.Hash(text), body.Name, body.Scopes, body.Environment, body.ExpiresAt);
                var command = new CreateToken(request.Caller.Principal, request.Caller.RequestId, token, body.ServiceAccount, Timestamp.From(time.GetUtcNow()));
                await AnswerCreated(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None), token.Id, text);
                return;
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    /// <summary><c>GET /v1/tokens</c>: who may not see all sees his own.</summary>
    public async Task List(HttpContext context)
    {
        var caller = Caller.Of(context);
        var usedAt = await uses.Read(caller.Org, context.RequestAborted);
        await AccessView.Read(context, journal, Parameter.Page,
            (state, principal) => IsMember(principal) && state.Access.RightsOf(principal).Status == RightsStatus.Ruled ? null : Authorisation.Check(state.Access, principal, Permission.TokenRead, null, null),
            (state, parameters) =>
            {
                var all = Authorisation.Check(state.Access, caller.Principal, Permission.TokenRead, null, null) is null;
                return AccessView.Page(state, parameters, "tokens", state.Access.Tokens.Where(token => all || token.OwnerId == caller.Principal.Id), token => token.Key,
                    (json, token) => AccessView.Write(json, token, usedAt.TryGetValue(token.Id, out var used) ? used : null));
            });
    }

    /// <summary><c>DELETE /v1/tokens/{id}</c></summary>
    public async Task Revoke(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.None);
        var id = AccessView.Id(context, request.Problems);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        var outcome = await journal.Append(request.Caller.Org, new RevokeToken(request.Caller.Principal, request.Caller.RequestId, id), request.Idempotency, CancellationToken.None);
        await AccessView.Written(context, outcome, StatusCodes.Status204NoContent, _ => null);
    }

    static bool IsMember(Principal principal) => principal.Kind is PrincipalKind.User or PrincipalKind.ServiceAccount;

    static Task AnswerCreated(HttpContext context, Outcome<Applied> outcome, Guid id, string text) => AccessView.Written(context, outcome, StatusCodes.Status201Created, applied =>
    {
        var record = applied.Record ?? throw new InvalidOperationException("a token without a revision");
        if (record.Events[0].Payload is not TokenCreated created) throw new InvalidOperationException("the first event is the token");
        var json = new JsonText();
        AccessView.Write(json, new Token(created.Id, created.Name, created.Owner, created.OwnerId, created.Scopes, created.Environment, created.ExpiresAt, record.At, record.Actor), null);
        if (created.Id != id) return json;
        // a retry finds the first request's token, which was shown to it and to nobody since
        json.Cut(1);
        return json.Raw(",\"token\":\""u8).Ascii(text).Raw("\"}"u8);
    });
}
