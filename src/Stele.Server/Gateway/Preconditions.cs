using Stele.Core.Faults;

namespace Stele.Server.Gateway;

/// <summary>If-Match and If-None-Match of a write (RFC 9110, 13.1). One tag, because a key has one current version.</summary>
/// <param name="Version">The version that the key must have; 0: it must not exist.</param>
/// <param name="Incarnation">The history that the tag is from, to be compared.</param>
/// <param name="MustExist">Whether the key must exist, whatever its version.</param>
internal readonly record struct Preconditions(int? Version, uint? Incarnation, bool MustExist)
{
    // no key ever has it, so a tag that this server cannot have given never matches
    const int NoVersion = int.MaxValue;

    /// <summary>Whether there is one.</summary>
    public bool Any => Version is not null || MustExist;

    /// <summary>Reads the headers.</summary>
    public static Preconditions Parse(HttpRequest request, List<Problem> problems)
    {
        var match = request.Headers.IfMatch;
        var noneMatch = request.Headers.IfNoneMatch;
        if (match.Count > 0 && noneMatch.Count > 0)
            problems.Add(Problem.Header("If-None-Match", "precondition.both", "Give If-Match or If-None-Match, not both."));
        if (match.Count > 0) return IfMatch(match.ToString().Trim(), problems);
        if (noneMatch.Count == 0) return default;
        if (noneMatch.ToString().Trim() == "*") return new Preconditions(0, null, false);
        problems.Add(Problem.Header("If-None-Match", "if_none_match", "On a write If-None-Match is *: the key must not exist."));
        return default;
    }

    static Preconditions IfMatch(string text, List<Problem> problems)
    {
        if (text == "*") return new Preconditions(null, null, true);
        if (EntityTag.TryParse(text, out var tag)) return new Preconditions(tag.Version == 0 ? NoVersion : tag.Version, tag.Incarnation, false);
        if (text.Length < 2 || text.Contains(',') || text[^1] != '"')
            problems.Add(Problem.Header("If-Match", "if_match", "If-Match is * or one entity tag."));
        return new Preconditions(NoVersion, null, false);
    }
}
