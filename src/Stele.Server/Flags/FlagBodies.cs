using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Json;
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
        if (text is not null) result.Content = Read(key, text, result.DefinitionPointer, problems);
        result.CheckSwitches(key, "", problems);
        if (text is null && result.Killed is null && result.Archived is null)
            problems.Add(Problem.Body("", "flag.definition", "The body is flagd's flag object, or the short form with enabled, percentage and target_users; or killed or archived alone."));
        return result;
    }

    /// <summary>What an item is to be, checked in itself.</summary>
    public static FlagContent? Read(FlagKey key, byte[] text, string pointer, List<Problem> problems)
    {
        switch (key.Kind)
        {
            case FlagItemKind.Rule:
                return SharedRule.Parse(key.Name, text, pointer, problems) is { } rule ? FlagContent.Of(rule) : null;
            case FlagItemKind.KillSwitch:
                if (text[0] is (byte)'t' or (byte)'f') return FlagContent.Stored(text);
                problems.Add(Problem.Body(pointer, "flag.kill_switch", "The definition of a kill switch is true or false."));
                return null;
            case FlagItemKind.Metadata:
                return FlagFile.ParseMetadata(text, pointer, problems) ? FlagContent.Stored(text) : null;
            default:
                return FlagDefinition.Parse(text, pointer, problems) is { } definition ? FlagContent.Of(new Flag(key.Name, definition)) : null;
        }
    }

    void CheckSwitches(FlagKey key, string pointer, List<Problem> problems) => CheckSwitches(key, Killed, Archived, Content is not null || DefinitionPointer.Length > 0, pointer, problems);

    /// <summary>Whether the switches of a change go with what it is of.</summary>
    public static void CheckSwitches(FlagKey key, bool? killed, bool? archived, bool defines, string pointer, List<Problem> problems)
    {
        if (key.Kind != FlagItemKind.Flag && (killed ?? archived) is not null)
            problems.Add(Problem.Body($"{pointer}/{(killed is null ? "archived" : "killed")}", "flag.switch", $"{key} is no flag: it has no switches of its own."));
        else if (archived == true && (defines || killed is not null))
            problems.Add(Problem.Body($"{pointer}/archived", "flag.archived", "What is archived stays as it is: give archived alone."));
    }
}
