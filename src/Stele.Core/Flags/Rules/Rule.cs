namespace Stele.Core.Flags.Rules;

/// <summary>A compiled rule. Immutable, and safe to use from any thread.</summary>
sealed class Rule(RuleNode root, string? broken, RuleReads reads)
{
    public RuleNode Root { get; } = root;

    /// <summary>Why the rule cannot be evaluated, or null.</summary>
    public string? Broken { get; } = broken;

    public RuleReads Reads { get; } = reads;
}

/// <summary>What a rule reads beside the context.</summary>
sealed class RuleReads
{
    /// <summary>Shared rules, each with a place where it is named.</summary>
    public List<(string Name, string Pointer)> Shared { get; } = [];

    /// <summary>Other flags, each with a place where it is named.</summary>
    public List<(string Name, string Pointer)> Prerequisites { get; } = [];

    /// <summary>Schedules, each with the bytes of the text where it stands.</summary>
    public List<(Range Place, ScheduleStep[] Steps)> Schedules { get; } = [];

    /// <summary>Whether the rule reads the time itself, and may come out differently at any second.</summary>
    public bool Clock { get; set; }
}

/// <summary>Something wrong with a rule.</summary>
/// <param name="Node">Where in its text.</param>
/// <param name="Name">The broken rule's stable name.</param>
/// <param name="Message">A sentence.</param>
/// <param name="Breaks">Whether the engine cannot evaluate the rule at all. If not, the rule only does what nobody can have meant.</param>
sealed record RuleProblem(int Node, string Name, string Message, bool Breaks);
