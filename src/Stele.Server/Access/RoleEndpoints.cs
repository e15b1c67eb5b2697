using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Roles: the built-in ones shown, custom ones made, changed and removed.</summary>
internal sealed class RoleEndpoints(JournalNode journal)
{
    /// <summary><c>GET /v1/roles</c></summary>
    public Task List(HttpContext context) => AccessView.Read(context, journal, Parameter.Page, MayRead, (state, parameters) =>
        AccessView.Page(state, parameters, "roles", BuiltInRoles.All.Concat(state.Access.Roles.Where(role => !role.IsRemoved)).OrderBy(role => role.Name, StringComparer.Ordinal), role => role.Name, AccessView.Write));

    /// <summary><c>GET /v1/roles/{name}</c></summary>
    public Task Get(HttpContext context) => AccessView.Read(context, journal, Parameter.None, MayRead, (state, _) =>
    {
        var name = NameOf(context);
        if (state.Access.Role(name) is not { } role) return new Fault(FaultCode.NotFound, "There is no such role.", [Problem.Path("name", "role.unknown", "There is no such role.")]);
        var json = new JsonText();
        AccessView.Write(json, role);
        return json;
    });

    /// <summary><c>PUT /v1/roles/{name}</c></summary>
    public async Task Put(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var name = NameOf(context);
            if (AccessText.RoleNameProblem(name) is var (rule, message)) request.Problems.Add(Problem.Path("name", rule, message));
            var body = RoleBody.Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var command = new SetRole(request.Caller.Principal, request.Caller.RequestId, name, body.Description, body.Grants, body.Denies, body.ExpectedVersion);
            await AccessView.Written(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None), StatusCodes.Status200OK, applied =>
            {
                var json = new JsonText();
                AccessView.Write(json, applied.Record?.Events[0].Payload is RoleSet set ? new Role(set.Name, set.Description, set.Grants, set.Denies, set.Version) : applied.State.Access.Role(name)!);
                return json;
            });
        }
    }

    /// <summary><c>DELETE /v1/roles/{name}</c></summary>
    public async Task Delete(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.None);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        var command = new RemoveRole(request.Caller.Principal, request.Caller.RequestId, NameOf(context));
        await AccessView.Written(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None), StatusCodes.Status204NoContent, _ => null);
    }

    static string NameOf(HttpContext context) => (string)context.Request.RouteValues["name"]!;

    static Fault? MayRead(OrgState state, Principal principal) => Authorisation.Check(state.Access, principal, Permission.RoleRead, null, null);
}
