using Stele.Core.Limits;

namespace Stele.Core.Schemas.Patterns;

/// <summary>What one instruction of a pattern does.</summary>
enum PatternOp : byte
{
    /// <summary>Takes one character of the set, and goes on behind.</summary>
    One,
    /// <summary>Goes on at both X and Y.</summary>
    Split,
    /// <summary>Goes on at X.</summary>
    Jump,
    /// <summary>Goes on behind if the place is of kind X.</summary>
    Edge,
    /// <summary>Goes on at Y if what begins behind matches here; see the flags.</summary>
    Look,
    /// <summary>There is a match.</summary>
    Match,
}

/// <summary>An instruction.</summary>
readonly record struct PatternStep(PatternOp Op, int X, int Y, CharacterSet? Set, bool Behind = false, bool Negated = false);

/// <summary>
/// A regular expression as a program for <see cref="PatternMatch"/>, which runs all alternatives side by side: a match
/// takes time in proportion to text × program, whatever the pattern. Immutable.
/// </summary>
sealed class Pattern
{
    readonly List<PatternStep> emitted = [];

    Pattern(string source) => Source = source;

    /// <summary>As it was written.</summary>
    public string Source { get; }

    /// <summary>The instructions.</summary>
    public PatternStep[] Steps { get; private set; } = [];

    /// <summary>Whether a match can begin at the text's beginning only.</summary>
    public bool IsAnchored { get; private set; }

    /// <summary>The program of a pattern, or why there is none.</summary>
    public static Pattern? Compile(string source, out string? refusal)
    {
        if (source.Length > SteleLimits.PatternCharacters.Value)
        {
            refusal = $"it has {source.Length} characters; a pattern has at most {SteleLimits.PatternCharacters.Value}";
            return null;
        }
        if (PatternParser.Parse(source, out refusal) is not { } root) return null;
        var pattern = new Pattern(source) { IsAnchored = root is PatternNode.Edge { Kind: EdgeKind.Begin } or PatternNode.Sequence { Parts: [PatternNode.Edge { Kind: EdgeKind.Begin }, ..] } };
        pattern.Emit(root, behind: false);
        pattern.Add(new PatternStep(PatternOp.Match, 0, 0, null));
        if (pattern.IsFull)
        {
            refusal = $"its repetitions make it longer than {SteleLimits.PatternInstructions.Value} instructions";
            return null;
        }
        pattern.Steps = [.. pattern.emitted];
        pattern.emitted.Clear();
        return pattern;
    }

    bool IsFull => emitted.Count > SteleLimits.PatternInstructions.Value;

    void Emit(PatternNode node, bool behind)
    {
        // counts within counts multiply: past the limit nothing more is written, and the pattern is refused
        if (IsFull) return;
        switch (node)
        {
            case PatternNode.One one: Add(new PatternStep(PatternOp.One, 0, 0, one.Set)); break;
            case PatternNode.Edge edge: Add(new PatternStep(PatternOp.Edge, (int)edge.Kind, 0, null)); break;
            case PatternNode.Sequence sequence:
                foreach (var part in behind ? Enumerable.Reverse(sequence.Parts) : sequence.Parts) Emit(part, behind);
                break;
            case PatternNode.Choice choice: EmitChoice(choice, behind); break;
            case PatternNode.Repeat repeat: EmitRepeat(repeat, behind); break;
            case PatternNode.Look look:
                var at = Add(default);
                Emit(look.Part, look.Behind);
                Add(new PatternStep(PatternOp.Match, 0, 0, null));
                emitted[at] = new PatternStep(PatternOp.Look, at + 1, emitted.Count, null, look.Behind, look.Negated);
                break;
        }
    }

    void EmitChoice(PatternNode.Choice choice, bool behind)
    {
        var ends = new List<int>();
        for (var i = 0; i < choice.Options.Count - 1; i++)
        {
            var split = Add(default);
            Emit(choice.Options[i], behind);
            ends.Add(Add(default));
            emitted[split] = new PatternStep(PatternOp.Split, split + 1, emitted.Count, null);
        }
        Emit(choice.Options[^1], behind);
        foreach (var end in ends) emitted[end] = new PatternStep(PatternOp.Jump, emitted.Count, 0, null);
    }

    void EmitRepeat(PatternNode.Repeat repeat, bool behind)
    {
        for (var i = 0; i < repeat.Min && !IsFull; i++)
        {
            var before = emitted.Count;
            Emit(repeat.Part, behind);
            // a part that takes no instruction takes none however often: a million times nothing must not take a million turns
            if (emitted.Count == before) break;
        }
        if (repeat.Max < 0)
        {
            var split = Add(default);
            Emit(repeat.Part, behind);
            Add(new PatternStep(PatternOp.Jump, split, 0, null));
            emitted[split] = new PatternStep(PatternOp.Split, split + 1, emitted.Count, null);
            return;
        }
        var exits = new List<int>();
        for (var i = repeat.Min; i < repeat.Max && !IsFull; i++)
        {
            exits.Add(Add(default));
            Emit(repeat.Part, behind);
        }
        foreach (var exit in exits) emitted[exit] = new PatternStep(PatternOp.Split, exit + 1, emitted.Count, null);
    }

    int Add(PatternStep step)
    {
        emitted.Add(step);
        return emitted.Count - 1;
    }
}
