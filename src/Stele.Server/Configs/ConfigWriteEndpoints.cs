using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Configs;

/// <summary>Writes of one key. Answers are made from the revision that was written, so that a retry with the same idempotency key gets the same answer.</summary>
internal sealed class ConfigWriteEndpoints(JournalNode journal, ConfigQueries queries)
{
    /// <summary><c>PUT /v1/config/{key}</c></summary>
    public async Task Put(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var key = RouteKey(context, request);
            var body = SetBody.Parse(request.Body, request.Problems);
            var change = new Change
            {
                Op = ChangeOp.Set, Environment = request.Parameters.Env, Key = key, Value = body.Value, ValueType = body.ValueType, ExpectedVersion = body.ExpectedVersion,
                SetsSchema = body.SetsSchema, Schema = body.Schema,
            };
            var outcome = await Write(context, request, change, body.ChangeLog, Problem.Body("/expected_version", "expected_version", ""));
            await AnswerSet(context, outcome);
        }
    }

    /// <summary><c>DELETE /v1/config/{key}</c></summary>
    public async Task Delete(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.Env | Parameter.ExpectedVersion | Parameter.ChangeLog);
        var change = new Change
        {
            Op = ChangeOp.Delete, Environment = request.Parameters.Env, Key = RouteKey(context, request), ExpectedVersion = request.Parameters.ExpectedVersion,
        };
        var expected = Problem.Query("expected_version", "expected_version", "");
        if (!(await Write(context, request, change, request.Parameters.ChangeLog, expected)).TryGet(out var applied, out var fault))
        {
            await HttpProblems.Write(context, WriteRequest.InQuery(fault));
            return;
        }
        var record = Written(applied);
        var written = record.Events[0];
        var stream = written.Stream.Split('/', 3);
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        await Answer.Send(context, new JsonText()
            .Raw("{\"key\":\""u8).Ascii(stream[2])
            .Raw("\",\"environment\":\""u8).Ascii(stream[1])
            .Raw("\",\"version\":"u8).Number(written.StreamVersion)
            .Raw(",\"revision\":"u8).Number(record.Revision)
            .Raw(",\"deleted\":true}"u8));
    }

    /// <summary><c>POST /v1/config/{key}/rollback</c></summary>
    public async Task Rollback(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var key = RouteKey(context, request);
            var body = RollbackBody.Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            if (!(await Then(context, request, key, body.Version)).TryGet(out var then, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var change = new Change
            {
                Op = ChangeOp.Set, Environment = request.Parameters.Env, Key = key, Value = then.Entry.Value, ValueType = then.Entry.ValueType,
                ExpectedVersion = body.ExpectedVersion, Permission = Permission.ConfigRollback, RestoresVersion = body.Version, SchemaThen = then.Schema,
            };
            var outcome = await Write(context, request, change, body.ChangeLog, Problem.Body("/expected_version", "expected_version", ""));
            await AnswerSet(context, outcome);
        }
    }

    /// <summary>The version to which a key is rolled back.</summary>
    async Task<Outcome<ConfigVersion>> Then(HttpContext context, WriteRequest request, ConfigKey key, int version)
    {
        var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (ConfigView.Refused(snapshot.State, request.Caller.Principal, Permission.ConfigRollback, request.Parameters.Env?.Text, key.Text) is { } forbidden) return forbidden;
        if (!ConfigView.Environment(snapshot.State, request.Parameters.Env?.Text).TryGet(out var environment, out fault)) return fault;
        var last = environment.LastVersion(key.Text);
        if (last == 0) return ConfigView.UnknownKey(key, environment.Name);
        var found = environment.Config(key.Text) is { Reference: null } entry && version == entry.Version ? new ConfigVersion(entry, false)
            : await queries.Version(snapshot.State.Org, environment.Name, key.Text, version, context.RequestAborted);
        return found switch
        {
            null => Fault.Invalid(Problem.Body("/version", "version.unknown", $"{key} has no version {version} in {environment.Name}; the last is {last}.")),
            { Redacted: true } => new Fault(FaultCode.Gone, $"Version {version} of {key} was redacted.", [Problem.Body("/version", "version.redacted", $"Version {version} was redacted.")]),
            { Entry.Deleted: true } => Fault.Invalid(Problem.Body("/version", "rollback.deleted", $"Version {version} of {key} is its deletion; to delete it, use DELETE.")),
            _ => found,
        };
    }

    /// <summary>Sends one change, unless something is wrong with the request.</summary>
    /// <param name="expected">The problem that an expected version beside a header's has.</param>
    async Task<Outcome<Applied>> Write(HttpContext context, WriteRequest request, Change change, string? reason, Problem expected)
    {
        var caller = request.Caller;
        var conditions = Preconditions.Parse(context.Request, request.Problems);
        if (conditions.Any && change.ExpectedVersion is not null)
            request.Problems.Add(expected with { Rule = "precondition.both", Message = "Give expected_version or If-Match or If-None-Match, not two of them." });
        if (request.Refused is { } refused) return refused;
        if (conditions.Incarnation is not null || request.Parameters.MinCursor is not null)
        {
            var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), CancellationToken.None);
            if (!read.TryGet(out var snapshot, out var unread)) return unread;
            if (conditions.Incarnation is { } tagged && tagged != EntityTag.Of(0, snapshot.State.Incarnation).Incarnation)
                return new Fault(FaultCode.PreconditionFailed, "If-Match is a tag of another history of the database.",
                    [Problem.Header("If-Match", "if_match", "This tag is from before a restore or a fail-over that lost writes.")]);
        }
        if (conditions.Any)
            change = change with { ExpectedVersion = conditions.Version, ExpectedByHeader = true, MustExist = conditions.MustExist };
        var command = new ChangeSet(caller.Principal, caller.RequestId, reason, [change]);
        return await journal.Append(caller.Org, command, request.Idempotency, CancellationToken.None);
    }

    static RevisionRecord Written(Applied applied) => applied.Record ?? throw new InvalidOperationException("a change without a revision");

    static Task AnswerSet(HttpContext context, Outcome<Applied> outcome)
    {
        if (!outcome.TryGet(out var applied, out var fault)) return HttpProblems.Write(context, fault);
        var record = Written(applied);
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        if (record.Events[0].Payload is not ConfigSet set)
            return HttpProblems.Write(context, new Fault(FaultCode.Gone, $"Revision {record.Revision} is what this key's request wrote; its value was redacted since."));
        var entry = new ConfigEntry(set.Key, set.Value, set.ValueType, set.Version, record.Revision, record.At, record.Actor, record.Reason, record.At, 0);
        context.Response.Headers.ETag = EntityTag.Of(set.Version, applied.State.Incarnation).ToString();
        return Answer.Send(context, ConfigJson.Entry(ConfigJson.For(entry), set.Environment, entry, schema: set.Schema));
    }

    static ConfigKey RouteKey(HttpContext context, WriteRequest request)
    {
        List<Problem>? problems = request.Problems;
        return ConfigEndpoints.RouteKey(context, ref problems);
    }
}
