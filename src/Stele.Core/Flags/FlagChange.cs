using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Orgs;

namespace Stele.Core.Flags;

/// <summary>One change of an item of an environment's flags. A set touches an item of an environment once at most, which whoever parses it has checked.</summary>
public sealed record FlagChange
{
    /// <summary>What it does.</summary>
    public required ChangeOp Op { get; init; }

    /// <summary>In which environment; null means the org's default one, found when the change is decided.</summary>
    public required EnvironmentName? Environment { get; init; }

    /// <summary>Which item.</summary>
    public required FlagKey Key { get; init; }

    /// <summary>What it is to be; null: it stays, or the change is none that sets.</summary>
    public FlagContent? Content { get; init; }

    /// <summary>Whether the flag's own kill switch is to be on; null: as it is.</summary>
    public bool? Killed { get; init; }

    /// <summary>Whether the flag is to be put away; null: as it is, but a flag that is defined anew is there.</summary>
    public bool? Archived { get; init; }

    /// <summary>The version that it must have; 0: it must not exist. Null: any.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>Whether the expectation came from If-Match or If-None-Match, whose failure is 412 instead of 409.</summary>
    public bool ExpectedByHeader { get; init; }

    /// <summary>Whether it must exist, whatever its version (If-Match: *).</summary>
    public bool MustExist { get; init; }

    /// <summary>Whether nothing is written if nothing changes.</summary>
    public bool SkipsEqual { get; init; }

    /// <summary>Whether it may refer to shared rules that are not there, as flagd's files may.</summary>
    public bool MayDangle { get; init; }

    /// <summary>Its place among the changes of the set.</summary>
    public int Index { get; init; }

    /// <summary>The change's JSON pointer in what the caller was sent.</summary>
    public string Pointer { get; init; } = "";

    /// <summary>The definition's JSON pointer in what the caller was sent.</summary>
    public string DefinitionPointer { get; init; } = "";
}

/// <summary>The flags of an environment are replaced whole.</summary>
/// <param name="Environment">The environment; null: the org's default one.</param>
public sealed record FlagReplacement(EnvironmentName? Environment);

/// <summary>What an item is to be: its text, with what was compiled of it when it was checked.</summary>
public sealed class FlagContent
{
    readonly Flag? flag;
    readonly SharedRule? rule;

    FlagContent(byte[] text, Flag? flag, SharedRule? rule) => (Text, this.flag, this.rule) = (text, flag, rule);

    /// <summary>Canonical JSON bytes.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1819", Justification = "shared, and written as it is")]
    public byte[] Text { get; }

    /// <summary>A flag that was read.</summary>
    public static FlagContent Of(Flag flag) => new(flag.Definition.Text, flag, null);

    /// <summary>A shared rule that was read.</summary>
    public static FlagContent Of(SharedRule rule) => new(rule.Text.ToArray(), null, rule);

    /// <summary>What the journal or a table holds, or what is not evaluated by itself.</summary>
    public static FlagContent Stored(byte[] text) => new(text, null, null);

    /// <summary>What an item is to be, checked in itself.</summary>
    /// <param name="key">Which item.</param>
    /// <param name="text">Canonical JSON bytes, which are kept.</param>
    /// <param name="pointer">Its JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets every broken rule: those of <see cref="FlagDefinition.Parse"/>, <see cref="SharedRule.Parse"/> and <see cref="FlagFile.ParseMetadata"/>; <c>flag.kill_switch</c>.</param>
    public static FlagContent? Parse(FlagKey key, byte[] text, string pointer, List<Problem> problems)
    {
        switch (key.Kind)
        {
            case FlagItemKind.Rule:
                return SharedRule.Parse(key.Name, text, pointer, problems) is { } rule ? Of(rule) : null;
            case FlagItemKind.KillSwitch:
                if (text[0] is (byte)'t' or (byte)'f') return Stored(text);
                problems.Add(Problem.Body(pointer, "flag.kill_switch", "The definition of a kill switch is true or false."));
                return null;
            case FlagItemKind.Metadata:
                return FlagFile.ParseMetadata(text, pointer, problems) ? Stored(text) : null;
            default:
                return FlagDefinition.Parse(text, pointer, problems) is { } definition ? Of(new Flag(key.Name, definition)) : null;
        }
    }

    internal Flag FlagOf(string name, bool killed) => flag is null ? new Flag(name, Text) { Killed = killed } : new Flag(name, flag.Definition) { Killed = killed };

    internal SharedRule RuleOf(string name) => rule ?? SharedRule.Stored(name, Text);
}

/// <summary>The switches of a flag beside its definition.</summary>
public static class FlagSwitches
{
    /// <summary>Notes where those of a change do not go with what it is of: <c>flag.switch</c>, <c>flag.archived</c>.</summary>
    /// <param name="key">Which item.</param>
    /// <param name="killed">Its kill switch, if it is named.</param>
    /// <param name="archived">Whether it is put away, if that is named.</param>
    /// <param name="defines">Whether it is defined, too.</param>
    /// <param name="pointer">The change's JSON pointer.</param>
    /// <param name="problems">Gets them.</param>
    public static void Check(FlagKey key, bool? killed, bool? archived, bool defines, string pointer, List<Problem> problems)
    {
        if (key.Kind != FlagItemKind.Flag && (killed ?? archived) is not null)
            problems.Add(Problem.Body($"{pointer}/{(killed is null ? "archived" : "killed")}", "flag.switch", $"{key} is no flag: it has no switches of its own."));
        else if (archived == true && (defines || killed is not null))
            problems.Add(Problem.Body($"{pointer}/archived", "flag.archived", "What is archived stays as it is: give archived alone."));
    }
}
