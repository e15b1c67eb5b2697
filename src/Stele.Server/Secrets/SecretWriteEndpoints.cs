using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>Writes of one secret. No answer shows a value, and each is made from the revision that was written, so that a retry with the same idempotency key gets the same one.</summary>
internal sealed class SecretWriteEndpoints(JournalNode journal, SecretQueries queries, SecretWrites writes, SecretDestructions destructions, TimeProvider time)
{
    /// <summary><c>PUT /v1/secrets/{path}</c></summary>
    public Task Put(HttpContext context) => Set(context, SecretBody.Parse);

    /// <summary><c>POST /v1/secrets/{path}/generate</c></summary>
    public Task Generate(HttpContext context) => Set(context, SecretBody.Generate);

    delegate SecretBody Parser(ReadOnlySpan<byte> utf8, Timestamp now, List<Problem> problems);

    async Task Set(HttpContext context, Parser parse)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var path = RoutePath(context, request);
            using var body = parse(request.Body, Timestamp.From(time.GetUtcNow()), request.Problems);
            var change = new SecretChange
            {
                Op = ChangeOp.Set, Environment = request.Parameters.Env, Path = path, ExpectedVersion = body.ExpectedVersion, ExpiresAt = body.ExpiresAt, Metadata = body.Metadata,
                RotationDays = body.RotationDays, NamesRotation = body.NamesRotation,
            };
            if (!(await Command(request, context, change, body.Value, body.IsText, body.ChangeLog)).TryGet(out var command, out fault)
                || !(await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            await AnswerEntry(context, applied, Set(applied));
        }
    }

    /// <summary><c>DELETE /v1/secrets/{path}</c></summary>
    public async Task Delete(HttpContext context)
    {
        using var request = WriteRequest.WithoutBody(context, Parameter.Env | Parameter.ExpectedVersion | Parameter.ChangeLog);
        var change = new SecretChange { Op = ChangeOp.Delete, Environment = request.Parameters.Env, Path = RoutePath(context, request), ExpectedVersion = request.Parameters.ExpectedVersion };
        if (!(await Command(request, context, change, null, false, request.Parameters.ChangeLog)).TryGet(out var command, out var fault)
            || !(await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
        {
            await HttpProblems.Write(context, WriteRequest.InQuery(fault));
            return;
        }
        var (record, deleted) = (applied.Record!, (SecretDeleted)applied.Record!.Events[0].Payload!);
        Answer.Place(context.Response, new JournalPlace(record.Revision, record.Chain));
        await Answer.Send(context, new JsonText().Raw("{\"path\":\""u8).Ascii(deleted.Path).Raw("\",\"environment\":\""u8).Ascii(deleted.Environment)
            .Raw("\",\"version\":"u8).Number(deleted.Version).Raw(",\"revision\":"u8).Number(record.Revision).Raw(",\"deleted\":true}"u8));
    }

    /// <summary><c>POST /v1/secrets/{path}/undelete</c></summary>
    public async Task Undelete(HttpContext context)
    {
        if (!(await ReadOptional(context)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var path = RoutePath(context, request);
            var reason = request.Body.Length == 0 ? null : SecretBodies.Reason(request.Body, request.Problems);
            if ((fault = request.Refused) is not null
                || !(await journal.Append(request.Caller.Org, new UndeleteSecret(request.Caller.Principal, request.Caller.RequestId, reason, request.Parameters.Env, path), request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var back = (SecretUndeleted)applied.Record!.Events[0].Payload!;
            var versions = await queries.History(request.Caller.Org, back.Environment, back.Path, back.Version + 1, 1, CancellationToken.None);
            await AnswerEntry(context, applied, (back.Environment, versions[0].Entry));
        }
    }

    /// <summary><c>POST /v1/secrets/{path}/destroy</c></summary>
    public async Task Destroy(HttpContext context)
    {
        if (!(await ReadOptional(context)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var path = RoutePath(context, request);
            var (named, reason) = request.Body.Length == 0 ? (null, null) : SecretBodies.Destroy(request.Body, request.Problems);
            if ((fault = request.Refused) is not null
                || !(await Listed(context, request, path, named, reason)).TryGet(out var command, out fault)
                || !(await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None)).TryGet(out var applied, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            destructions.Add(request.Caller.Org, command.Versions.Select(version => version.ValueId));
            Answer.Place(context.Response, applied.Record is { } record ? new JournalPlace(record.Revision, record.Chain) : applied.State.Place);
            var json = new JsonText().Raw("{\"path\":\""u8).Ascii(path.Text).Raw("\",\"destroyed\":["u8);
            foreach (var (index, version) in command.Versions.Select(version => version.Version).Order().Index()) (index > 0 ? json.Raw(","u8) : json).Number(version);
            await Answer.Send(context, json.Raw("],\"revision\":"u8).Number(applied.Record?.Revision ?? applied.State.Revision).Raw("}"u8));
        }
    }

    /// <summary>The values of the versions that are named, or of all. Ids of values never change, so that they can be read before it is decided.</summary>
    async Task<Outcome<DestroySecret>> Listed(HttpContext context, WriteRequest request, SecretPath path, List<int>? named, string? reason)
    {
        var caller = request.Caller;
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), context.RequestAborted);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (ConfigView.Refused(snapshot.State, caller.Principal, Permission.SecretWrite, request.Parameters.Env?.Text, path.Text) is { } forbidden) return forbidden;
        if (!ConfigView.Environment(snapshot.State, request.Parameters.Env?.Text).TryGet(out var environment, out fault)) return fault;
        if (environment.Secrets.Ever(path.Text) is not { } entry) return SecretDecider.Unknown(path.Text, environment.Name);
        var found = new List<(int, Guid)>();
        for (var below = entry.Version + 1; below > 1;)
        {
            var page = await queries.History(caller.Org, environment.Name, path.Text, below, 1_000, context.RequestAborted);
            if (page.Count == 0) break;
            found.AddRange(page.Where(version => version.Kind != "deleted" && !version.Entry.IsDestroyed && named?.Contains(version.Entry.Version) != false).Select(version => (version.Entry.Version, version.Entry.ValueId)));
            below = page[^1].Entry.Version;
        }
        if (named?.Find(version => version > entry.Version) is > 0 and var missing)
            return Fault.Invalid(Problem.Body("/versions", "version.unknown", $"{path} has no version {missing} in {environment.Name}; the last is {entry.Version}."));
        return new DestroySecret(caller.Principal, caller.RequestId, reason, EnvironmentName.Parse(environment.Name, null), path, found) { AllUpTo = named is null ? entry.Version : null };
    }

    static (string, SecretEntry) Set(Applied applied)
    {
        var record = applied.Record!;
        return (((SecretSet)record.Events[0].Payload!).Environment, SecretDecider.Evolve(null, record, record.Events[0]));
    }

    async Task AnswerEntry(HttpContext context, Applied applied, (string Environment, SecretEntry Entry) written)
    {
        Answer.Place(context.Response, new JournalPlace(applied.Record!.Revision, applied.Record.Chain));
        context.Response.Headers.ETag = EntityTag.Of(written.Entry.Version, applied.State.Incarnation).ToString();
        await Answer.Send(context, SecretJson.Open(new JsonText(), written.Environment, written.Entry, Timestamp.From(time.GetUtcNow())).Raw("}"u8));
    }

    /// <summary>One change, encrypted, unless something is wrong with the request.</summary>
    async Task<Outcome<ChangeSet>> Command(WriteRequest request, HttpContext context, SecretChange change, SecretBuffer? value, bool isText, string? reason)
    {
        var conditions = Preconditions.Parse(context.Request, request.Problems);
        if (conditions.Any && change.ExpectedVersion is not null)
            request.Problems.Add((change.Op == ChangeOp.Set ? Problem.Body("/expected_version", "precondition.both", "") : Problem.Query("expected_version", "precondition.both", ""))
                with { Message = "Give expected_version or If-Match or If-None-Match, not two of them." });
        if (request.Refused is { } refused) return refused;
        if (conditions.Incarnation is { } tagged)
        {
            var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), CancellationToken.None);
            if (!read.TryGet(out var snapshot, out var unread)) return unread;
            if (tagged != EntityTag.Of(0, snapshot.State.Incarnation).Incarnation)
                return new Fault(FaultCode.PreconditionFailed, "If-Match is a tag of another history of the database.",
                    [Problem.Header("If-Match", "if_match", "This tag is from before a restore or a fail-over that lost writes.")]);
        }
        if (conditions.Any) change = change with { ExpectedVersion = conditions.Version, ExpectedByHeader = true, MustExist = conditions.MustExist };
        if (!(await writes.Prepare(request, [new PlainChange(change, value, isText)], context.RequestAborted)).TryGet(out var changes, out var fault)) return fault;
        return new ChangeSet(request.Caller.Principal, request.Caller.RequestId, reason, []) { Secrets = changes };
    }

    /// <summary>A POST that needs nothing more than its address.</summary>
    public static async ValueTask<Outcome<WriteRequest>> ReadOptional(HttpContext context) =>
        context.Request.ContentLength is null or 0 && context.Request.Headers.TransferEncoding.Count == 0 ? WriteRequest.WithoutBody(context, Parameter.Env) : await WriteRequest.Read(context, Parameter.Env);

    /// <summary>The path of the address; its problem joins the others.</summary>
    public static SecretPath RoutePath(HttpContext context, WriteRequest request)
    {
        List<Problem>? problems = request.Problems;
        return SecretEndpoints.RoutePath(context, ref problems);
    }
}
