using Stele.Core.Configs;
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

    internal Flag FlagOf(string name, bool killed) => flag is null ? new Flag(name, Text) { Killed = killed } : new Flag(name, flag.Definition) { Killed = killed };

    internal SharedRule RuleOf(string name) => rule ?? SharedRule.Stored(name, Text);
}
