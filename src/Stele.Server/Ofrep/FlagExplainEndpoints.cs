using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Ofrep;

/// <summary>The way of an answer through its rule.</summary>
internal sealed class FlagExplainEndpoints(JournalNode journal, OfrepPast past)
{
    /// <summary><c>POST /v1/flags/explain</c></summary>
    public async Task Explain(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read, ref problems);
        if (!(await RequestBody.Read(context)).TryGet(out var bytes, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        ExplainBody body;
        using (bytes) body = ExplainBody.Parse(bytes.Bytes, problems ??= []);
        if (problems.Count > 0)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out fault)
            || !(await past.Of(snapshot, caller.Principal, body.Environment ?? caller.Principal.Environment, body.Revision, body.At, Problem.Body(body.Revision is null ? "/at" : "/revision", "", ""), context.RequestAborted)).TryGet(out var moment, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        await Explain(context, parameters.Consistency, moment, body);
    }

    static Task Explain(HttpContext context, Consistency consistency, OfrepMoment moment, ExplainBody body)
    {
        var state = moment.Snapshot.State;
        if (Authorisation.Check(state.Access, Caller.Of(context).Principal, Permission.FlagRead, moment.Environment, body.Flag) is { } forbidden) return HttpProblems.Write(context, forbidden);
        if (moment.Set is not { } set) return HttpProblems.Write(context, ConfigDecider.UnknownEnvironment(moment.Environment));
        Answer.Place(context.Response, moment.Snapshot, consistency);
        if (!set.Flags.Flags.TryGetValue(body.Flag, out var flag))
        {
            var message = $"There is no flag '{body.Flag}' in {moment.Environment}.";
            return HttpProblems.Write(context, new Fault(FaultCode.NotFound, message, [Problem.Body("/flag", "flag.unknown", message)]));
        }
        var trace = new FlagTrace();
        var answer = set.Flags.Explain(flag, body.Context, moment.At, trace);
        var json = new JsonText().Raw("{\"flag\":"u8).Text(flag.Name)
            .Raw(",\"environment\":"u8).Text(moment.Environment)
            .Raw(",\"at\":"u8).Time(moment.At)
            .Raw(",\"revision\":"u8).Number(set.Revision).Raw(","u8);
        FlagAnswerJson.Members(json, answer);
        if (answer.Rule is { } rule) json.Raw(",\"rule\":"u8).Text(rule);
        if (answer.Bucket is { } bucket) json.Raw(",\"bucket\":"u8).Number(bucket).Raw(",\"bucket_total\":"u8).Number(answer.BucketTotal);
        if (set.Flags.Killed || flag.Killed) json.Raw(",\"killed\":true"u8);
        if (trace.Root is { } root)
        {
            json.Raw(",\"path\":"u8);
            FlagAnswerJson.Part(json, root);
        }
        if (trace.Truncated) json.Raw(",\"truncated\":true"u8);
        return Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary>The body: which flag, for whom, where and when.</summary>
    readonly record struct ExplainBody(string Flag, FlagContext Context, string? Environment, Timestamp? At, long? Revision)
    {
        static readonly BodyMembers Members = new(required: ["flag"], optional: ["context", "env", "at", "revision"]);

        public static ExplainBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
        {
            var result = new ExplainBody("", FlagContext.Empty, null, null, null);
            var body = JsonBody.OfTransient(utf8, Members, problems);
            while (body.NextMember(out var name))
                result = name switch
                {
                    "flag" => result with { Flag = body.ReadString() ?? "" },
                    "context" => result with { Context = EvaluationBodies.Context(ref body, problems) },
                    "env" => result with { Environment = EvaluationBodies.Environment(ref body) },
                    "at" => result with { At = EvaluationBodies.Time(ref body) },
                    _ => result with { Revision = body.ReadInt64(1, long.MaxValue) },
                };
            return result;
        }
    }
}
