namespace Stele.Core.Flags.Rules;

/// <summary>
/// A version (semver.org 2.0.0), as flagd's evaluators read one: a <c>v</c> in front is dropped, <c>1</c> and <c>1.2</c>
/// are 1.0.0 and 1.2.0, and build metadata counts for nothing.
/// </summary>
readonly struct SemanticVersion : IComparable<SemanticVersion>
{
    const int CharactersMax = 256;
    const long NumberMax = (1L << 53) - 1;
    const int DigitsMax = 16;

    readonly string prerelease;

    SemanticVersion(long major, long minor, long patch, string prerelease)
    {
        (Major, Minor, Patch) = (major, minor, patch);
        this.prerelease = prerelease;
    }

    public long Major { get; }

    public long Minor { get; }

    public long Patch { get; }

    /// <summary>The version that a text is, or null.</summary>
    public static SemanticVersion? Parse(string text)
    {
        if (text.Length > CharactersMax) return null;
        var rest = text.AsSpan().Trim();
        if (rest.Length > 0 && rest[0] is 'v' or 'V') rest = rest[1..];
        if (!Number(ref rest, out var major)) return null;
        if (rest.IsEmpty) return new SemanticVersion(major, 0, 0, "");
        if (!Dot(ref rest) || !Number(ref rest, out var minor)) return null;
        if (rest.IsEmpty) return new SemanticVersion(major, minor, 0, "");
        if (!Dot(ref rest) || !Number(ref rest, out var patch)) return null;
        if (rest.IndexOf('+') is var plus and >= 0)
        {
            if (!AreIdentifiers(rest[(plus + 1)..], numbersBare: false)) return null;
            rest = rest[..plus];
        }
        if (rest.IsEmpty) return new SemanticVersion(major, minor, patch, "");
        return rest[0] == '-' && AreIdentifiers(rest[1..], numbersBare: true) ? new SemanticVersion(major, minor, patch, rest[1..].ToString()) : null;
    }

    public int CompareTo(SemanticVersion other)
    {
        if (Major != other.Major) return Major.CompareTo(other.Major);
        if (Minor != other.Minor) return Minor.CompareTo(other.Minor);
        if (Patch != other.Patch) return Patch.CompareTo(other.Patch);
        if (prerelease.Length == 0 || other.prerelease.Length == 0) return other.prerelease.Length.CompareTo(prerelease.Length);
        return Compare(prerelease, other.prerelease);
    }

    static int Compare(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        while (true)
        {
            var x = Next(ref a);
            var y = Next(ref b);
            if (x.IsEmpty || y.IsEmpty) return x.Length.CompareTo(y.Length);
            var (first, second) = (IsNumber(x), IsNumber(y));
            // numbers come before words, the shorter number before the longer: they have no zeros in front
            var order = first != second ? second.CompareTo(first)
                : first && x.Length != y.Length ? x.Length.CompareTo(y.Length)
                : x.SequenceCompareTo(y);
            if (order != 0) return order;
        }
    }

    static ReadOnlySpan<char> Next(ref ReadOnlySpan<char> identifiers)
    {
        var dot = identifiers.IndexOf('.');
        var next = dot < 0 ? identifiers : identifiers[..dot];
        identifiers = dot < 0 ? [] : identifiers[(dot + 1)..];
        return next;
    }

    static bool AreIdentifiers(ReadOnlySpan<char> text, bool numbersBare)
    {
        foreach (var range in text.Split('.'))
        {
            var one = text[range];
            if (one.IsEmpty || (numbersBare && one.Length > 1 && one[0] == '0' && IsNumber(one))) return false;
            foreach (var c in one)
                if (!char.IsAsciiLetterOrDigit(c) && c != '-') return false;
        }
        return true;
    }

    static bool IsNumber(ReadOnlySpan<char> identifier) => !identifier.ContainsAnyExceptInRange('0', '9');

    static bool Dot(ref ReadOnlySpan<char> text)
    {
        if (text[0] != '.') return false;
        text = text[1..];
        return true;
    }

    static bool Number(ref ReadOnlySpan<char> text, out long number)
    {
        var length = 0;
        number = 0;
        while (length < text.Length && char.IsAsciiDigit(text[length]) && length <= DigitsMax) number = number * 10 + (text[length++] - '0');
        if (length is 0 or > DigitsMax || (length > 1 && text[0] == '0')) return false;
        text = text[length..];
        return number <= NumberMax;
    }
}
