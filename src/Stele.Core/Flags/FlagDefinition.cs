using System.Diagnostics.CodeAnalysis;
using Stele.Core.Faults;
using Stele.Core.Flags.Rules;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>
/// What a flag is: flagd's flag object (<c>state</c>, <c>variants</c>, <c>defaultVariant</c>, <c>targeting</c>,
/// <c>metadata</c>; flagd.dev, "flag definitions"), or the short form <c>{"enabled","percentage","target_users"}</c>,
/// which stands for one. Compiled; immutable, and safe to use from any thread.
/// </summary>
/// <remarks>
/// <para>Short form: a boolean flag with the variants <c>on</c> and <c>off</c>. Its target users (targeting keys) get
/// <c>on</c>, and so does the percentage of everybody else; without a percentage that is nobody if target users are named,
/// else everybody. A <c>schedule</c> may take the percentage's place: <c>[[time, percentage], …]</c>. Disabled it is <c>off</c>.</para>
/// <para>How subjects are put into buckets is an attribute of the flag, <c>bucketing</c>, so that it never changes under them.</para>
/// </remarks>
public sealed class FlagDefinition
{
    const int FewVariants = 8;

    readonly Dictionary<string, FlagVariant> variants;
    readonly FlagVariant[] few;

    internal FlagDefinition(byte[] text, FlagParts parts)
    {
        Text = text;
        Full = parts.Full ?? text;
        IsShort = parts.IsShort;
        Enabled = parts.Enabled;
        variants = parts.Variants;
        few = [.. variants.Values.Take(FewVariants)];
        DefaultVariant = parts.DefaultVariant;
        OffVariant = parts.IsShort ? variants.GetValueOrDefault("off") : null;
        Metadata = parts.Metadata;
        Bucketing = parts.Bucketing;
        Rule = parts.Rule;
        Broken = parts.Broken ?? parts.Rule?.Broken;
    }

    /// <summary>Canonical JSON bytes, as they were given.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "shared, and written as it is")]
    public byte[] Text { get; }

    /// <summary>The flagd flag object that the text is, or that the short form stands for; canonical JSON bytes.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "shared, and written as it is")]
    public byte[] Full { get; }

    /// <summary>Whether the text is a short form.</summary>
    public bool IsShort { get; }

    /// <summary>Whether the flag is evaluated at all: flagd's <c>state</c>, or the short form's <c>enabled</c>.</summary>
    public bool Enabled { get; }

    /// <summary>The variants, in the order of the text.</summary>
    public IReadOnlyCollection<FlagVariant> Variants => variants.Values;

    /// <summary>The variant that counts where the rule chooses none; null: the caller's own default does.</summary>
    public FlagVariant? DefaultVariant { get; }

    /// <summary>Primitive values by name, as canonical JSON bytes.</summary>
    public IReadOnlyDictionary<string, byte[]> Metadata { get; }

    /// <summary>How subjects are put into buckets.</summary>
    public FlagBucketing Bucketing { get; }

    /// <summary>Why the definition cannot be evaluated, or null. What was accepted once can only break if a limit was lowered since.</summary>
    public string? Broken { get; }

    /// <summary>Whether the answer is the same for everybody at any time.</summary>
    public bool IsStatic => Rule is null;

    /// <summary>The shared rules that the flag's own rule refers to.</summary>
    public IEnumerable<string> SharedRules => Rule?.Reads.Shared.Select(reference => reference.Name).Distinct() ?? [];

    /// <summary>The flags that the flag's own rule reads.</summary>
    public IEnumerable<string> Prerequisites => Rule?.Reads.Prerequisites.Select(reference => reference.Name).Distinct() ?? [];

    /// <summary>The variant of a disabled flag; null: the caller's own default counts.</summary>
    internal FlagVariant? OffVariant { get; }

    internal Rule? Rule { get; }

    /// <summary>A definition that somebody gave, checked in itself; what it refers to is checked by <see cref="FlagChecks"/>.</summary>
    /// <param name="canonical">Canonical JSON bytes (<see cref="Json.CanonicalJson"/>), which are kept.</param>
    /// <param name="pointer">The definition's JSON pointer in what the caller was sent; problems are named below it.</param>
    /// <param name="problems">Gets every broken rule: <c>flag.bytes</c>, <c>flag.definition</c>, <c>flag.state</c>, <c>flag.variants</c>,
    /// <c>flag.default_variant</c>, <c>flag.metadata</c>, <c>flag.bucketing</c>, <c>flag.percentage</c>, <c>flag.target_users</c>,
    /// <c>flag.schedule</c>; of the rule <c>flag.rule</c>, <c>flag.operation</c>, <c>flag.arguments</c>, <c>flag.variant</c>,
    /// <c>flag.fractional</c>, <c>flag.var</c>, <c>flag.reference</c>, <c>flag.prerequisite</c>; <c>member.unknown</c>,
    /// <c>member.required</c>, <c>member.type</c>, <c>json.depth</c>.</param>
    /// <returns>The definition, or null if a rule is broken.</returns>
    public static FlagDefinition? Parse(byte[] canonical, string pointer, List<Problem> problems)
    {
        var before = problems.Count;
        var parts = new FlagReader(canonical, pointer, problems, SteleLimits.FlagBytes.Value).Read();
        return problems.Count == before ? new FlagDefinition(canonical, parts) : null;
    }

    /// <summary>A definition that the journal or a table holds. One that cannot be read any more is <see cref="Broken"/>, and says so when it is evaluated.</summary>
    public static FlagDefinition Stored(byte[] canonical) => new(canonical, new FlagReader(canonical, "", [], int.MaxValue).Read());

    /// <summary>Whether a definition's canonical text is a short form.</summary>
    public static bool IsShortForm(byte[] canonical) => canonical.AsSpan().IndexOf("\"enabled\":"u8) >= 0 && JsonTape.Keep(canonical).Member(0, "enabled"u8) >= 0;

    /// <summary>
    /// The flag object for evaluators that know flagd's operations alone: schedules are ifs over the time there. Null if the
    /// rule reads other flags, for which flagd has nothing.
    /// </summary>
    public byte[]? ForFlagd()
    {
        if (Rule is not { } rule) return Full;
        return rule.Reads.Prerequisites.Count > 0 ? null : FlagSchedule.Spelled(Full, rule.Reads);
    }

    /// <summary>A flag object with the state DISABLED.</summary>
    /// <param name="full">Its canonical JSON bytes.</param>
    public static byte[] Disabled(byte[] full)
    {
        var tape = JsonTape.Keep(full);
        var state = tape.Member(0, "state"u8);
        return state < 0 ? full : [.. full.AsSpan(0, tape[state].Start), .. "DISABLED"u8, .. full.AsSpan(tape[state].End)];
    }

    /// <summary>A variant by name, or null.</summary>
    public FlagVariant? Variant(string name)
    {
        // literals in rules are the very strings that the variants have
        foreach (var variant in few)
            if (ReferenceEquals(variant.Name, name)) return variant;
        return variants.GetValueOrDefault(name);
    }
}

/// <summary>How subjects are put into buckets. What is written once is kept for ever.</summary>
public enum FlagBucketing : byte
{
    /// <summary><c>murmur3_x86_32</c>: the hash of the key's UTF-8 bytes, seed 0, times the total weight, shifted right by 32 (flagd since 2026).</summary>
    Murmur3,
}

/// <summary>What a definition's text says.</summary>
sealed class FlagParts
{
    public bool IsShort { get; set; }
    public bool Enabled { get; set; } = true;
    public Dictionary<string, FlagVariant> Variants { get; } = new(StringComparer.Ordinal);
    public FlagVariant? DefaultVariant { get; set; }
    public Dictionary<string, byte[]> Metadata { get; set; } = [];
    public FlagBucketing Bucketing { get; set; }
    public Rule? Rule { get; set; }
    public byte[]? Full { get; set; }
    public string? Broken { get; set; }
}
