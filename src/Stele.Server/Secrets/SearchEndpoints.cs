using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>
/// An auditor who has a value asks whether it was ever here: found by its keyed hash, which stays when the value is destroyed. Few searches a
/// minute for an organization, all of them on record: who could ask without end could guess.
/// </summary>
internal sealed class SearchEndpoints(JournalNode journal, SecretSealer sealer, SecretWraps wraps, SecretRecords records)
{
    const int FoundMax = 100, MinuteSeconds = 60;

    static readonly BodyMembers Members = new(required: [], optional: ["value", "value_base64"]);

    /// <summary><c>POST /v1/audit/secrets</c></summary>
    public async Task Search(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        using (var value = Value(request.Body, request.Problems))
        {
            if ((fault = request.Refused) is not null || !(await Found(context, request.Caller, value!)).TryGet(out var found, out fault))
            {
                await HttpProblems.Write(context, fault);
                return;
            }
            var json = new JsonText().Raw("{\"found\":"u8).Boolean(found.Count > 0).Raw(",\"items\":["u8);
            foreach (var (index, one) in found.Take(FoundMax).Index())
                (index > 0 ? json.Raw(","u8) : json).Raw("{\"path\":\""u8).Ascii(one.Path).Raw("\",\"environment\":\""u8).Ascii(one.Environment).Raw("\",\"version\":"u8).Number(one.Version)
                    .Raw(",\"created_at\":"u8).Time(one.At).Raw(",\"destroyed\":"u8).Boolean(one.IsDestroyed).Raw("}"u8);
            await Answer.Send(context, json.Raw("],\"more\":"u8).Boolean(found.Count > FoundMax).Raw("}"u8));
        }
    }

    async Task<Outcome<List<FoundValue>>> Found(HttpContext context, Caller caller, SecretBuffer value)
    {
        var cancellation = context.RequestAborted;
        if (!(await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        if (Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.AuditRead, null, null) is { } forbidden)
            return await records.Require(context, SecretActions.Searched, null, "secret", null, forbidden, cancellation) ?? forbidden;
        if (!await wraps.CountSearch(caller.Org, cancellation))
        {
            var refused = new Fault(FaultCode.RateLimited, $"An organization asks at most {SecretLimits.SearchesPerMinute.Value} times a minute whether a value was here (limit {SecretLimits.SearchesPerMinute.Name}).", [], MinuteSeconds);
            return await records.Require(context, SecretActions.Searched, null, "secret", null, refused, cancellation) ?? refused;
        }
        if (!(await sealer.Digest(caller.Org, value, cancellation)).TryGet(out var digest, out fault)) return fault;
        var found = await wraps.Search(caller.Org, digest, FoundMax, cancellation);
        return await records.Require(context, SecretActions.Searched, null, "secret", found.Count == 0 ? "not found" : "found", null, cancellation) is { } unwritten ? unwritten : found;
    }

    static SecretBuffer? Value(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        SecretBuffer? value = null;
        var (before, named) = (problems.Count, 0);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
        {
            named++;
            value?.Dispose();
            value = name == "value" ? SecretBodies.Text(body.ReadStringToken(), ref body) : SecretBodies.Bytes(body.ReadStringToken(), ref body);
        }
        if (named != 1 && problems.Count == before) problems.Add(Problem.Body("", named == 0 ? "member.required" : "secret.value", "Name one of value, a string, and value_base64."));
        return value;
    }
}
