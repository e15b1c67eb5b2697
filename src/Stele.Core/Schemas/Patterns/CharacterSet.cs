using System.Globalization;

namespace Stele.Core.Schemas.Patterns;

/// <summary>A set of code points: ranges, and Unicode general categories. Immutable.</summary>
sealed class CharacterSet
{
    /// <summary>The last code point.</summary>
    public const int Last = 0x10ffff;

    readonly int[] ranges;
    readonly uint categories;
    readonly bool negated;
    readonly ulong low;
    readonly ulong high;

    /// <summary>A set.</summary>
    /// <param name="ranges">First and last of each range, in any order.</param>
    /// <param name="categories">A bit for each <see cref="UnicodeCategory"/>.</param>
    /// <param name="negated">Whether it is all that is not said.</param>
    public CharacterSet(List<(int First, int Last)> ranges, uint categories, bool negated)
    {
        this.ranges = Merge(ranges);
        this.categories = categories;
        this.negated = negated;
        for (var i = 0; i < 128; i++)
            if (Search(i)) (i < 64 ? ref low : ref high) |= 1UL << (i & 63);
    }

    /// <summary>Whether a code point is in it.</summary>
    public bool Contains(int codePoint) => codePoint < 64 ? (low >> codePoint & 1) != 0
        : codePoint < 128 ? (high >> (codePoint & 63) & 1) != 0
        : Search(codePoint);

    /// <summary>All that is not in the ranges.</summary>
    public static List<(int First, int Last)> Complement(List<(int First, int Last)> ranges)
    {
        var merged = Merge(ranges);
        var others = new List<(int, int)>();
        var next = 0;
        for (var i = 0; i < merged.Length; i += 2)
        {
            if (merged[i] > next) others.Add((next, merged[i] - 1));
            next = merged[i + 1] + 1;
        }
        if (next <= Last) others.Add((next, Last));
        return others;
    }

    bool Search(int codePoint)
    {
        var (from, to) = (0, ranges.Length / 2);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (codePoint > ranges[2 * middle + 1]) from = middle + 1;
            else to = middle;
        }
        var found = from < ranges.Length / 2 && codePoint >= ranges[2 * from];
        if (!found && categories != 0) found = (categories >> (int)CharUnicodeInfo.GetUnicodeCategory(codePoint) & 1) != 0;
        return found != negated;
    }

    static int[] Merge(List<(int First, int Last)> ranges)
    {
        var merged = new List<int>();
        foreach (var (first, last) in ranges.Order())
            if (merged.Count > 0 && first <= merged[^1] + 1) merged[^1] = Math.Max(merged[^1], last);
            else merged.AddRange([first, last]);
        return [.. merged];
    }
}
