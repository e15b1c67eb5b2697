namespace Stele.Core.Schemas.Patterns;

/// <summary>A part of a regular expression, as written.</summary>
abstract record PatternNode
{
    /// <summary>One character of a set.</summary>
    public sealed record One(CharacterSet Set) : PatternNode;

    /// <summary>One part after another; none of them matches the empty text.</summary>
    public sealed record Sequence(List<PatternNode> Parts) : PatternNode;

    /// <summary>Any one of several.</summary>
    public sealed record Choice(List<PatternNode> Options) : PatternNode;

    /// <summary>A part several times. Greedy or lazy makes no difference to whether there is a match.</summary>
    /// <param name="Part">The part.</param>
    /// <param name="Min">At least so often.</param>
    /// <param name="Max">At most; a negative number: without end.</param>
    public sealed record Repeat(PatternNode Part, int Min, int Max) : PatternNode;

    /// <summary>A place that takes no character.</summary>
    public sealed record Edge(EdgeKind Kind) : PatternNode;

    /// <summary>What must, or must not, lie ahead or behind.</summary>
    public sealed record Look(PatternNode Part, bool Behind, bool Negated) : PatternNode;
}

/// <summary>The kinds of place.</summary>
enum EdgeKind : byte
{
    /// <summary>Where the text begins.</summary>
    Begin,
    /// <summary>Where the text ends.</summary>
    End,
    /// <summary>Between a word's character and another.</summary>
    Word,
    /// <summary>Anywhere else.</summary>
    NotWord,
}
