namespace Stele.Core.Json;

/// <summary>What the scanner learned about a string while passing over it.</summary>
[Flags]
internal enum JsonStringTraits
{
    None = 0,
    /// <summary>Has escapes: its text is not its bytes.</summary>
    Escaped = 1,
    /// <summary>Has an escape that the canonical form spells otherwise.</summary>
    Respelled = 2,
    /// <summary>Holds U+0000, which PostgreSQL's text cannot.</summary>
    Nul = 4,
    /// <summary>Holds half of a surrogate pair, which UTF-8 cannot.</summary>
    LoneSurrogate = 8,
    /// <summary>Its bytes are not UTF-8.</summary>
    BadUtf8 = 16,
}

/// <summary>A string token: where its content lies between the quotes.</summary>
internal readonly record struct JsonString(int Start, int Length, JsonStringTraits Traits)
{
    public bool Has(JsonStringTraits traits) => (Traits & traits) != 0;
}
