using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>Orgs: made and listed by root, seen by their own members; whom an issuer vouches for sees all in which he is somebody. Nobody learns of another org, not even that it exists.</summary>
internal sealed class OrgEndpoints(JournalNode journal, OrgDirectory directory, OrgQueries queries, TimeProvider time)
{
    const string FirstToken = "first";

    static readonly ReadOptions Strong = new(Consistency.Strong, null, null), EvenArchived = Strong with { EvenArchived = true };

    /// <summary><c>POST /v1/orgs</c></summary>
    public async Task Create(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = NewOrgBody.Parse(request.Body, request.Problems);
            if ((request.Refused ?? await Refused(request.Caller, Permission.Operate)) is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var text = TokenText.New(body.Name.Text);
            var token = new NewToken(Guid.CreateVersion7(time.GetUtcNow()), RootTokens.Hash(text), FirstToken, BuiltInRoles.Owner.Grants, null, null);
            var command = new CreateOrg(request.Caller.Principal, request.Caller.RequestId, body.Name, body.Environments) { DefaultEnvironment = body.DefaultEnvironment, Token = token };
            if (!(await Create(command, request.Idempotency, context.RequestAborted)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var record = applied.Record ?? throw new InvalidOperationException("an organization without a revision");
            directory.Know(body.Name.Text, record.Org);
            Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
            await Answer.Send(context, OrgJson.Created(new JsonText(), record, token.Id, text), StatusCodes.Status201Created);
        }
    }

    /// <summary><c>GET /v1/orgs</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Page | Parameter.Archived, ref problems);
        PageCursor cursor = default;
        string[] scope = ["orgs", parameters.Archived ? "archived" : "open"];
        if (parameters.Cursor is { } text && PageCursor.TryParse(text, out cursor, scope) is { } problem) (problems ??= []).Add(problem);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await Entries(Caller.Of(context), parameters, cursor.After ?? "", context.RequestAborted)).TryGet(out var orgs, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, org) in orgs.Take(parameters.Limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            OrgJson.Entry(json, org);
        }
        json.Raw("]"u8);
        if (orgs.Count > parameters.Limit) json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(0, 0, orgs[parameters.Limit - 1].Name).Encode(scope));
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary><c>GET /v1/orgs/{name}</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        RequestParameters.Parse(context.Request, Parameter.None, ref problems);
        var outcome = problems is null ? await Named(context) : Fault.Invalid(problems);
        if (!outcome.TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        Answer.Place(context.Response, snapshot.State.Place);
        await Answer.Send(context, OrgJson.Org(new JsonText(), snapshot.State));
    }

    /// <summary><c>PATCH /v1/orgs/{name}</c></summary>
    public Task Rename(HttpContext context) => Change(context, names: true, (caller, body) => new RenameOrg(caller.Principal, caller.RequestId, body.Name, body.ChangeLog));

    /// <summary><c>POST /v1/orgs/{name}/archive</c></summary>
    public Task Archive(HttpContext context) => Change(context, names: false, (caller, body) => new ArchiveOrg(caller.Principal, caller.RequestId, true, body.ChangeLog));

    /// <summary><c>POST /v1/orgs/{name}/unarchive</c></summary>
    public Task Unarchive(HttpContext context) => Change(context, names: false, (caller, body) => new ArchiveOrg(caller.Principal, caller.RequestId, false, body.ChangeLog));

    async Task Change(HttpContext context, bool names, Func<Caller, RenameBody, Command> command)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var body = RenameBody.Parse(request.Body, names, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var outcome = await Apply(context, request, command(request.Caller, body));
            if (!outcome.TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            directory.Know(applied.State.Name!, applied.State.Org);
            Answer.Place(context.Response, applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place);
            await Answer.Send(context, OrgJson.Org(new JsonText(), applied.State));
        }
    }

    async Task<Outcome<Applied>> Apply(HttpContext context, WriteRequest request, Command command) =>
        (await Named(context)).TryGet(out var snapshot, out var fault)
            ? await journal.Append(snapshot.State.Org, command, request.Idempotency, CancellationToken.None)
            : fault;

    // a name that is there belongs to an earlier try of this request, or to somebody else: its journal can tell, by the idempotency key
    async Task<Outcome<Applied>> Create(CreateOrg command, Idempotency? idempotency, CancellationToken cancellation)
    {
        var taken = false;
        while (true)
        {
            if (!(await directory.Find(command.Name.Text)).TryGet(out var found, out var fault)) return fault;
            if (found is not null && idempotency is null) return OrgDecider.NameTaken;
            var outcome = await journal.Append(found ?? await queries.Next(cancellation), command, idempotency, CancellationToken.None);
            if (found is not null) return outcome.Fault is { Code: FaultCode.Conflict } ? OrgDecider.NameTaken : outcome;
            if (outcome.Fault is not { Code: FaultCode.Conflict } lost || (taken && ReferenceEquals(lost, OrgDecider.NameTaken))) return outcome;
            // the name went to another, who may be this request's twin; or the number did
            taken = ReferenceEquals(lost, OrgDecider.NameTaken);
        }
    }

    /// <summary>The org of the path, if it is there for the caller: for root any, for others their own, archived ones included.</summary>
    async ValueTask<Outcome<Snapshot>> Named(HttpContext context)
    {
        var caller = Caller.Of(context);
        var name = (string)context.Request.RouteValues["name"]!;
        var org = caller.Org;
        if (caller.Principal.IsRoot)
        {
            if (!(await directory.Find(name)).TryGet(out var found, out var away)) return away;
            if (found is null) return Unknown(name);
            org = found.Value;
        }
        if (!(await journal.Read(org, EvenArchived, CancellationToken.None)).TryGet(out var snapshot, out var fault)) return fault;
        if (Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.OrgRead, null, null) is { } forbidden) return forbidden;
        return caller.Principal.IsRoot || snapshot.State.Name == name || snapshot.State.FormerNames.Contains(name) ? snapshot : Unknown(name);
    }

    async Task<Outcome<List<DirectoryEntry>>> Entries(Caller caller, RequestParameters parameters, string after, CancellationToken cancellation)
    {
        // of himself everybody may know where he is somebody
        if (caller.Person is { } person) return await queries.ListOf(person, parameters.Archived, after, parameters.Limit + 1, cancellation);
        if (caller.Principal.IsRoot) return await queries.List(parameters.Archived, after, parameters.Limit + 1, cancellation);
        if (!(await journal.Read(caller.Org, EvenArchived, cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        var state = snapshot.State;
        if (Authorisation.Check(state.Access, caller.Principal, Permission.OrgRead, null, null) is { } forbidden) return forbidden;
        var entry = new DirectoryEntry(state.Org, state.Name!, state.CreatedAt!.Value, state.ArchivedAt);
        return state.ArchivedAt.HasValue == parameters.Archived && string.CompareOrdinal(entry.Name, after) > 0 ? [entry] : new List<DirectoryEntry>();
    }

    async ValueTask<Fault?> Refused(Caller caller, Permission permission)
    {
        if (caller.Principal.IsRoot) return null;
        return (await journal.Read(caller.Org, Strong, CancellationToken.None)).TryGet(out var snapshot, out var fault)
            ? Authorisation.Check(snapshot.State.Access, caller.Principal, permission, null, null)
            : fault;
    }

    static Fault Unknown(string name) => new(FaultCode.NotFound, $"There is no organization '{name}'.", [Problem.Path("name", "org.unknown", $"There is no organization '{name}'.")]);
}
