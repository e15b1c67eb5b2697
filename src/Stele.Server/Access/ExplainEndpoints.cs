using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Access;

/// <summary>Why something is allowed or not.</summary>
internal sealed class ExplainEndpoints(JournalNode journal)
{
    static readonly BodyMembers Members = new(required: ["permission"], optional: ["environment", "key", "user", "service_account", "token"]);

    /// <summary><c>POST /v1/access/explain</c>: of oneself, or, with the permission to see users, of somebody else.</summary>
    public async Task Explain(HttpContext context)
    {
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var asked = Asked.Parse(request.Body, request.Caller.Principal, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            if ((await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), CancellationToken.None)).TryGet(out var snapshot, out fault)
                && (fault = MayAsk(snapshot.State, request.Caller.Principal, asked.Principal)) is null)
            {
                Answer.Place(context.Response, snapshot.State.Place);
                await Answer.Send(context, Json(snapshot.State, asked));
                return;
            }
            await HttpProblems.Write(context, fault!);
        }
    }

    static Fault? MayAsk(OrgState state, Principal asking, Principal asked) => asking.Equals(asked)
        ? state.Access.RightsOf(asking).Status is RightsStatus.Ruled or RightsStatus.Everything ? null : Authorisation.NotKnown
        : Authorisation.Check(state.Access, asking, Permission.UserRead, null, null);

    static JsonText Json(OrgState state, Asked asked)
    {
        var environment = Permissions.Binding(asked.Permission) == PermissionBinding.EnvironmentAndKey ? asked.Environment ?? asked.Principal.Environment ?? state.DefaultEnvironment : null;
        var explained = Explanation.Of(state.Access, asked.Principal, asked.Permission, environment, asked.Key);
        var json = new JsonText().Raw("{\"allowed\":"u8).Boolean(explained.Allowed)
            .Raw(",\"actor\":"u8).Text(asked.Principal.ActorId)
            .Raw(",\"permission\":\""u8).Ascii(Permissions.Name(asked.Permission))
            .Raw("\",\"environment\":"u8).Text(environment)
            .Raw(",\"key\":"u8).Text(asked.Key)
            .Raw(",\"reason\":"u8).Text(explained.Reason)
            .Raw(",\"rules\":["u8);
        foreach (var (index, layer) in explained.Layers.Index())
        {
            json.Raw(index > 0 ? ","u8 : ""u8).Raw("{\"by\":\""u8).Ascii(layer.IsToken ? "token" : "roles").Raw("\",\"allows\":"u8).Boolean(layer.Allows);
            Rule(json.Raw(",\"grant\":"u8), layer.Grant);
            Rule(json.Raw(",\"deny\":"u8), layer.Deny);
            json.Raw("}"u8);
        }
        return json.Raw("],\"revision\":"u8).Number(state.Revision).Raw("}"u8);
    }

    static void Rule(JsonText json, AccessRule? rule)
    {
        if (rule is null)
        {
            json.Raw("null"u8);
            return;
        }
        AccessView.Write(json.Raw("{\"role\":"u8).Text(rule.Role).Raw(",\"rule\":"u8), rule.Stated);
        AccessView.Write(json.Raw(",\"here\":"u8), rule.Grant);
        json.Raw("}"u8);
    }

    readonly record struct Asked(Principal Principal, Permission Permission, string? Environment, string? Key)
    {
        public static Asked Parse(ReadOnlySpan<byte> utf8, Principal asking, List<Problem> problems)
        {
            var result = new Asked(asking, default, null, null);
            var named = 0;
            var body = new JsonBody(utf8, Members, problems);
            while (body.NextMember(out var member))
                switch (member)
                {
                    case "permission":
                        if (body.ReadString() is not { } text) break;
                        if (Permissions.TryParse(text, out var permission)) result = result with { Permission = permission };
                        else body.Refuse("permission.unknown", $"The permissions are {string.Join(", ", Permissions.All.Select(Permissions.Name))}.");
                        break;
                    case "environment": result = result with { Environment = AccessBodies.Environment(ref body) }; break;
                    case "key": result = result with { Key = body.TryReadNull() ? null : AccessBodies.Prefix(ref body) }; break;
                    default:
                        if (AccessBodies.Id(ref body) is not { } id) break;
                        named++;
                        result = result with { Principal = member == "user" ? Principal.User(id) : member == "token" ? Principal.Token(id, null, null) : Principal.ServiceAccount(id) };
                        break;
                }
            if (named > 1) problems.Add(Problem.Body("", "principal.both", "Give one of user, service_account and token, or none for yourself."));
            return result;
        }
    }
}
