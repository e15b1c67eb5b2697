using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Core.Flags.Rules;

/// <summary>
/// One evaluation under way: what it reads, what it may still spend, and what it found. A failure is noted here and takes
/// the rest of the steps away, so that everything returns at once, without an exception.
/// </summary>
struct RuleRun
{
    /// <summary>What a step pays for, where work grows with a text: so many characters.</summary>
    public const int StepCharacters = 64;

    readonly FlagSet set;
    readonly RuleValue context;
    int levels;

    public RuleRun(FlagSet set, FlagContext context, Timestamp at, FlagTrace? trace) : this(set, context.Data, at, trace) => TargetingKey = context.TargetingKey;

    public RuleRun(FlagSet set, RuleValue context, Timestamp at, FlagTrace? trace)
    {
        this.set = set;
        this.context = context;
        At = at;
        Trace = trace;
        Scope = context;
        Steps = (int)SteleLimits.FlagSteps.Value;
    }

    /// <summary>How many steps are left; below zero the evaluation has failed.</summary>
    public int Steps;

    /// <summary>The moment for which is evaluated.</summary>
    public readonly Timestamp At;

    /// <summary>Where the way through the rule is written down; null, mostly: nobody asks.</summary>
    public readonly FlagTrace? Trace;

    /// <summary>The flag whose rule runs; null where a rule is tried on its own.</summary>
    public Flag? Flag { get; private set; }

    /// <summary>What <c>var</c> reads: the context, or inside map, filter, reduce, all, none and some, the item.</summary>
    public RuleValue Scope { get; private set; }

    /// <summary>Whether <see cref="Scope"/> is an item.</summary>
    public bool InScope { get; private set; }

    /// <summary>Where the rule came out.</summary>
    public RuleNode? Exit { get; set; }

    public int Bucket { get; set; }

    /// <summary>The total weight that <see cref="Bucket"/> is of; 0: not bucketed on the way out.</summary>
    public int BucketTotal { get; set; }

    public FlagErrorCode Error { get; private set; }

    public string? Message { get; private set; }

    /// <summary>The subject's id, wherever the rule is; null if there is none.</summary>
    public readonly string? TargetingKey;

    /// <summary>Ends the evaluation; the first reason counts.</summary>
    public RuleValue Fail(FlagErrorCode code, string message)
    {
        if (Error == FlagErrorCode.None) (Error, Message) = (code, message);
        Steps = -1;
        return default;
    }

    public RuleValue OutOfSteps() =>
        Fail(FlagErrorCode.General, $"The evaluation took more than {SteleLimits.FlagSteps.Value} steps (the limit {SteleLimits.FlagSteps.Name}).");

    /// <summary>Pays for work before it is done; false if there is not enough left.</summary>
    public bool Pay(long steps)
    {
        if (steps <= Steps)
        {
            Steps -= (int)steps;
            return true;
        }
        OutOfSteps();
        return false;
    }

    /// <summary>Pays for going through some characters.</summary>
    public bool PayFor(int characters) => characters < StepCharacters || Pay(characters / StepCharacters);

    /// <summary>Evaluates a rule for an item.</summary>
    public RuleValue WithScope(RuleNode rule, RuleValue item)
    {
        var (outer, inner) = (Scope, InScope);
        (Scope, InScope) = (item, true);
        var value = rule.Evaluate(ref this);
        (Scope, InScope) = (outer, inner);
        return value;
    }

    /// <summary>Evaluates a shared rule, which sees what the rule sees that refers to it.</summary>
    public RuleValue Shared(string name, bool isExit)
    {
        if (!set.Rules.TryGetValue(name, out var shared))
            return Fail(FlagErrorCode.ParseError, $"The rule refers to the shared rule '{name}', which does not exist.");
        if (shared.Rule.Broken is { } broken) return Fail(FlagErrorCode.ParseError, $"The shared rule '{name}' cannot be evaluated: {broken}");
        if (!Enter()) return default;
        var (exit, bucket, total) = (Exit, Bucket, BucketTotal);
        var value = shared.Rule.Root.Evaluate(ref this);
        if (!isExit) (Exit, Bucket, BucketTotal) = (exit, bucket, total);
        levels--;
        return value;
    }

    /// <summary>The value of another flag for the same context; undefined if it has none.</summary>
    public RuleValue Prerequisite(string name)
    {
        if (!set.Flags.TryGetValue(name, out var other)) return Fail(FlagErrorCode.ParseError, $"The rule reads the flag '{name}', which does not exist.");
        if (!Enter()) return default;
        var outer = this;
        (Scope, InScope) = (context, false);
        var variant = Resolve(other, out _);
        levels--;
        (Flag, Scope, InScope, Exit, Bucket, BucketTotal) = (outer.Flag, outer.Scope, outer.InScope, outer.Exit, outer.Bucket, outer.BucketTotal);
        return variant is null ? default : variant.AsRule;
    }

    /// <summary>The variant of a flag; null if the caller's own default counts, or <see cref="Error"/> says why not.</summary>
    public FlagVariant? Resolve(Flag flag, out FlagReason reason)
    {
        var definition = flag.Definition;
        reason = FlagReason.Disabled;
        if (set.Killed || flag.Killed || !definition.Enabled) return definition.OffVariant;
        reason = FlagReason.Error;
        if (definition.Broken is { } broken)
        {
            Fail(FlagErrorCode.ParseError, $"The flag '{flag.Name}' cannot be evaluated: {broken}");
            return null;
        }
        (Flag, Exit, BucketTotal) = (flag, null, 0);
        if (definition.Rule is not { } rule)
        {
            reason = definition.DefaultVariant is null ? FlagReason.Default : FlagReason.Static;
            return definition.DefaultVariant;
        }
        var value = rule.Root.Evaluate(ref this);
        if (Error != FlagErrorCode.None) return null;
        if (value.IsNullish)
        {
            reason = FlagReason.Default;
            return definition.DefaultVariant;
        }
        var variant = value.Kind == RuleKind.String ? definition.Variant(value.Text) : definition.Variant(RuleText.Of(ref this, value));
        if (variant is null && Error == FlagErrorCode.None)
            Fail(FlagErrorCode.General, $"The rule of the flag '{flag.Name}' gave {RuleJson.Shown(value)}, which is no variant.");
        if (Error != FlagErrorCode.None) return null;
        reason = BucketTotal > 0 ? FlagReason.Split : FlagReason.TargetingMatch;
        return variant;
    }

    bool Enter()
    {
        if (++levels <= SteleLimits.FlagLevels.Value) return true;
        Fail(FlagErrorCode.General, $"Shared rules and prerequisites nest deeper than {SteleLimits.FlagLevels.Value} levels (the limit {SteleLimits.FlagLevels.Name}).");
        return false;
    }
}
