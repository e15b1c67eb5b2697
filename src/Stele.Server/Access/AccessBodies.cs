using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Identity;

namespace Stele.Server.Access;

/// <summary>The body of <c>POST /v1/tokens</c>.</summary>
internal sealed record TokenBody(string Name, IReadOnlyList<Grant> Scopes, string? Environment, Timestamp? ExpiresAt, Guid? ServiceAccount)
{
    static readonly BodyMembers Members = new(required: ["name", "scopes"], optional: ["environment", "expires_at", "service_account"]);

    public static TokenBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new TokenBody("", [], null, null, null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "name" => result with { Name = AccessBodies.Name(ref body) },
                "scopes" => result with { Scopes = AccessBodies.Grants(ref body, problems, required: true) },
                "environment" => result with { Environment = AccessBodies.Environment(ref body) },
                "expires_at" => result with { ExpiresAt = AccessBodies.Time(ref body) },
                _ => result with { ServiceAccount = AccessBodies.Id(ref body) },
            };
        return result;
    }
}

/// <summary>The bodies of users and service accounts, whole or as a change.</summary>
internal static class MemberBody
{
    static readonly BodyMembers NewUser = new(required: ["email", "name"], optional: ["role", "roles", "identity"]);
    static readonly BodyMembers ChangedUser = new(required: [], optional: ["email", "name", "role", "roles", "status", "identity", "expected_version"]);
    static readonly BodyMembers NewAccount = new(required: ["name"], optional: ["role", "roles"]);
    static readonly BodyMembers ChangedAccount = new(required: [], optional: ["name", "role", "roles", "status", "expected_version"]);
    static readonly BodyMembers Identity = new(required: ["issuer", "subject"], optional: []);
    static readonly BodyMembers Binding = new(required: ["role"], optional: ["environments", "prefix"]);

    public static MemberChange Parse(ReadOnlySpan<byte> utf8, bool isUser, bool isNew, List<Problem> problems)
    {
        var result = new MemberChange();
        var body = new JsonBody(utf8, isUser ? isNew ? NewUser : ChangedUser : isNew ? NewAccount : ChangedAccount, problems);
        var (one, many) = (false, false);
        while (body.NextMember(out var member))
            switch (member)
            {
                case "email": result = result with { Email = Email(ref body) }; break;
                case "name": result = result with { Name = AccessBodies.Name(ref body) }; break;
                case "role":
                    one = true;
                    result = result with { Roles = [RoleBinding.Of(body.ReadString() ?? "")], IsOneRole = true };
                    break;
                case "roles":
                    many = true;
                    result = result with { Roles = Roles(ref body, problems) };
                    break;
                case "status": result = result with { Status = Status(ref body) }; break;
                case "identity": result = result with { Identity = IdentityOf(ref body), SetsIdentity = true }; break;
                default: result = result with { ExpectedVersion = (int?)body.ReadInt64(1, int.MaxValue) }; break;
            }
        if (one && many) problems.Add(Problem.Body("/roles", "roles.both", "Give role or roles, not both."));
        else if (isNew && !one && !many) problems.Add(Problem.Body("/role", "member.required", "role is required, or roles."));
        return result;
    }

    static string? Email(ref JsonBody body)
    {
        var email = body.ReadString();
        if (email is not null && AccessText.EmailProblem(email) is var (rule, message)) body.Refuse(rule, message);
        return email;
    }

    // the subject goes no further than this: what is kept is its hash
    static MemberIdentity? IdentityOf(ref JsonBody body)
    {
        if (body.TryReadNull()) return null;
        var (issuer, subject) = ("", "");
        body.BeginObject(Identity);
        while (body.NextMember(out var member))
        {
            var text = body.ReadString() ?? "";
            if (text.Length is 0 || text.Length > IdentityLimits.JwtSubjectCharacters.Value || text.Any(char.IsControl))
                body.Refuse("identity.text", $"issuer and subject have 1 to {IdentityLimits.JwtSubjectCharacters.Value} characters, none of them a control character, as iss and sub of the token have them.");
            else if (member == "issuer") issuer = text;
            else subject = text;
        }
        return issuer.Length > 0 && subject.Length > 0 ? new MemberIdentity(issuer, JwtIdentity.ActorOf(issuer, subject)) : null;
    }

    static MemberStatus? Status(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (MemberStatuses.TryParse(text) is { } status) return status;
        body.Refuse("status.value", "status is active or suspended.");
        return null;
    }

    static List<RoleBinding> Roles(ref JsonBody body, List<Problem> problems)
    {
        var pointer = body.Pointer;
        var bindings = new List<RoleBinding>();
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
        {
            var binding = RoleBinding.Of("");
            body.BeginObject(Binding);
            while (body.NextMember(out var member))
                binding = member switch
                {
                    "role" => binding with { Role = body.ReadString() ?? "" },
                    "environments" => binding with { Environments = AccessBodies.Environments(ref body) },
                    _ => binding with { Prefix = AccessBodies.Prefix(ref body) },
                };
            if (count++ < SteleLimits.RolesPerMember.Value) bindings.Add(binding);
        }
        if (count is 0 || count > SteleLimits.RolesPerMember.Value)
            problems.Add(Problem.Body(pointer, "roles.count", $"There are 1 to {SteleLimits.RolesPerMember.Value} roles."));
        return bindings;
    }
}

/// <summary>The body of <c>PUT /v1/roles/{name}</c>.</summary>
internal sealed record RoleBody(string? Description, IReadOnlyList<Grant> Grants, IReadOnlyList<Grant> Denies, int? ExpectedVersion)
{
    static readonly BodyMembers Members = new(required: [], optional: ["grants", "denies", "description", "expected_version"]);

    public static RoleBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new RoleBody(null, [], [], null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "grants" => result with { Grants = AccessBodies.Grants(ref body, problems, required: false) },
                "denies" => result with { Denies = AccessBodies.Grants(ref body, problems, required: false) },
                "description" => result with { Description = AccessBodies.Description(ref body) },
                _ => result with { ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue) },
            };
        return result;
    }
}

/// <summary>What those bodies are made of.</summary>
internal static class AccessBodies
{
    static readonly BodyMembers GrantMembers = new(required: ["permission"], optional: ["environments", "prefix"]);

    public static string Name(ref JsonBody body)
    {
        var name = body.ReadString();
        if (name is not null && AccessText.NameProblem(name) is var (rule, message)) body.Refuse(rule, message);
        return name ?? "";
    }

    public static string? Description(ref JsonBody body)
    {
        if (body.TryReadNull()) return null;
        var text = body.ReadString();
        if (text?.Length > SteleLimits.DescriptionCharacters.Value)
            body.Refuse("description.length", $"A description has at most {SteleLimits.DescriptionCharacters.Value} characters; this one has {text.Length}.");
        return text;
    }

    public static string? Environment(ref JsonBody body)
    {
        if (body.TryReadNull() || body.ReadString() is not { } text) return null;
        if (!EnvironmentName.TryParse(text, out _)) body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
        return text;
    }

    public static Timestamp? Time(ref JsonBody body)
    {
        if (body.TryReadNull() || body.ReadString() is not { } text) return null;
        if (Timestamp.TryParse(text, out var at)) return at;
        body.Refuse("time", "A time is written as in RFC 3339, such as 2026-01-31T14:03:00Z.");
        return null;
    }

    public static Guid? Id(ref JsonBody body)
    {
        if (body.TryReadNull() || body.ReadString() is not { } text) return null;
        if (Guid.TryParseExact(text, "D", out var id)) return id;
        body.Refuse("id.form", "An id is a UUID.");
        return null;
    }

    public static List<Grant> Grants(ref JsonBody body, List<Problem> problems, bool required)
    {
        var pointer = body.Pointer;
        var grants = new List<Grant>();
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
            if (Grant(ref body, problems) is { } grant && count++ < SteleLimits.GrantsPerRole.Value) grants.Add(grant);
            else count++;
        if (count > SteleLimits.GrantsPerRole.Value || (required && count == 0))
            problems.Add(Problem.Body(pointer, "grants.count", $"There are {(required ? 1 : 0)} to {SteleLimits.GrantsPerRole.Value} of them."));
        return grants;
    }

    /// <summary>Names of environments, or null for <c>["*"]</c>.</summary>
    public static List<string>? Environments(ref JsonBody body)
    {
        var names = new List<string>();
        var all = false;
        body.BeginArray();
        while (body.NextItem())
        {
            if (body.ReadString() is not { } text) continue;
            if (text == AccessJson.AllEnvironments) all = true;
            else if (!EnvironmentName.TryParse(text, out _)) body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
            else if (!names.Contains(text) && names.Count < SteleLimits.EnvironmentsPerOrg.Value) names.Add(text);
        }
        // none at all would be a grant of nothing, which nobody means
        if (names.Count > 0 == all) body.Refuse("environments", "environments is [\"*\"] for all, or names of environments.");
        return all ? null : names;
    }

    public static string Prefix(ref JsonBody body)
    {
        var text = body.ReadString();
        if (text is not null && !AccessText.IsPrefix(text)) body.Refuse("prefix", $"A prefix is at most {SteleLimits.KeyCharacters.Value} characters that a key may hold.");
        return text ?? "";
    }

    static Grant? Grant(ref JsonBody body, List<Problem> problems)
    {
        var pointer = body.Pointer;
        Permission? permission = null;
        List<string>? environments = null;
        var prefix = "";
        body.BeginObject(GrantMembers);
        while (body.NextMember(out var member))
            switch (member)
            {
                case "permission": permission = PermissionOf(ref body); break;
                case "environments": environments = Environments(ref body); break;
                default: prefix = Prefix(ref body); break;
            }
        if (permission is not { } found) return null;
        var binding = Permissions.Binding(found);
        if (binding != PermissionBinding.EnvironmentAndKey && environments is not null)
            problems.Add(Problem.Body($"{pointer}/environments", "grant.binding", $"{Permissions.Name(found)} belongs to no environment: environments is [\"*\"] here, or absent."));
        if (binding == PermissionBinding.Org && prefix.Length > 0)
            problems.Add(Problem.Body($"{pointer}/prefix", "grant.binding", $"{Permissions.Name(found)} is of the organization as a whole: prefix is empty here, or absent."));
        return new Grant(found, environments, prefix);
    }

    static Permission? PermissionOf(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (Permissions.TryParse(text, out var permission)) return permission;
        body.Refuse("permission.unknown", $"The permissions are {string.Join(", ", Permissions.All.Select(Permissions.Name))}.");
        return null;
    }
}
