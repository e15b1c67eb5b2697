using System.Diagnostics.CodeAnalysis;
using Stele.Core.Flags.Rules;

namespace Stele.Core.Flags;

/// <summary>What kind of value all variants of a flag have.</summary>
public enum FlagValueType : byte
{
    /// <summary>true or false.</summary>
    Boolean,
    /// <summary>A string.</summary>
    String,
    /// <summary>A number, within the integers that a double holds exactly, or with a fraction.</summary>
    Number,
    /// <summary>A JSON object.</summary>
    Object,
}

/// <summary>The names of value types on the wire.</summary>
public static class FlagValueTypes
{
    static readonly string[] names = ["boolean", "string", "number", "object"];

    /// <summary>The name on the wire.</summary>
    public static string Name(this FlagValueType type) => names[(int)type];
}

/// <summary>One of a flag's values, by name.</summary>
public sealed class FlagVariant
{
    internal FlagVariant(string name, FlagValueType type, byte[] value, RuleValue asRule)
    {
        Name = name;
        Type = type;
        Value = value;
        AsRule = asRule;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>What kind of value it is.</summary>
    public FlagValueType Type { get; }

    /// <summary>Canonical JSON bytes; a number's text is the author's.</summary>
    [SuppressMessage("Performance", "CA1819", Justification = "shared, and written as it is")]
    public byte[] Value { get; }

    /// <summary>The value of a boolean flag; false for other types.</summary>
    public bool IsTrue => Type == FlagValueType.Boolean && Value[0] == 't';

    /// <summary>The value as another flag's rule reads it.</summary>
    internal RuleValue AsRule { get; }
}
