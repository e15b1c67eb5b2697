using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Configs;

namespace Stele.Server.Flags;

/// <summary>
/// The body of a PUT: a flag object or its short form, with <c>expected_version</c> and <c>change_log</c> among its members; or the same in
/// the member <c>definition</c>. Without any of it, only the switches named change.
/// </summary>
internal sealed class FlagBody
{
    static readonly string[] own = ["definition", "killed", "archived", "change_log", "expected_version"];
    static readonly string[] flat = ["state", "variants", "defaultVariant", "targeting", "metadata", "bucketing", "enabled", "percentage", "target_users", "schedule"];
    static readonly BodyMembers Members = new(required: [], optional: [.. own, .. flat]);

    public FlagContent? Content { get; private set; }

    public bool? Killed { get; private set; }

    public bool? Archived { get; private set; }

    public string? ChangeLog { get; private set; }

    public int? ExpectedVersion { get; private set; }

    /// <summary>The definition's JSON pointer.</summary>
    public string DefinitionPointer { get; private set; } = "";

    public static FlagBody Parse(ReadOnlySpan<byte> utf8, FlagKey key, List<Problem> problems)
    {
        var (result, before) = (new FlagBody(), problems.Count);
        byte[]? text = null;
        var members = new StringBuilder();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "definition":
                    result.DefinitionPointer = "/definition";
                    text = body.ReadJson();
                    break;
                case "killed": result.Killed = body.ReadBoolean(); break;
                case "archived": result.Archived = body.ReadBoolean(); break;
                case "change_log": result.ChangeLog = ConfigBodies.ChangeLog(ref body); break;
                case "expected_version": result.ExpectedVersion = (int?)body.ReadInt64(0, int.MaxValue); break;
                default:
                    if (body.ReadJson() is { } value) members.Append(members.Length == 0 ? "" : ",").Append('"').Append(name).Append("\":").Append(Encoding.UTF8.GetString(value));
                    break;
            }
        if (problems.Count > before || key.Text is null) return result;
        if (text is not null && members.Length > 0) problems.Add(Problem.Body("/definition", "flag.definition", "A flag stands in the body itself, or in definition, not in both."));
        else if (members.Length > 0) text = Encoding.UTF8.GetBytes($"{{{members}}}");
        if (text is not null) result.Content = FlagContent.Parse(key, text, result.DefinitionPointer, problems);
        FlagSwitches.Check(key, result.Killed, result.Archived, text is not null, "", problems);
        if (text is null && result.Killed is null && result.Archived is null)
            problems.Add(Problem.Body("", "flag.definition", "The body is flagd's flag object, or the short form with enabled, percentage and target_users; or killed or archived alone."));
        return result;
    }
}

/// <summary>The body of <c>POST /v1/flags/copy</c>.</summary>
internal sealed class FlagCopyBody
{
    static readonly BodyMembers Members = new(required: ["from", "to"], optional: ["names", "prefix", "change_log"]);

    public EnvironmentName? From { get; private set; }

    public EnvironmentName? To { get; private set; }

    /// <summary>Which items; null: those under the prefix.</summary>
    public List<string>? Names { get; private set; }

    public string? Prefix { get; private set; }

    public string? ChangeLog { get; private set; }

    public static FlagCopyBody Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var result = new FlagCopyBody();
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "from": result.From = ConfigBodies.Environment(ref body); break;
                case "to": result.To = ConfigBodies.Environment(ref body); break;
                case "prefix": result.Prefix = body.ReadString(); break;
                case "change_log": result.ChangeLog = ConfigBodies.ChangeLog(ref body); break;
                default:
                    result.Names = [];
                    body.BeginArray();
                    while (body.NextItem())
                        if (body.ReadString() is { Length: > 0 } one) result.Names.Add(one);
                        else body.Refuse("flag.length", "A name is not empty.");
                    break;
            }
        if (result.Names?.Count > SteleLimits.ChangeSetChanges.Value) problems.Add(Problem.Body("/names", "changes.count", $"A copy names at most {SteleLimits.ChangeSetChanges.Value} flags."));
        if (result is { Names: not null, Prefix: not null }) problems.Add(Problem.Body("/prefix", "parameter.exclusive", "Give names or prefix, not both."));
        return result;
    }
}
