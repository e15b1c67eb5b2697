using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>
/// Wraps: who may read a value makes a token of it, for somebody else, who needs no right of it and takes it out once. The token is the right,
/// besides being somebody in this organization at all. A second attempt is an alarm: one of the two was not meant to.
/// </summary>
internal sealed class WrapEndpoints(JournalNode journal, SecretReads secrets, SecretWraps wraps, SecretRecords records)
{
    const int SecondsDefault = 300;

    static readonly BodyMembers WrapMembers = new(required: [], optional: ["ttl_seconds", "version"]);
    static readonly BodyMembers UnwrapMembers = new(required: ["wrap_token"], optional: []);

    /// <summary><c>POST /v1/secrets/{path}/wrap</c></summary>
    public async Task Wrap(HttpContext context)
    {
        if (!(await SecretWriteEndpoints.ReadOptional(context)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var path = SecretWriteEndpoints.RoutePath(context, request);
            var (seconds, version) = request.Body.Length == 0 ? (SecondsDefault, null) : Parse(request.Body, request.Problems);
            if ((fault = request.Refused) is not null || !(await Wrapped(context, request, path, version, seconds)).TryGet(out var json, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            context.Response.Headers.CacheControl = "no-store";
            await Answer.Send(context, json);
        }
    }

    async Task<Outcome<JsonText>> Wrapped(HttpContext context, WriteRequest request, SecretPath path, int? version, int seconds)
    {
        var (caller, cancellation) = (request.Caller, context.RequestAborted);
        if (!(await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        var name = request.Parameters.Env?.Text ?? snapshot.State.DefaultEnvironment;
        var found = await Found(snapshot.State, caller.Principal, name, path, version, cancellation);
        if (!found.TryGet(out var entry, out fault)) return await records.Require(context, SecretActions.Wrapped, name, $"secret/{name}/{path}", null, fault, cancellation) ?? fault;
        var token = SecretWraps.NewToken();
        if (await wraps.Add(caller.Org, SecretWraps.HashOf(token)!, name!, entry, caller.Principal.ActorId, seconds, cancellation) is not { } endsAt)
            return new Fault(FaultCode.QuotaExceeded, $"An organization has at most {SecretLimits.OpenWraps.Value} wraps that nobody has opened (limit {SecretLimits.OpenWraps.Name}).",
                [Problem.Body("", SecretLimits.OpenWraps.Name, "Wait until some are opened or have ended.")]);
        if (await records.Require(context, SecretActions.Wrapped, name, $"secret/{name}/{path}", $"version {entry.Version}, until {endsAt}", null, cancellation) is { } unwritten) return unwritten;
        return new JsonText().Raw("{\"wrap_token\":\""u8).Ascii(token).Raw("\",\"expires_at\":"u8).Time(endsAt)
            .Raw(",\"path\":\""u8).Ascii(entry.Path).Raw("\",\"environment\":\""u8).Ascii(name!).Raw("\",\"version\":"u8).Number(entry.Version).Raw("}"u8);
    }

    async ValueTask<Outcome<SecretEntry>> Found(OrgState state, Principal principal, string? name, SecretPath path, int? version, CancellationToken cancellation)
    {
        if (Authorisation.Check(state.Access, principal, Permission.SecretRead, name, path.Text) is { } forbidden) return forbidden;
        if (!ConfigView.Environment(state, name).TryGet(out var environment, out var fault)) return fault;
        if (!(await secrets.Find(state.Org, environment, path.Text, version, evenDeleted: false, cancellation)).TryGet(out var entry, out fault)) return fault;
        return secrets.Refused(environment.Name, entry) is { } refused ? refused : entry;
    }

    /// <summary><c>POST /v1/unwrap</c></summary>
    public async Task Unwrap(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var token = Token(request.Body, request.Problems);
            if ((fault = request.Refused) is not null || !(await Unwrapped(context, request.Caller, token!)).TryGet(out var taken, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            using (taken.Value)
            {
                var json = new JsonText().Raw("{\"path\":\""u8).Ascii(taken.Wrap.Path).Raw("\",\"environment\":\""u8).Ascii(taken.Wrap.Environment).Raw("\",\"version\":"u8).Number(taken.Wrap.Version);
                await SecretAnswer.Send(context, json, taken.Value, taken.IsText);
            }
        }
    }

    // opened before it is used up, so that a key provider that is away costs nobody his wrap; used up and on record before it leaves
    async Task<Outcome<(SecretWrap Wrap, SecretBuffer Value, bool IsText)>> Unwrapped(HttpContext context, Caller caller, string token)
    {
        var cancellation = context.RequestAborted;
        if (!(await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        if (snapshot.State.Access.RightsOf(caller.Principal).Status is RightsStatus.Unknown or RightsStatus.Suspended) return Authorisation.NotKnown;
        if (SecretWraps.HashOf(token) is not { } hash || await wraps.Find(caller.Org, hash, cancellation) is not { } wrap)
            return await Refused(context, null, SecretActions.Unwrapped, new Fault(FaultCode.NotFound, "There is no such wrap.", [Problem.Body("/wrap_token", "wrap.unknown", "This organization has no wrap of this token.")]));
        if (wrap.OpenedAt is not null) return await Twice(context, wrap);
        if (wrap.HasEnded) return await Refused(context, wrap, SecretActions.Unwrapped, Ended(wrap));
        if (!(await Value(snapshot.State, wrap, cancellation)).TryGet(out var opened, out fault))
            return await Refused(context, wrap, fault.Code == FaultCode.Integrity ? SecretActions.Integrity : SecretActions.Unwrapped, fault);
        if (!await wraps.Open(caller.Org, hash, caller.Principal.ActorId, CancellationToken.None))
        {
            opened.Value.Dispose();
            return await wraps.Find(caller.Org, hash, cancellation) is { OpenedAt: not null } faster ? await Twice(context, faster) : await Refused(context, wrap, SecretActions.Unwrapped, Ended(wrap));
        }
        if (await records.Require(context, SecretActions.Unwrapped, wrap.Environment, wrap.Target, $"version {wrap.Version}", null, cancellation) is not { } unwritten) return (wrap, opened.Value, opened.IsText);
        opened.Value.Dispose();
        return unwritten;
    }

    async ValueTask<Outcome<(SecretBuffer Value, bool IsText)>> Value(OrgState state, SecretWrap wrap, CancellationToken cancellation)
    {
        if (!ConfigView.Environment(state, wrap.Environment).TryGet(out var environment, out var fault)
            || !(await secrets.Find(state.Org, environment, wrap.Path, wrap.Version, evenDeleted: false, cancellation)).TryGet(out var entry, out fault)
            || !(await secrets.Value(state, wrap.Environment, entry, cancellation)).TryGet(out var value, out fault))
            return fault.Code is FaultCode.NotFound or FaultCode.Gone
                ? new Fault(FaultCode.Gone, "The value that was wrapped is not given out any more.", [Problem.Body("/wrap_token", "wrap.value", "It has ended, or was deleted or destroyed.")]) : fault;
        return (value, entry.IsText);
    }

    async ValueTask<Fault> Twice(HttpContext context, SecretWrap wrap)
    {
        records.UnwrappedTwice(context, wrap);
        return await Refused(context, wrap, SecretActions.UnwrappedTwice, new Fault(FaultCode.Gone, $"This wrap was opened at {wrap.OpenedAt}, by {wrap.OpenedBy}. If that was not you, have the secret rotated.",
            [Problem.Body("/wrap_token", "wrap.used", $"It was opened at {wrap.OpenedAt}.")]));
    }

    async ValueTask<Fault> Refused(HttpContext context, SecretWrap? wrap, string action, Fault fault) =>
        await records.Require(context, action, wrap?.Environment, wrap?.Target ?? "secret", wrap?.OpenedAt is { } at ? $"version {wrap.Version}, opened at {at} by {wrap.OpenedBy}" : null, fault, context.RequestAborted) ?? fault;

    static Fault Ended(SecretWrap wrap) => new(FaultCode.Gone, $"This wrap ended at {wrap.EndsAt}.", [Problem.Body("/wrap_token", "wrap.expired", $"It ended at {wrap.EndsAt}.")]);

    static (int Seconds, int? Version) Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var (seconds, version) = (SecondsDefault, (int?)null);
        var body = new JsonBody(utf8, WrapMembers, problems);
        while (body.NextMember(out var name))
            if (name == "version") version = (int?)body.ReadInt64(1, int.MaxValue);
            else seconds = (int)(body.ReadInt64(1, SecretLimits.WrapSeconds.Value) ?? SecondsDefault);
        return (seconds, version);
    }

    static string? Token(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        string? token = null;
        var body = new JsonBody(utf8, UnwrapMembers, problems);
        while (body.NextMember(out _)) token = body.ReadString();
        return token;
    }
}
