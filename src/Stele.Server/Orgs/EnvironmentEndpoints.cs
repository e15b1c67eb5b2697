using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>The environments of an org.</summary>
internal sealed class EnvironmentEndpoints(JournalNode journal)
{
    /// <summary><c>GET /v1/environments</c></summary>
    public async Task List(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read | Parameter.Page, ref problems);
        var after = -1;
        if (parameters.Cursor is { } text)
        {
            if (PageCursor.TryParse(text, out var cursor, "environments") is { } problem) (problems ??= []).Add(problem);
            else after = int.Parse(cursor.After, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        if (!(problems is null ? await Read(context, parameters.Reading) : Fault.Invalid(problems)).TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, List(snapshot.State, after, parameters.Limit, snapshot.State.Revision));
    }

    /// <summary><c>GET /v1/environments/{name}</c></summary>
    public async Task Get(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read, ref problems);
        var name = Name(context, ref problems);
        if (!(problems is null ? await Read(context, parameters.Reading) : Fault.Invalid(problems)).TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        if (snapshot.State.Environment(name.Text) is { } environment)
            await Answer.Send(context, OrgJson.Environment(new JsonText(), environment, snapshot.State.Settings!));
        else await HttpProblems.Write(context, EnvironmentDecider.Unknown(name.Text));
    }

    /// <summary><c>POST /v1/environments</c></summary>
    public Task Create(HttpContext context) => Write(context, StatusCodes.Status201Created, request =>
    {
        var body = EnvironmentBody.Parse(request.Body, isNew: true, request.Problems);
        return new CreateEnvironment(request.Caller.Principal, request.Caller.RequestId, body.Name, body.Description, body.ChangeLog);
    }, Created);

    /// <summary><c>PATCH /v1/environments/{name}</c></summary>
    public Task Describe(HttpContext context)
    {
        EnvironmentName name = default;
        return Write(context, StatusCodes.Status200OK, request =>
        {
            var body = EnvironmentBody.Parse(request.Body, isNew: false, request.Problems);
            name = Name(context, request);
            return new DescribeEnvironment(request.Caller.Principal, request.Caller.RequestId, name, body.Description, body.ChangeLog) { ExpectedVersion = body.ExpectedVersion };
        }, (applied, _) => Described(applied, name));
    }

    /// <summary><c>POST /v1/environments/reorder</c></summary>
    public Task Reorder(HttpContext context) => Write(context, StatusCodes.Status200OK, request =>
    {
        var body = OrderBody.Parse(request.Body, request.Problems);
        return new ReorderEnvironments(request.Caller.Principal, request.Caller.RequestId, body.Order, body.ChangeLog);
    }, (applied, revision) => List(applied.State, -1, int.MaxValue, revision));

    /// <summary><c>DELETE /v1/environments/{name}</c></summary>
    public async Task Delete(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.Confirm | Parameter.ExpectedVersion | Parameter.ChangeLog);
        var name = Name(context, request);
        if (request.Refused is { } refused)
        {
            await HttpProblems.Write(context, refused);
            return;
        }
        var (caller, parameters) = (request.Caller, request.Parameters);
        var command = new DeleteEnvironment(caller.Principal, caller.RequestId, name, parameters.Confirm, parameters.ChangeLog) { ExpectedVersion = parameters.ExpectedVersion };
        if (!(await journal.Append(caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out var fault))
        {
            await HttpProblems.Write(context, WriteRequest.InQuery(fault));
            return;
        }
        var record = applied.Record ?? throw new InvalidOperationException("a deletion without a revision");
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        await Answer.Send(context, new JsonText()
            .Raw("{\"name\":\""u8).Ascii(name.Text)
            .Raw("\",\"version\":"u8).Number(record.Events[^1].StreamVersion)
            .Raw(",\"revision\":"u8).Number(record.Revision)
            .Raw(",\"configs\":"u8).Number(record.Events.Count(e => e.Payload is ConfigDeleted))
            .Raw(",\"deleted\":true}"u8));
    }

    async Task Write(HttpContext context, int status, Func<WriteRequest, Command> parse, Func<Applied, long, JsonText> answer)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var command = parse(request);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            if (!(await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var place = applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place;
            Answer.Place(context.Response, place);
            await Answer.Send(context, answer(applied, place.Revision), status);
        }
    }

    async ValueTask<Outcome<Snapshot>> Read(HttpContext context, ReadOptions reading)
    {
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, reading, CancellationToken.None)).TryGet(out var snapshot, out var fault)) return fault;
        return Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.OrgRead, null, null) is { } forbidden ? forbidden : snapshot;
    }

    // from the revision, so that a retry is answered as the first try was
    static JsonText Created(Applied applied, long revision)
    {
        var record = applied.Record ?? throw new InvalidOperationException("an environment without a revision");
        var created = (EnvironmentCreated)record.Events[0].Payload!;
        var environment = new EnvironmentState(created.Name, created.Description, created.Ordinal, created.Version, record.At, revision);
        return OrgJson.Environment(new JsonText(), environment, applied.State.Settings!);
    }

    // keys, and whether it is the default one, are what they are now; it may have been deleted since the first try
    static JsonText Described(Applied applied, EnvironmentName name)
    {
        var environment = applied.State.EnvironmentEver(name.Text)!;
        if (applied.Record?.Events[0].Payload is EnvironmentChanged changed)
            environment = environment with { Description = changed.Description, Ordinal = changed.Ordinal, Version = changed.Version };
        return OrgJson.Environment(new JsonText(), environment, applied.State.Settings!);
    }

    static JsonText List(OrgState state, int after, int limit, long revision)
    {
        var rest = OrgJson.InOrder(state).Where(environment => environment.Ordinal > after).ToList();
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, environment) in rest.Take(limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            OrgJson.Environment(json, environment, state.Settings!);
        }
        json.Raw("],\"revision\":"u8).Number(revision);
        if (rest.Count > limit)
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(state.Revision, 0, rest[limit - 1].Ordinal.ToString(CultureInfo.InvariantCulture)).Encode("environments"));
        return json.Raw("}"u8);
    }

    static EnvironmentName Name(HttpContext context, WriteRequest request)
    {
        List<Problem>? problems = request.Problems;
        return Name(context, ref problems);
    }

    static EnvironmentName Name(HttpContext context, ref List<Problem>? problems)
    {
        if (!EnvironmentName.TryParse((string?)context.Request.RouteValues["name"], out var name))
            (problems ??= []).Add(Problem.Path("name", EnvironmentName.Rule, EnvironmentName.Message));
        return name;
    }
}
