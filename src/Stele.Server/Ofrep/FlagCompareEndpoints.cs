using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Json;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Ofrep;

/// <summary>Which flags answer somebody differently at two moments or in two environments.</summary>
internal sealed class FlagCompareEndpoints(JournalNode journal, OfrepPast past, TimeProvider time)
{
    /// <summary><c>POST /v1/flags/compare</c></summary>
    public async Task Compare(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameter.Read, ref problems);
        if (!(await RequestBody.Read(context)).TryGet(out var bytes, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        CompareBody body;
        using (bytes) body = CompareBody.Parse(bytes.Bytes, problems ??= []);
        if (problems.Count > 0)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        var caller = Caller.Of(context);
        if (!(await journal.Read(caller.Org, parameters.Reading, CancellationToken.None)).TryGet(out var snapshot, out fault)
            || !(await Side(context, snapshot, body.From, "/from")).TryGet(out var from, out fault)
            || !(await Side(context, from.Snapshot, body.To, "/to")).TryGet(out var to, out fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        Answer.Place(context.Response, to.Snapshot, parameters.Consistency);
        await (Compared(caller.Principal, from, to, body.Context) is { } json ? Answer.Send(context, json)
            : HttpProblems.Write(context, Fault.Unavailable("The flags of these environments take longer to evaluate than a request may.")));
    }

    async ValueTask<Outcome<OfrepMoment>> Side(HttpContext context, Snapshot snapshot, FlagSide side, string pointer)
    {
        var found = await past.Of(snapshot, Caller.Of(context).Principal, side.Environment, side.Revision, side.At, Problem.Body(pointer, "", ""), context.RequestAborted);
        return found.Fault is null && found.Value.Set is null ? ConfigDecider.UnknownEnvironment(side.Environment) : found;
    }

    // null: it takes too long
    JsonText? Compared(Principal principal, OfrepMoment from, OfrepMoment to, FlagContext subject)
    {
        var began = time.GetTimestamp();
        var access = to.Snapshot.State.Access;
        var rights = principal.IsRoot ? Rights.Everything : access.RightsOf(principal);
        var json = new JsonText().Raw("{\"from\":"u8);
        WriteSide(json, from);
        WriteSide(json.Raw(",\"to\":"u8), to);
        json.Raw(",\"items\":["u8);
        var count = 0;
        var names = from.Set!.Flags.Flags.Select(flag => flag.Name).Concat(to.Set!.Flags.Flags.Select(flag => flag.Name)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);
        foreach (var name in names)
        {
            // on both sides, or a flag that is hidden on one would seem to be added or removed
            if (!rights.Allows(Permission.FlagRead, from.Environment, name) || !rights.Allows(Permission.FlagRead, to.Environment, name)) continue;
            if (time.GetElapsedTime(began) > OfrepFeature.EvaluationTime)
            {
                json.Dispose();
                return null;
            }
            var (before, after) = (from.Set.Flags.Evaluate(name, subject, from.At), to.Set.Flags.Evaluate(name, subject, to.At));
            if (IsSame(before, after)) continue;
            if (count++ > 0) json.Raw(","u8);
            json.Raw("{\"flag\":"u8).Text(name);
            WriteAnswer(json.Raw(",\"from\":"u8), before);
            WriteAnswer(json.Raw(",\"to\":"u8), after);
            json.Raw("}"u8);
        }
        return json.Raw("]}"u8);
    }

    // what a caller gets is a value; by which variant, or why, is not a difference to him
    static bool IsSame(in FlagAnswer a, in FlagAnswer b) => a.Error == b.Error && (a.Flag is null) == (b.Flag is null)
        && (a.Variant is null) == (b.Variant is null) && (a.Variant is null || (a.Variant.Name == b.Variant!.Name && a.Variant.Value.AsSpan().SequenceEqual(b.Variant.Value)));

    static void WriteSide(JsonText json, OfrepMoment side) =>
        json.Raw("{\"environment\":"u8).Text(side.Environment).Raw(",\"revision\":"u8).Number(side.Set!.Revision).Raw(",\"at\":"u8).Time(side.At).Raw("}"u8);

    static void WriteAnswer(JsonText json, in FlagAnswer answer)
    {
        if (answer.Flag is null)
        {
            json.Raw("null"u8);
            return;
        }
        FlagAnswerJson.Members(json.Raw("{"u8), answer);
        json.Raw("}"u8);
    }

    /// <summary>The body: for whom, and between what.</summary>
    readonly record struct CompareBody(FlagContext Context, FlagSide From, FlagSide To)
    {
        static readonly BodyMembers Members = new(required: ["from", "to"], optional: ["context"]);

        public static CompareBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
        {
            var result = new CompareBody(FlagContext.Empty, default, default);
            var body = JsonBody.OfTransient(utf8, Members, problems);
            while (body.NextMember(out var name))
                result = name switch
                {
                    "from" => result with { From = EvaluationBodies.Side(ref body) },
                    "to" => result with { To = EvaluationBodies.Side(ref body) },
                    _ => result with { Context = EvaluationBodies.Context(ref body, problems) },
                };
            return result;
        }
    }
}
