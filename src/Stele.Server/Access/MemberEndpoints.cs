using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Users and service accounts: made, shown, changed, removed.</summary>
internal sealed class MemberEndpoints(JournalNode journal, TimeProvider time)
{
    /// <summary><c>GET /v1/users</c></summary>
    public Task ListUsers(HttpContext context) => AccessView.Read(context, journal, Parameter.Page, MayRead,
        (state, parameters) => AccessView.Page(state, parameters, "users", state.Access.Users, user => user.Key, AccessView.Write));

    /// <summary><c>GET /v1/users/{id}</c></summary>
    public Task GetUser(HttpContext context) => AccessView.Read(context, journal, Parameter.None, MayRead, (state, _) =>
        IdOf(context) is { } id && state.Access.User(id) is { } user ? Shown(user, AccessView.Write) : Unknown("user"));

    /// <summary><c>POST /v1/users</c></summary>
    public Task CreateUser(HttpContext context) => Write(context, isUser: true, isNew: true, StatusCodes.Status201Created,
        (caller, _, body) => new CreateUser(caller.Principal, caller.RequestId, Guid.CreateVersion7(time.GetUtcNow()), body));

    /// <summary><c>PUT /v1/users/{id}</c>: what is absent stays.</summary>
    public Task ChangeUser(HttpContext context) => Write(context, isUser: true, isNew: false, StatusCodes.Status200OK,
        (caller, id, body) => new ChangeUser(caller.Principal, caller.RequestId, id, body));

    /// <summary><c>DELETE /v1/users/{id}</c></summary>
    public Task RemoveUser(HttpContext context) => Remove(context, (caller, id) => new RemoveUser(caller.Principal, caller.RequestId, id));

    /// <summary><c>GET /v1/service-accounts</c></summary>
    public Task ListServiceAccounts(HttpContext context) => AccessView.Read(context, journal, Parameter.Page, MayRead,
        (state, parameters) => AccessView.Page(state, parameters, "service-accounts", state.Access.ServiceAccounts, account => account.Key, AccessView.Write));

    /// <summary><c>GET /v1/service-accounts/{id}</c></summary>
    public Task GetServiceAccount(HttpContext context) => AccessView.Read(context, journal, Parameter.None, MayRead, (state, _) =>
        IdOf(context) is { } id && state.Access.ServiceAccount(id) is { } account ? Shown(account, AccessView.Write) : Unknown("service account"));

    /// <summary><c>POST /v1/service-accounts</c></summary>
    public Task CreateServiceAccount(HttpContext context) => Write(context, isUser: false, isNew: true, StatusCodes.Status201Created,
        (caller, _, body) => new CreateServiceAccount(caller.Principal, caller.RequestId, Guid.CreateVersion7(time.GetUtcNow()), body));

    /// <summary><c>PUT /v1/service-accounts/{id}</c>: what is absent stays.</summary>
    public Task ChangeServiceAccount(HttpContext context) => Write(context, isUser: false, isNew: false, StatusCodes.Status200OK,
        (caller, id, body) => new ChangeServiceAccount(caller.Principal, caller.RequestId, id, body));

    /// <summary><c>DELETE /v1/service-accounts/{id}</c></summary>
    public Task RemoveServiceAccount(HttpContext context) => Remove(context, (caller, id) => new RemoveServiceAccount(caller.Principal, caller.RequestId, id));

    async Task Write(HttpContext context, bool isUser, bool isNew, int status, Func<Caller, Guid, MemberChange, Command> command)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var id = isNew ? Guid.Empty : AccessView.Id(context, request.Problems);
            var body = MemberBody.Parse(request.Body, isUser, isNew, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var outcome = await journal.Append(request.Caller.Org, command(request.Caller, id, body), request.Idempotency, CancellationToken.None);
            await AccessView.Written(context, outcome, status, applied => Show(applied, isUser, id));
        }
    }

    async Task Remove(HttpContext context, Func<Caller, Guid, Command> command)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.None);
        var id = AccessView.Id(context, request.Problems);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        await AccessView.Written(context, await journal.Append(request.Caller.Org, command(request.Caller, id), request.Idempotency, CancellationToken.None), StatusCodes.Status204NoContent, _ => null);
    }

    // of the revision, so that a retry gets the same; it does not say since when somebody is there, which the state does
    static JsonText? Show(Applied applied, bool isUser, Guid id)
    {
        var access = applied.State.Access;
        return applied.Record is not { } record ? isUser ? Shown(access.User(id)!, AccessView.Write).Value : Shown(access.ServiceAccount(id)!, AccessView.Write).Value
            : record.Events[0].Payload switch
            {
                UserSet set => Shown(new User(set.Id, set.Email, set.Name, set.Roles, set.Status, set.Version, set.Version == 1 ? record.At : access.User(set.Id)?.CreatedAt ?? record.At, record.At)
                {
                    Identity = set.Identity,
                }, AccessView.Write).Value,
                ServiceAccountSet set => Shown(new ServiceAccount(set.Id, set.Name, set.Roles, set.Status, set.Version, set.Version == 1 ? record.At : access.ServiceAccount(set.Id)?.CreatedAt ?? record.At, record.At),
                    AccessView.Write).Value,
                _ => throw new InvalidOperationException("the first event is the one who was written"),
            };
    }

    static Fault? MayRead(OrgState state, Principal principal) => Authorisation.Check(state.Access, principal, Permission.UserRead, null, null);

    static Guid? IdOf(HttpContext context) => Guid.TryParseExact((string?)context.Request.RouteValues["id"], "D", out var id) ? id : null;

    static Outcome<JsonText> Unknown(string what) => new Fault(FaultCode.NotFound, $"There is no such {what}.", [Problem.Path("id", "id.unknown", $"There is no such {what}.")]);

    static Outcome<JsonText> Shown<T>(T item, Action<JsonText, T> write)
    {
        var json = new JsonText();
        write(json, item);
        return json;
    }
}
