using System.Buffers;
using Stele.Core.Limits;

namespace Stele.Core.Configs;

/// <summary>The beginning of keys, of flags' names and of what belongs to a set of flags: a string, not a segment. Empty: all keys.</summary>
public static class KeyPrefix
{
    static readonly SearchValues<char> Characters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-[]/$");

    /// <summary>The rule that a prefix breaks and a sentence about it, or null. What no key can begin with is refused, because it was meant otherwise.</summary>
    public static (string Rule, string Message)? Check(string prefix)
    {
        if (prefix.Length > SteleLimits.KeyCharacters.Value)
            return ("prefix.length", $"A prefix has at most {SteleLimits.KeyCharacters.Value} characters; this one has {prefix.Length}.");
        return prefix.AsSpan().ContainsAnyExcept(Characters)
            ? ("prefix.characters", "A prefix holds what keys and names hold: letters, digits and . _ - [ ] / $.")
            : null;
    }
}
