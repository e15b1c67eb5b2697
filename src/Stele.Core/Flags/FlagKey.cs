using System.Diagnostics.CodeAnalysis;

namespace Stele.Core.Flags;

/// <summary>What an item of an environment's flags is.</summary>
public enum FlagItemKind : byte
{
    /// <summary>A flag.</summary>
    Flag,
    /// <summary>A shared rule, one of flagd's <c>$evaluators</c>.</summary>
    Rule,
    /// <summary>The metadata of the set.</summary>
    Metadata,
    /// <summary>The kill switch of the environment.</summary>
    KillSwitch,
}

/// <summary>
/// What is versioned of an environment's flags, each by itself: a flag by its name (<see cref="FlagName"/>), a shared rule
/// as <c>$evaluators/NAME</c>, the set's metadata as <c>$metadata</c>, the environment's kill switch as <c>$kill_switch</c>.
/// No flag's name begins with a dollar, so none of them is in another's way.
/// </summary>
public readonly record struct FlagKey
{
    /// <summary>How shared rules begin.</summary>
    public const string RulePrefix = "$evaluators/";

    /// <summary>The set's metadata.</summary>
    public const string MetadataText = "$metadata";

    /// <summary>The environment's kill switch.</summary>
    public const string KillSwitchText = "$kill_switch";

    FlagKey(string text) => Text = text;

    /// <summary>The key of a flag.</summary>
    public static FlagKey Flag(FlagName name) => new(name.Text);

    /// <summary>The key of what a journal, a table or a state names.</summary>
    public static FlagKey Stored(string text) => new(text);

    /// <summary>The set's metadata.</summary>
    public static FlagKey Metadata { get; } = new(MetadataText);

    /// <summary>The environment's kill switch.</summary>
    public static FlagKey KillSwitch { get; } = new(KillSwitchText);

    /// <summary>The key as written.</summary>
    public string Text { get; }

    /// <summary>What it is of.</summary>
    public FlagItemKind Kind => KindOf(Text);

    /// <summary>A flag's or a shared rule's own name.</summary>
    public string Name => NameOf(Text);

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>What a key is of.</summary>
    public static FlagItemKind KindOf(string text) => text[0] != '$' ? FlagItemKind.Flag : text switch
    {
        MetadataText => FlagItemKind.Metadata,
        KillSwitchText => FlagItemKind.KillSwitch,
        _ => FlagItemKind.Rule,
    };

    /// <summary>The own name of a flag or a shared rule.</summary>
    public static string NameOf(string text) => text[0] == '$' && text.StartsWith(RulePrefix, StringComparison.Ordinal) ? text[RulePrefix.Length..] : text;

    /// <summary>The key, or the rule that it breaks (those of <see cref="FlagName"/>) and a sentence about it.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out FlagKey key, [NotNullWhen(false)] out string? rule, [NotNullWhen(false)] out string? message)
    {
        (key, rule, message) = (default, null, null);
        if (text is MetadataText or KillSwitchText)
        {
            key = new FlagKey(text);
            return true;
        }
        var name = text is not null && text.StartsWith(RulePrefix, StringComparison.Ordinal) ? text[RulePrefix.Length..] : text;
        if (!FlagName.TryParse(name, out _, out rule, out message)) return false;
        key = new FlagKey(text!);
        return true;
    }
}
