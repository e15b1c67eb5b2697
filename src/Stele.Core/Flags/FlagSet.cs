using Stele.Core.Collections;
using Stele.Core.Flags.Rules;
using Stele.Core.Journal;

namespace Stele.Core.Flags;

/// <summary>
/// All flags of an environment at one revision, with the rules that they share: what is evaluated. Pure: for the same set,
/// context and moment the answer is the same, on every node and in every client, for ever. Immutable, and safe to use from
/// any thread.
/// </summary>
/// <remarks>
/// Flags and contexts may come from anyone: an evaluation has a budget of steps and of nesting (limits <c>flag.steps</c>,
/// <c>flag.levels</c>), and past it answers GENERAL. Nothing throws.
/// </remarks>
public sealed record FlagSet
{
    /// <summary>Raised whenever the engine answers anything differently than before, so that what was kept under an older one is not taken for its answer.</summary>
    public const long EvaluatorVersion = 1;

    FlagTimes? times;

    /// <summary>No flags.</summary>
    public static FlagSet Empty { get; } = new();

    /// <summary>The flags by name.</summary>
    public SortedMap<Flag> Flags { get; init; } = SortedMap<Flag>.Empty;

    /// <summary>The shared rules by name.</summary>
    public SortedMap<SharedRule> Rules { get; init; } = SortedMap<SharedRule>.Empty;

    /// <summary>Whether the environment's kill switch is on: every flag is evaluated as if it were disabled.</summary>
    public bool Killed { get; init; }

    /// <summary>When answers may change though no flag does.</summary>
    public FlagTimes Times => times ??= FlagTimes.Of(this);

    // a copy is another set, whose times are its own
    FlagSet(FlagSet other) => (Flags, Rules, Killed) = (other.Flags, other.Rules, other.Killed);

    /// <summary>No flags.</summary>
    public FlagSet()
    {
    }

    /// <summary>What a flag answers for a context at a moment.</summary>
    public FlagAnswer Evaluate(string name, FlagContext context, Timestamp at) => Flags.TryGetValue(name, out var flag)
        ? Evaluate(flag, context, at)
        : FlagAnswer.Failed(null, FlagErrorCode.FlagNotFound, $"There is no flag '{name}' here.");

    /// <summary>What a flag of this set answers for a context at a moment.</summary>
    public FlagAnswer Evaluate(Flag flag, FlagContext context, Timestamp at)
    {
        var definition = flag.Definition;
        // most flags have no rule, and most evaluations end here
        if (definition is { Rule: null, Broken: null, Enabled: true } && !flag.Killed && !Killed)
            return new FlagAnswer { Flag = flag, Variant = definition.DefaultVariant, Reason = definition.DefaultVariant is null ? FlagReason.Default : FlagReason.Static };
        var run = new RuleRun(this, context, at, null);
        return Answer(ref run, flag);
    }

    /// <summary>The same, with the way through the rule.</summary>
    public FlagAnswer Explain(Flag flag, FlagContext context, Timestamp at, FlagTrace trace)
    {
        var run = new RuleRun(this, context, at, trace);
        return Answer(ref run, flag);
    }

    static FlagAnswer Answer(ref RuleRun run, Flag flag)
    {
        var variant = run.Resolve(flag, out var reason);
        if (run.Error != FlagErrorCode.None) return FlagAnswer.Failed(flag, run.Error, run.Message!);
        return new FlagAnswer { Flag = flag, Variant = variant, Reason = reason, Rule = run.Exit?.Pointer, BucketTotal = run.BucketTotal, Bucket = run.Bucket };
    }
}
