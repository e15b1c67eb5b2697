using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Server.Orgs;

/// <summary>The body that makes an org.</summary>
internal sealed record NewOrgBody(OrgName Name, IReadOnlyList<EnvironmentName> Environments, EnvironmentName? DefaultEnvironment)
{
    static readonly BodyMembers Members = new(required: ["name"], optional: ["environments", "default_environment"]);
    static readonly EnvironmentName[] First = [.. ((string[])["development", "staging", "production"]).Select(name => EnvironmentName.Parse(name, null))];

    public static NewOrgBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new NewOrgBody(default, First, null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "name" => result with { Name = OrgBodies.Name(ref body) },
                "environments" => result with { Environments = OrgBodies.Environments(ref body, least: 1) },
                _ => result with { DefaultEnvironment = OrgBodies.Environment(ref body) },
            };
        if (problems.Count == 0 && result.DefaultEnvironment is { } chosen && !result.Environments.Contains(chosen))
            problems.Add(Problem.Body("/default_environment", "environment.unknown", $"'{chosen}' is not one of the environments."));
        return result;
    }
}

/// <summary>The body that changes settings.</summary>
internal sealed record SettingsBody(EnvironmentName? DefaultEnvironment, IReadOnlyList<EnvironmentName>? Protected, IReadOnlyList<(Limit, long?)> Limits, int? ExpectedVersion, string? ChangeLog)
{
    static readonly Limit[] own = [.. SteleLimits.All.Where(limit => limit.PerOrg)];
    static readonly BodyMembers Members = new(required: [], optional: ["default_environment", "protected_environments", "limits", "expected_version", "change_log"]);
    static readonly BodyMembers LimitMembers = new(required: [], optional: [.. own.Select(limit => limit.Name)]);

    public static SettingsBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new SettingsBody(null, null, [], null, null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "default_environment" => result with { DefaultEnvironment = OrgBodies.Environment(ref body) },
                "protected_environments" => result with { Protected = OrgBodies.Environments(ref body, least: 0) },
                "limits" => result with { Limits = ReadLimits(ref body) },
                "expected_version" => result with { ExpectedVersion = (int?)body.ReadInt64(1, int.MaxValue) },
                _ => result with { ChangeLog = OrgBodies.ChangeLog(ref body) },
            };
        return result;
    }

    static List<(Limit, long?)> ReadLimits(ref JsonBody body)
    {
        var limits = new List<(Limit, long?)>();
        body.BeginObject(LimitMembers);
        while (body.NextMember(out var name))
            limits.Add((own.First(limit => limit.Name == name), body.TryReadNull() ? null : body.ReadInt64(1, Limit.ValueMax)));
        return limits;
    }
}

/// <summary>The body that makes an environment, or describes one.</summary>
internal sealed record EnvironmentBody(EnvironmentName Name, string? Description, int? ExpectedVersion, string? ChangeLog)
{
    static readonly BodyMembers NewMembers = new(required: ["name"], optional: ["description", "change_log"]);
    static readonly BodyMembers ChangeMembers = new(required: ["description"], optional: ["expected_version", "change_log"]);

    public static EnvironmentBody Parse(ReadOnlySpan<byte> utf8, bool isNew, List<Problem> problems)
    {
        var result = new EnvironmentBody(default, null, null, null);
        var body = new JsonBody(utf8, isNew ? NewMembers : ChangeMembers, problems);
        while (body.NextMember(out var member))
            result = member switch
            {
                "name" => result with { Name = OrgBodies.Environment(ref body) ?? default },
                "description" => result with { Description = OrgBodies.Description(ref body) },
                "expected_version" => result with { ExpectedVersion = (int?)body.ReadInt64(1, int.MaxValue) },
                _ => result with { ChangeLog = OrgBodies.ChangeLog(ref body) },
            };
        return result;
    }
}

/// <summary>The body that renames an org, or gives a reason only.</summary>
internal sealed record RenameBody(OrgName Name, string? ChangeLog)
{
    static readonly BodyMembers NameMembers = new(required: ["name"], optional: ["change_log"]);
    static readonly BodyMembers ReasonMembers = new(required: [], optional: ["change_log"]);

    public static RenameBody Parse(ReadOnlySpan<byte> utf8, bool names, List<Problem> problems)
    {
        var result = new RenameBody(default, null);
        var body = new JsonBody(utf8, names ? NameMembers : ReasonMembers, problems);
        while (body.NextMember(out var member))
            result = member == "name" ? result with { Name = OrgBodies.Name(ref body) } : result with { ChangeLog = OrgBodies.ChangeLog(ref body) };
        return result;
    }
}

/// <summary>The body that puts environments in an order.</summary>
internal sealed record OrderBody(IReadOnlyList<EnvironmentName> Order, string? ChangeLog)
{
    static readonly BodyMembers Members = new(required: ["order"], optional: ["change_log"]);

    public static OrderBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new OrderBody([], null);
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            result = member == "order" ? result with { Order = OrgBodies.Environments(ref body, least: 1) } : result with { ChangeLog = OrgBodies.ChangeLog(ref body) };
        return result;
    }
}

/// <summary>What the bodies share.</summary>
internal static class OrgBodies
{
    public static OrgName Name(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return default;
        if (!OrgName.TryParse(text, out var name)) body.Refuse(OrgName.Rule, OrgName.Message);
        return name;
    }

    public static EnvironmentName? Environment(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (EnvironmentName.TryParse(text, out var name)) return name;
        body.Refuse(EnvironmentName.Rule, EnvironmentName.Message);
        return null;
    }

    /// <summary>Names, no two alike.</summary>
    public static List<EnvironmentName> Environments(ref JsonBody body, int least)
    {
        var names = new List<EnvironmentName>();
        var count = 0;
        body.BeginArray();
        while (body.NextItem())
        {
            if (Environment(ref body) is not { } name) continue;
            if (count++ >= SteleLimits.EnvironmentNames.Value)
            {
                if (count == SteleLimits.EnvironmentNames.Value + 1) body.Refuse(SteleLimits.EnvironmentNames.Name, $"A list names at most {SteleLimits.EnvironmentNames.Value} environments.");
                continue;
            }
            if (names.Contains(name)) body.Refuse("environment.repeated", $"'{name}' is named more than once.");
            else names.Add(name);
        }
        if (count < least) body.Refuse("environment.none", "Name at least one environment.");
        return names;
    }

    public static string? Description(ref JsonBody body)
    {
        if (body.TryReadNull()) return null;
        var text = body.ReadString();
        if (text?.Length > SteleLimits.DescriptionCharacters.Value)
            body.Refuse("description.length", $"A description has at most {SteleLimits.DescriptionCharacters.Value} characters; this one has {text.Length}.");
        return text;
    }

    public static string? ChangeLog(ref JsonBody body)
    {
        if (body.TryReadNull()) return null;
        var text = body.ReadString();
        if (text?.Length > SteleLimits.ChangeLogCharacters.Value)
            body.Refuse("change_log.length", $"A change log has at most {SteleLimits.ChangeLogCharacters.Value} characters; this one has {text.Length}.");
        return text;
    }
}
