using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Flags;

/// <summary>Writes of one flag. Answers are made from the revision that was written, so that a retry with the same idempotency key gets the same answer.</summary>
internal sealed class FlagWriteEndpoints(JournalNode journal, FlagQueries queries, FlagWrites writes)
{
    /// <summary><c>PUT /v1/flags/{name}</c></summary>
    public async Task Put(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.DryRun)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var key = RouteKey(context, request);
            var body = FlagBody.Parse(request.Body, key, request.Problems);
            var change = new FlagChange
            {
                Op = ChangeOp.Set, Environment = request.Parameters.Env, Key = key, Content = body.Content, Killed = body.Killed, Archived = body.Archived,
                ExpectedVersion = body.ExpectedVersion, DefinitionPointer = body.DefinitionPointer,
            };
            await AnswerSet(context, request, change, body.ChangeLog);
        }
    }

    /// <summary><c>DELETE /v1/flags/{name}</c></summary>
    public async Task Delete(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.Env | Parameter.ExpectedVersion | Parameter.ChangeLog);
        var change = new FlagChange { Op = ChangeOp.Delete, Environment = request.Parameters.Env, Key = RouteKey(context, request), ExpectedVersion = request.Parameters.ExpectedVersion };
        var command = await Command(request, context, change, request.Parameters.ChangeLog, Problem.Query("expected_version", "expected_version", ""));
        if (!command.TryGet(out var changes, out var fault) || !(await journal.Append(request.Caller.Org, changes, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
        {
            await HttpProblems.Write(context, WriteRequest.InQuery(fault));
            return;
        }
        var record = applied.Record!;
        var stream = record.Events[0].Stream.Split('/', 3);
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        await Answer.Send(context, new JsonText().Raw("{\"name\":\""u8).Ascii(stream[2]).Raw("\",\"environment\":\""u8).Ascii(stream[1])
            .Raw("\",\"version\":"u8).Number(record.Events[0].StreamVersion).Raw(",\"revision\":"u8).Number(record.Revision).Raw(",\"deleted\":true}"u8));
    }

    /// <summary><c>POST /v1/flags/{name}/rollback</c></summary>
    public async Task Rollback(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env | Parameter.DryRun)).TryGet(out var request, out var fault))
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
            // the definition of then, and not its switch: a kill switch that is on now was meant to be
            var change = new FlagChange
            {
                Op = ChangeOp.Set, Environment = request.Parameters.Env, Key = key, Content = FlagContent.Stored(then.Text!), ExpectedVersion = body.ExpectedVersion, DefinitionPointer = "/version",
            };
            await AnswerSet(context, request, change, body.ChangeLog);
        }
    }

    /// <summary>The version to which a flag is rolled back.</summary>
    async Task<Outcome<FlagEntry>> Then(HttpContext context, WriteRequest request, FlagKey key, int version)
    {
        var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (ConfigView.Refused(snapshot.State, request.Caller.Principal, Permission.FlagWrite, request.Parameters.Env?.Text, key.Text) is { } forbidden) return forbidden;
        if (!ConfigView.Environment(snapshot.State, request.Parameters.Env?.Text).TryGet(out var environment, out fault)) return fault;
        var last = environment.Flags.LastVersion(key.Text);
        if (last == 0) return FlagEndpoints.Unknown(key, environment.Name);
        return (await queries.History(snapshot.State.Org, environment.Name, key.Text, version + 1, 1, context.RequestAborted)).Find(one => one.Version == version) switch
        {
            null => Fault.Invalid(Problem.Body("/version", "version.unknown", $"{key} has no version {version} in {environment.Name}; the last is {last}.")),
            { Deleted: true } => Fault.Invalid(Problem.Body("/version", "rollback.deleted", $"Version {version} of {key} is its deletion; to delete it, use DELETE.")),
            { Redacted: true } => new Fault(FaultCode.Gone, $"Version {version} of {key} was redacted.", [Problem.Body("/version", "version.redacted", $"Version {version} was redacted.")]),
            var found => found,
        };
    }

    async Task AnswerSet(HttpContext context, WriteRequest request, FlagChange change, string? reason)
    {
        var command = await Command(request, context, change, reason, Problem.Body("/expected_version", "expected_version", ""));
        if (!command.TryGet(out var changes, out var fault) || !(await writes.Do(request, changes)).TryGet(out var applied, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var record = applied.Record!;
        var moves = await writes.Moves(applied, request.Parameters.DryRun, CancellationToken.None);
        var (environment, entry) = (moves[0].Environment, moves[0].After);
        Answer.Place(context.Response, request.Parameters.DryRun ? applied.State.Place : new JournalPlace(record.Revision, record.Chain));
        if (!request.Parameters.DryRun) context.Response.Headers.ETag = EntityTag.Of(entry.Version, applied.State.Incarnation).ToString();
        var json = FlagJson.Open(new JsonText(), environment, entry);
        if (request.Parameters.DryRun) json.Raw(",\"dry_run\":true"u8);
        await Answer.Send(context, FlagJson.Moved(json, moves[0].Move).Raw("}"u8));
    }

    /// <summary>One change, unless something is wrong with the request.</summary>
    /// <param name="expected">The problem that an expected version beside a header's has.</param>
    async Task<Outcome<ChangeSet>> Command(WriteRequest request, HttpContext context, FlagChange change, string? reason, Problem expected)
    {
        var conditions = Preconditions.Parse(context.Request, request.Problems);
        if (conditions.Any && change.ExpectedVersion is not null)
            request.Problems.Add(expected with { Rule = "precondition.both", Message = "Give expected_version or If-Match or If-None-Match, not two of them." });
        if (request.Refused is { } refused) return refused;
        if (conditions.Incarnation is not null || request.Parameters.MinCursor is not null)
        {
            var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), CancellationToken.None);
            if (!read.TryGet(out var snapshot, out var unread)) return unread;
            if (conditions.Incarnation is { } tagged && tagged != EntityTag.Of(0, snapshot.State.Incarnation).Incarnation)
                return new Fault(FaultCode.PreconditionFailed, "If-Match is a tag of another history of the database.",
                    [Problem.Header("If-Match", "if_match", "This tag is from before a restore or a fail-over that lost writes.")]);
        }
        if (conditions.Any) change = change with { ExpectedVersion = conditions.Version, ExpectedByHeader = true, MustExist = conditions.MustExist };
        return new ChangeSet(request.Caller.Principal, request.Caller.RequestId, reason, []) { Flags = [change] };
    }

    static FlagKey RouteKey(HttpContext context, WriteRequest request)
    {
        List<Problem>? problems = request.Problems;
        return FlagEndpoints.RouteKey(context, ref problems);
    }
}
