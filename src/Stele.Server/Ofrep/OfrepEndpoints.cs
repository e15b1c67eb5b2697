using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Ofrep;

/// <summary>The two requests of the OpenFeature remote evaluation protocol.</summary>
internal sealed class OfrepEndpoints(JournalNode journal, OfrepPast past, OfrepUse use, OfrepStreams streams, TimeProvider time)
{
    const Parameter Parameters = Parameter.Env | Parameter.Read | Parameter.At | Parameter.Revision | Parameter.FlagConfigEtag | Parameter.FlagConfigLastModified;

    // a flag's answer, and what stands around all
    const int FlagBytes = 192, AroundBytes = 512;

    // between two looks at the clock
    const int FlagsAtOnce = 64;

    /// <summary><c>POST /ofrep/v1/evaluate/flags/{key}</c></summary>
    public async Task Single(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameters, ref problems);
        var reading = Reading(parameters, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await RequestBody.ReadAny(context, OfrepLimits.BodyBytes)).TryGet(out var body, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (body)
        {
            var caller = Caller.Of(context);
            // not the request's token, whose source would be one more allocation: a head check has a bound of its own
            var read = await journal.Read(caller.Org, reading, CancellationToken.None);
            if (!read.TryGet(out var snapshot, out fault)
                || !(parameters.IsPast ? await past.Of(snapshot, Caller.Of(context).Principal, parameters, context.RequestAborted) : Now(snapshot, parameters)).TryGet(out var moment, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            await Single(context, moment, parameters.Consistency, body.Bytes);
        }
    }

    Task Single(HttpContext context, OfrepMoment moment, Consistency consistency, ReadOnlySpan<byte> body)
    {
        var (caller, state) = (Caller.Of(context), moment.Snapshot.State);
        var key = OfrepProblems.KeyOf(context) ?? "";
        if (Authorisation.Check(state.Access, caller.Principal, Permission.FlagRead, moment.Environment, key) is { } forbidden) return HttpProblems.Write(context, forbidden);
        if (moment.Set is not { } set) return HttpProblems.Write(context, ConfigDecider.UnknownEnvironment(moment.Environment));
        Answer.Place(context.Response, moment.Snapshot, consistency);
        if (OfrepBody.Find(body, out var utf8) is { } broken) return OfrepProblems.Write(context, broken.Code, broken.Details);
        if (set.Find(key) is not { } flag) return OfrepProblems.Write(context, FlagErrorCode.FlagNotFound, $"There is no flag '{key}' in {moment.Environment}.");
        // an answer that is the same for everybody still says when a context is none
        if (OfrepBody.Read(utf8, out var subject) is { } invalid) return OfrepProblems.Write(context, invalid.Code, invalid.Details);
        use.Count(caller.Org, moment, 1);
        var json = new JsonText(AroundBytes);
        if (flag.IsStatic)
        {
            use.Count(caller.Org, moment, flag, flag.StaticVariant);
            flag.WriteStatic(json);
            return Answer.Send(context, json);
        }
        var answer = set.Flags.Evaluate(flag.Flag, subject, moment.At);
        use.Count(caller.Org, moment, flag, answer.Variant);
        flag.Write(json, answer);
        if (answer.Error == FlagErrorCode.None) return Answer.Send(context, json);
        caller.Refusal = new Fault(FaultCode.Invalid, $"{answer.Error.Name()}: {answer.Message}");
        return Answer.Send(context, json, StatusCodes.Status400BadRequest);
    }

    /// <summary><c>POST /ofrep/v1/evaluate/flags</c></summary>
    public async Task Bulk(HttpContext context)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, Parameters, ref problems);
        var reading = Reading(parameters, ref problems);
        if (problems is not null)
        {
            await HttpProblems.Write(context, Fault.Invalid(problems));
            return;
        }
        if (!(await RequestBody.ReadAny(context, OfrepLimits.BodyBytes)).TryGet(out var body, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (body)
        {
            var read = await journal.Read(Caller.Of(context).Org, reading, CancellationToken.None);
            if (!read.TryGet(out var snapshot, out fault)
                || !(parameters.IsPast ? await past.Of(snapshot, Caller.Of(context).Principal, parameters, context.RequestAborted) : Now(snapshot, parameters)).TryGet(out var moment, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            await Bulk(context, moment, parameters.Consistency, body.Bytes);
        }
    }

    Task Bulk(HttpContext context, OfrepMoment moment, Consistency consistency, ReadOnlySpan<byte> body)
    {
        var (caller, state) = (Caller.Of(context), moment.Snapshot.State);
        if (Authorisation.CheckSome(state.Access, caller.Principal, Permission.FlagRead, moment.Environment) is { } forbidden) return HttpProblems.Write(context, forbidden);
        if (moment.Set is not { } set) return HttpProblems.Write(context, ConfigDecider.UnknownEnvironment(moment.Environment));
        Answer.Place(context.Response, moment.Snapshot, consistency);
        if (OfrepBody.Find(body, out var utf8) is { } broken) return OfrepProblems.Write(context, broken.Code, broken.Details);
        var visible = set.VisibleTo(caller.Principal.IsRoot ? Rights.Everything : state.Access.RightsOf(caller.Principal));
        var tag = OfrepTag.Of(state, set, visible, moment.At, utf8, moment.IsPast ? 0 : streams.Window);
        var ifNoneMatch = context.Request.Headers.IfNoneMatch;
        if (ifNoneMatch.Count > 0 && OfrepTag.IsIn(ifNoneMatch, tag))
        {
            // the same bytes were a context before, and got these answers
            context.Response.Headers.ETag = tag;
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }
        if (OfrepBody.Read(utf8, out var subject) is { } invalid) return OfrepProblems.Write(context, invalid.Code, invalid.Details);
        context.Response.Headers.ETag = tag;
        var json = new JsonText(AroundBytes + FlagBytes * visible.Flags.Length).Raw("{\"flags\":["u8);
        if (!Evaluate(json, caller, moment, set, visible, subject))
        {
            json.Dispose();
            context.Response.Headers.Remove("ETag");
            return HttpProblems.Write(context, Fault.Unavailable("The flags of this environment take longer to evaluate than a request may; ask for single ones."));
        }
        json.Raw("]"u8);
        if (!moment.IsPast) streams.Write(json, context, caller, moment.Environment);
        json.Raw(",\"metadata\":{"u8).Raw(set.Metadata).Raw("\"revision\":"u8).Number(set.Revision).Raw("}}"u8);
        return Answer.Send(context, json);
    }

    /// <summary>Every flag's answer; false: it takes too long.</summary>
    bool Evaluate(JsonText json, Caller caller, OfrepMoment moment, OfrepSet set, OfrepVisible visible, FlagContext subject)
    {
        var (began, flags) = (time.GetTimestamp(), visible.Flags);
        for (var i = 0; i < flags.Length; i++)
        {
            if (i > 0) json.Raw(","u8);
            var flag = flags[i];
            if (flag.IsStatic)
            {
                use.Count(caller.Org, moment, flag, flag.StaticVariant);
                flag.WriteStatic(json);
                continue;
            }
            // each flag's work is bounded, and there may be many
            if (i % FlagsAtOnce == FlagsAtOnce - 1 && time.GetElapsedTime(began) > OfrepFeature.EvaluationTime) return false;
            var answer = set.Flags.Evaluate(flag.Flag, subject, moment.At);
            use.Count(caller.Org, moment, flag, answer.Variant);
            flag.Write(json, answer);
        }
        use.Count(caller.Org, moment, flags.Length);
        return true;
    }

    Outcome<OfrepMoment> Now(Snapshot snapshot, in RequestParameters parameters)
    {
        var state = snapshot.State;
        var name = parameters.Env?.Text ?? state.DefaultEnvironment ?? "";
        return new OfrepMoment(snapshot, name, state.Environment(name) is { } environment ? OfrepSet.Of(environment.Flags, name) : null, Timestamp.From(time.GetUtcNow()), IsPast: false);
    }

    /// <summary>How fresh it must be: at least as fresh as an event that the client was told of.</summary>
    static ReadOptions Reading(in RequestParameters parameters, ref List<Problem>? problems)
    {
        var reading = parameters.Reading;
        if (parameters.FlagConfigEtag is not { } text) return reading;
        if (OfrepTag.TryPlace(text, out var place)) return reading.MinCursor is { } given && given.Revision > place.Revision ? reading : reading with { MinCursor = place };
        (problems ??= []).Add(Problem.Query("flagConfigEtag", "cursor.malformed", "This is neither the etag of an event nor that of an answer."));
        return reading;
    }
}

/// <summary>What is evaluated, and for when.</summary>
/// <param name="Snapshot">The state that answers: it says who may read.</param>
/// <param name="Environment">The environment's name.</param>
/// <param name="Set">Its flags; null: there is no such environment.</param>
/// <param name="At">The moment for which they are evaluated.</param>
/// <param name="IsPast">Whether another moment than now was asked for.</param>
internal sealed record OfrepMoment(Snapshot Snapshot, string Environment, OfrepSet? Set, Timestamp At, bool IsPast);
