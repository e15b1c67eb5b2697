using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>The environments of an org.</summary>
internal sealed class OrgEndpoints(JournalNode journal)
{
    static readonly BodyMembers EnvironmentMembers = new(required: ["name"], optional: ["description"]);

    /// <summary><c>GET /v1/environments</c></summary>
    public async Task ListEnvironments(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read | Parameter.Page, ref problems);
        var after = -1;
        if (parameters.Cursor is { } text)
        {
            if (PageCursor.TryParse(text, out var cursor, "environments") is { } problem) (problems ??= []).Add(problem);
            else after = int.Parse(cursor.After, NumberStyles.None, CultureInfo.InvariantCulture);
        }
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        if (Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.OrgRead, null, null) is { } forbidden)
        {
            await HttpProblems.Write(context, forbidden);
            return;
        }
        Answer.Place(context.Response, snapshot, parameters.Consistency);
        await Answer.Send(context, List(snapshot.State, after, parameters.Limit));
    }

    /// <summary><c>POST /v1/environments</c></summary>
    public async Task CreateEnvironment(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var (name, description) = Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var command = new CreateEnvironment(request.Caller.Principal, request.Caller.RequestId, name, description, null);
            await AnswerCreated(context, await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None));
        }
    }

    static Task AnswerCreated(HttpContext context, Outcome<Applied> outcome)
    {
        if (!outcome.TryGet(out var applied, out var fault)) return HttpProblems.Write(context, fault);
        var record = applied.Record ?? throw new InvalidOperationException("an environment without a revision");
        var created = (EnvironmentCreated)record.Events[0].Payload!;
        var json = new JsonText();
        Write(json, created.Name, created.Description, created.Ordinal, created.Name == applied.State.DefaultEnvironment, record.At, 0);
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        return Answer.Send(context, json, StatusCodes.Status201Created);
    }

    static JsonText List(OrgState state, int after, int limit)
    {
        var rest = state.Environments.Where(environment => environment.Ordinal > after).OrderBy(environment => environment.Ordinal).ToList();
        var json = new JsonText().Raw("{\"items\":["u8);
        foreach (var (index, environment) in rest.Take(limit).Index())
        {
            if (index > 0) json.Raw(","u8);
            Write(json, environment.Name, environment.Description, environment.Ordinal, environment.Name == state.DefaultEnvironment, environment.CreatedAt, environment.Configs.Count);
        }
        json.Raw("],\"revision\":"u8).Number(state.Revision);
        if (rest.Count > limit)
            json.Raw(",\"next_cursor\":"u8).Text(new PageCursor(state.Revision, 0, rest[limit - 1].Ordinal.ToString(CultureInfo.InvariantCulture)).Encode("environments"));
        return json.Raw("}"u8);
    }

    static void Write(JsonText json, string name, string? description, int ordinal, bool isDefault, Timestamp createdAt, int configs) =>
        json.Raw("{\"name\":\""u8).Ascii(name)
            .Raw("\",\"description\":"u8).Text(description)
            .Raw(",\"ordinal\":"u8).Number(ordinal)
            .Raw(",\"default\":"u8).Boolean(isDefault)
            .Raw(",\"created_at\":"u8).Time(createdAt)
            .Raw(",\"configs\":"u8).Number(configs)
            .Raw("}"u8);

    static (EnvironmentName Name, string? Description) Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        EnvironmentName name = default;
        string? description = null;
        var body = new JsonBody(utf8, EnvironmentMembers, problems);
        while (body.NextMember(out var member))
            if (member == "name")
            {
                if (body.ReadString() is { } text && !EnvironmentName.TryParse(text, out name)) body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
            }
            else if (!body.TryReadNull())
            {
                description = body.ReadString();
                if (description?.Length > SteleLimits.DescriptionCharacters.Value)
                    body.Refuse("description.length", $"A description has at most {SteleLimits.DescriptionCharacters.Value} characters; this one has {description.Length}.");
            }
        return (name, description);
    }
}
