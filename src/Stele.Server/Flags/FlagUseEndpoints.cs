using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Usage;

namespace Stele.Server.Flags;

/// <summary>What evaluators in processes of their own tell of what they did.</summary>
internal sealed class FlagUseEndpoints(JournalNode journal, FlagUse use, UsageCounters usage, TimeProvider time)
{
    const long CountMax = 1L << 40;
    static readonly BodyMembers Members = new(required: ["items"], optional: []);
    static readonly BodyMembers ItemMembers = new(required: ["flag", "count"], optional: ["variant", "last_evaluated_at"]);

    /// <summary>
    /// <c>POST /v1/flags/usage</c>: counts since the last report. What is not there (any more) is named in the answer, and counts for
    /// nothing: a report comes late by nature.
    /// </summary>
    public async Task Report(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.Env)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var items = Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), context.RequestAborted);
            if (!read.TryGet(out var snapshot, out fault) || (fault = ConfigView.Refused(snapshot.State, request.Caller.Principal, Permission.FlagRead, request.Parameters.Env?.Text, null)) is not null
                || !ConfigView.Environment(snapshot.State, request.Parameters.Env?.Text).TryGet(out var environment, out fault))
            {
                await HttpProblems.Write(context, fault!);
                return;
            }
            var rights = snapshot.State.Access.RightsOf(request.Caller.Principal);
            var (now, org) = (Timestamp.From(time.GetUtcNow()), use.Of(request.Caller.Org));
            var unknown = new List<string>();
            long total = 0;
            foreach (var item in items)
            {
                // what he may not read is as if it were not there
                if (!rights.Allows(Permission.FlagRead, environment.Name, item.Flag) || !environment.Flags.Set.Flags.TryGetValue(item.Flag, out var flag)
                    || (item.Variant is { } variant && flag.Definition.Variant(variant) is null))
                {
                    unknown.Add(item.Flag);
                    continue;
                }
                org.Add(new FlagUseKey(environment.Name, flag.Name, item.Variant ?? ""), item.Count, item.LastAt is { } at && at < now ? at : now);
                total += item.Count;
            }
            org.Reported(environment.Name);
            usage.Of(request.Caller.Org).AddEvaluations(total);
            var json = new JsonText().Raw("{\"accepted\":"u8).Number(items.Count - unknown.Count).Raw(",\"unknown\":["u8);
            foreach (var (index, one) in unknown.Distinct().Index()) (index > 0 ? json.Raw(","u8) : json).Text(one);
            await Answer.Send(context, json.Raw("]}"u8));
        }
    }

    static List<(string Flag, string? Variant, long Count, Timestamp? LastAt)> Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var items = new List<(string, string?, long, Timestamp?)>();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out _))
        {
            body.BeginArray();
            while (body.NextItem())
            {
                (string Flag, string? Variant, long Count, Timestamp? LastAt) item = ("", null, 0, null);
                body.BeginObject(ItemMembers);
                while (body.NextMember(out var member))
                    switch (member)
                    {
                        case "flag": item.Flag = body.ReadString() ?? ""; break;
                        case "variant" when body.TryReadNull(): break;
                        case "variant": item.Variant = body.ReadString(); break;
                        case "count": item.Count = body.ReadInt64(1, CountMax) ?? 0; break;
                        default:
                            if (Timestamp.TryParse(body.ReadString(), out var at)) item.LastAt = at;
                            else body.Refuse("time", "A time is one of RFC 3339, such as 2026-01-31T14:03:00Z.");
                            break;
                    }
                if (items.Count < SteleLimits.ChangeSetChanges.Value) items.Add(item);
                else if (items.Count == SteleLimits.ChangeSetChanges.Value) problems.Add(Problem.Body("/items", "items.count", $"A report has at most {SteleLimits.ChangeSetChanges.Value} items."));
            }
        }
        return items;
    }
}
