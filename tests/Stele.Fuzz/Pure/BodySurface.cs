using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Server.Access;
using Stele.Server.Configs;
using Stele.Server.Flags;
using Stele.Server.Ofrep;
using Stele.Server.Orgs;
using Stele.Server.Watch;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Bodies of every operation, by the contract: read or refused with reasons, and change sets decided, applied and read back.</summary>
internal static class BodySurface
{
    static readonly Timestamp now = new(1_796_000_000L * 1_000_000);

    // how each body is read, by its operation
    static readonly Dictionary<string, Func<byte[], List<Problem>, object?>> readers = new(StringComparer.Ordinal)
    {
        ["PUT /v1/config/{key}"] = (body, problems) => SetBody.Parse(body, problems),
        ["POST /v1/config/{key}/rollback"] = (body, problems) => RollbackBody.Parse(body, problems),
        ["POST /v1/changes"] = (body, problems) => ChangeBody.Parse(body, null, now, problems),
        ["POST /v1/rollback"] = (body, problems) => RestoreBody.Parse(body, problems),
        ["POST /v1/orgs"] = (body, problems) => NewOrgBody.Parse(body, problems),
        ["PATCH /v1/settings"] = (body, problems) => SettingsBody.Parse(body, problems),
        ["POST /v1/environments"] = (body, problems) => EnvironmentBody.Parse(body, isNew: true, problems),
        ["PATCH /v1/environments/{name}"] = (body, problems) => EnvironmentBody.Parse(body, isNew: false, problems),
        ["POST /v1/environments/reorder"] = (body, problems) => OrderBody.Parse(body, problems),
        ["POST /v1/tokens"] = (body, problems) => TokenBody.Parse(body, problems),
        ["POST /v1/users"] = (body, problems) => MemberBody.Parse(body, isUser: true, isNew: true, problems),
        ["PUT /v1/users/{id}"] = (body, problems) => MemberBody.Parse(body, isUser: true, isNew: false, problems),
        ["POST /v1/service-accounts"] = (body, problems) => MemberBody.Parse(body, isUser: false, isNew: true, problems),
        ["PUT /v1/roles/{name}"] = (body, problems) => RoleBody.Parse(body, problems),
        ["PUT /v1/flags/{name}"] = (body, problems) => FlagBody.Parse(body, FlagKey.Stored("flag-a"), problems),
        ["POST /v1/flags/copy"] = (body, problems) => FlagCopyBody.Parse(body, problems),
        ["POST /ofrep/v1/evaluate/flags"] = (body, _) => Evaluated(body),
    };

    static readonly string[] operations = [.. readers.Keys, "POST /v1/changes", "POST /v1/changes", "GET /v1/ws", "GET /v1/ws"];

    static readonly OrgState state = Start();

    public static ISurface Surface() => new PureSurface("bodies", "bodies of each operation and messages of WebSockets: read, or refused with reasons at places; change sets are decided, applied, and read back as they were written", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var operation = dice.Pick(operations);
        var json = new JsonMaker(dice);
        var text = operation == "GET /v1/ws" ? SocketMaker.Message(json) : new ApiMaker(json).Body(OpenApi.BodyOf(operation.Split(' ')[0], operation.Split(' ')[1]));
        return [.. Encoding.ASCII.GetBytes(operation + "\n"), .. json.Bytes(text)];
    }

    static bool Accepts(byte[] input)
    {
        var line = Math.Max(0, input.AsSpan().IndexOf((byte)'\n'));
        var (operation, body) = (Encoding.ASCII.GetString(input.AsSpan(0, line)), input[Math.Min(input.Length, line + 1)..]);
        var problems = new List<Problem>();
        if (operation == "GET /v1/ws")
        {
            var message = SocketMessage.Parse(body, problems);
            Check(message, problems);
            return problems.Count == 0;
        }
        if (!readers.TryGetValue(operation, out var read)) return false;
        var parsed = read(body, problems);
        Check(parsed, problems);
        if (problems.Count == 0 && parsed is ChangeBody changes) Decide(changes);
        return problems.Count == 0 && parsed is not null;
    }

    static void Check(object? parsed, List<Problem> problems)
    {
        FuzzFinding.Unless(problems.Count > 0 || parsed is not null, () => "refused without a reason");
        // a body may be told of more than it has problems of its own: by each definition in it
        FuzzFinding.Unless(problems.Count <= 64 * SteleLimits.BodyProblems.Value, () => $"{problems.Count} problems");
        foreach (var problem in problems)
            FuzzFinding.Unless(problem.Rule.Length > 0 && problem.Message.Length > 0 && (problem.Name.Length == 0 || problem.Name[0] == '/'), () => $"a problem that names nothing: {problem}");
    }

    static object? Evaluated(byte[] body)
    {
        if (OfrepBody.Find(body, out var context) is { } broken) return FuzzedRefusal(broken);
        return OfrepBody.Read(context, out var subject) is { } invalid ? FuzzedRefusal(invalid) : subject;
    }

    static OfrepRefusal FuzzedRefusal(OfrepRefusal refusal)
    {
        FuzzFinding.Unless(refusal.Details.Length > 0, () => "refused without a reason");
        return refusal;
    }

    /// <summary>Deciding, and then the journal: what an event says is what is read from it.</summary>
    static void Decide(ChangeBody body)
    {
        var problems = new List<Problem>();
        body.RefuseDuplicates("development", problems);
        if (problems.Count > 0) return;
        var command = new ChangeSet(Principal.Root, Guid.Empty, body.ChangeLog, body.Changes) { Flags = body.Flags, ExpectedRevision = body.ExpectedRevision, ExpectedRevisionCoversEnvironment = body.CoversEnvironment, IsList = true };
        if (!Decider.Decide(state, command).TryGet(out var decision, out var fault))
        {
            FuzzFinding.Unless(fault.Code is not (FaultCode.Internal or FaultCode.Integrity or FaultCode.Unavailable or FaultCode.OutcomeUnknown), () => $"refused with {fault.Code}: {fault.Detail}");
            return;
        }
        var applied = Decider.Apply(state, command, decision, now);
        if (applied.Record is not { } record) return;
        FuzzFinding.Unless(applied.State.Revision == state.Revision + 1, () => $"revision {applied.State.Revision} after {state.Revision}");
        foreach (var e in record.Events)
        {
            var again = EventCodec.Decode(e.Type, e.Data);
            FuzzFinding.Unless(again.Stream == e.Stream && again.Encode().AsSpan().SequenceEqual(e.Data), () => $"an event of {e.Stream} is read as another: {Encoding.UTF8.GetString(e.Data!)}");
        }
        foreach (var change in body.Changes.Where(change => change.Op == ChangeOp.Set))
            FuzzFinding.Unless(applied.State.Environment(change.Environment?.Text ?? "development")?.Config(change.Key.Text)?.Value is not { } kept || kept.AsSpan().SequenceEqual(change.Value), () => $"{change.Key.Text} is kept as another value");
    }

    static OrgState Start()
    {
        var empty = OrgState.Empty(OrgId.Default, Guid.Empty);
        var command = new CreateOrg(Principal.Root, Guid.Empty, OrgName.Parse("default", null), [.. new[] { "development", "staging", "production" }.Select(name => EnvironmentName.Parse(name, null))]);
        return Decider.Apply(empty, command, Decider.Decide(empty, command).Value, now).State;
    }
}
