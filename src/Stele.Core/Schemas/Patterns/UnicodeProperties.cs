using System.Globalization;

namespace Stele.Core.Schemas.Patterns;

/// <summary>
/// The properties that <c>\p{…}</c> may name: the general categories with all their names (Unicode's
/// PropertyValueAliases), and those binary ones that need no tables.
/// </summary>
static class UnicodeProperties
{
    /// <summary>What is said of a name that is not here.</summary>
    public const string Known = "known are the general categories, such as L, Lu, Letter or Uppercase_Letter, and Any, ASCII, ASCII_Hex_Digit, Assigned and White_Space";

    /// <summary>White space and line ends as ECMA-262 has them: what <c>\s</c> means.</summary>
    public static readonly List<(int First, int Last)> Space =
    [
        (0x09, 0x0d), (0x20, 0x20), (0xa0, 0xa0), (0x1680, 0x1680), (0x2000, 0x200a), (0x2028, 0x2029), (0x202f, 0x202f), (0x205f, 0x205f), (0x3000, 0x3000), (0xfeff, 0xfeff),
    ];

    // the order of UnicodeCategory
    static readonly string[][] names =
    [
        ["Lu", "Uppercase_Letter"], ["Ll", "Lowercase_Letter"], ["Lt", "Titlecase_Letter"], ["Lm", "Modifier_Letter"], ["Lo", "Other_Letter"],
        ["Mn", "Nonspacing_Mark"], ["Mc", "Spacing_Mark"], ["Me", "Enclosing_Mark"],
        ["Nd", "Decimal_Number", "digit"], ["Nl", "Letter_Number"], ["No", "Other_Number"],
        ["Zs", "Space_Separator"], ["Zl", "Line_Separator"], ["Zp", "Paragraph_Separator"],
        ["Cc", "Control", "cntrl"], ["Cf", "Format"], ["Cs", "Surrogate"], ["Co", "Private_Use"],
        ["Pc", "Connector_Punctuation"], ["Pd", "Dash_Punctuation"], ["Ps", "Open_Punctuation"], ["Pe", "Close_Punctuation"],
        ["Pi", "Initial_Punctuation"], ["Pf", "Final_Punctuation"], ["Po", "Other_Punctuation"],
        ["Sm", "Math_Symbol"], ["Sc", "Currency_Symbol"], ["Sk", "Modifier_Symbol"], ["So", "Other_Symbol"],
        ["Cn", "Unassigned"],
    ];

    static readonly Dictionary<string, string> groups = new(StringComparer.Ordinal)
    {
        ["L"] = "L", ["Letter"] = "L", ["M"] = "M", ["Mark"] = "M", ["Combining_Mark"] = "M", ["N"] = "N", ["Number"] = "N", ["Z"] = "Z", ["Separator"] = "Z",
        ["C"] = "C", ["Other"] = "C", ["P"] = "P", ["Punctuation"] = "P", ["punct"] = "P", ["S"] = "S", ["Symbol"] = "S",
    };

    /// <summary>The ranges and categories of what stands between the braces; false if it is not known.</summary>
    public static bool TryFind(string text, out List<(int First, int Last)> ranges, out uint categories)
    {
        ranges = [];
        categories = 0;
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals >= 0)
        {
            if (text[..equals] is not ("gc" or "General_Category")) return false;
            text = text[(equals + 1)..];
        }
        else
            switch (text)
            {
                case "Any": ranges.Add((0, CharacterSet.Last)); return true;
                case "ASCII": ranges.Add((0, 0x7f)); return true;
                case "ASCII_Hex_Digit" or "AHex": ranges.AddRange([('0', '9'), ('A', 'F'), ('a', 'f')]); return true;
                case "Assigned": categories = All & ~(1u << (int)UnicodeCategory.OtherNotAssigned); return true;
                case "White_Space" or "space": ranges.AddRange([.. Space.Where(range => range.First != 0xfeff), (0x85, 0x85)]); return true;
            }
        if (groups.TryGetValue(text, out var group))
        {
            for (var i = 0; i < names.Length; i++)
                if (names[i][0].StartsWith(group, StringComparison.Ordinal)) categories |= 1u << i;
        }
        else if (text is "LC" or "Cased_Letter") categories = 0b111;
        else if (Array.FindIndex(names, aliases => aliases.Contains(text)) is var index and >= 0) categories = 1u << index;
        return categories != 0;
    }

    /// <summary>Every category.</summary>
    public static uint All => (1u << names.Length) - 1;
}
