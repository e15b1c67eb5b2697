using System.Globalization;

namespace Stele.Core.Flags.Rules;

/// <summary>From values to numbers and from numbers to text, as JavaScript does it (ECMA-262, 7.1.4 ToNumber, 6.1.6.1.20 Number::toString, 19.2.4 parseFloat).</summary>
static class RuleNumber
{
    /// <summary>ToNumber.</summary>
    public static double Of(ref RuleRun run, RuleValue value) => value.Kind switch
    {
        RuleKind.Undefined => double.NaN,
        RuleKind.Null => 0,
        RuleKind.Boolean or RuleKind.Number => value.Number,
        RuleKind.Object => double.NaN,
        _ => OfText(ref run, RuleText.Of(ref run, value)),
    };

    /// <summary>parseFloat: the number that a text begins with.</summary>
    public static double Prefix(ref RuleRun run, RuleValue value)
    {
        switch (value.Kind)
        {
            case RuleKind.Number: return value.Number == 0 ? 0 : value.Number;
            case RuleKind.String or RuleKind.Array: break;
            default: return double.NaN;
        }
        var text = RuleText.Of(ref run, value);
        if (!run.PayFor(text.Length)) return double.NaN;
        var rest = TrimStart(text);
        var length = DecimalLength(rest);
        return length > 0 ? Parse(rest[..length]) : Infinity(rest, prefix: true) ?? double.NaN;
    }

    /// <summary>ToIntegerOrInfinity.</summary>
    public static double Whole(ref RuleRun run, RuleValue value) => Of(ref run, value) is var number && double.IsNaN(number) ? 0 : Math.Truncate(number);

    /// <summary>The text of a number: the shortest digits that give it back, with an exponent from 1e21 on and below 1e-6.</summary>
    public static string Text(double number)
    {
        if (number == 0) return "0";
        if (double.IsNaN(number)) return "NaN";
        if (double.IsInfinity(number)) return number > 0 ? "Infinity" : "-Infinity";
        if (number == Math.Truncate(number) && Math.Abs(number) < 1e15) return ((long)number).ToString(CultureInfo.InvariantCulture);
        var text = Lay(Math.Abs(number).ToString("R", CultureInfo.InvariantCulture));
        return number < 0 ? "-" + text : text;
    }

    static string Lay(string shortest)
    {
        var mantissa = shortest.AsSpan();
        var exponent = 0;
        if (mantissa.IndexOf('E') is var e and >= 0)
        {
            exponent = int.Parse(mantissa[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
            mantissa = mantissa[..e];
        }
        var point = mantissa.IndexOf('.');
        var digits = point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..]);
        // the value is 0.DIGITS times ten to the n
        var n = exponent + (point < 0 ? digits.Length : point);
        var significant = digits.TrimStart('0');
        n -= digits.Length - significant.Length;
        significant = significant.TrimEnd('0');
        var count = significant.Length;
        return n switch
        {
            _ when count <= n && n <= 21 => significant + new string('0', n - count),
            > 0 and <= 21 => $"{significant[..n]}.{significant[n..]}",
            > -6 and <= 0 => $"0.{new string('0', -n)}{significant}",
            _ => string.Create(CultureInfo.InvariantCulture, $"{significant[0]}{(count > 1 ? "." : "")}{significant[1..]}e{(n > 0 ? "+" : "-")}{Math.Abs(n - 1)}"),
        };
    }

    static double OfText(ref RuleRun run, string text)
    {
        if (!run.PayFor(text.Length)) return double.NaN;
        var rest = TrimStart(text);
        while (rest.Length > 0 && IsBlank(rest[^1])) rest = rest[..^1];
        if (rest.IsEmpty) return 0;
        if (rest.Length > 2 && rest[0] == '0' && Base(rest[1]) is var radix and > 0) return OfDigits(rest[2..], radix);
        return DecimalLength(rest) == rest.Length ? Parse(rest) : Infinity(rest, prefix: false) ?? double.NaN;
    }

    static double OfDigits(ReadOnlySpan<char> digits, int radix)
    {
        double value = 0;
        foreach (var digit in digits)
        {
            var worth = char.IsAsciiHexDigit(digit) ? Convert.ToInt32(digit.ToString(), 16) : radix;
            if (worth >= radix) return double.NaN;
            value = value * radix + worth;
        }
        return value;
    }

    static int Base(char letter) => letter switch
    {
        'x' or 'X' => 16,
        'o' or 'O' => 8,
        'b' or 'B' => 2,
        _ => 0,
    };

    static double? Infinity(ReadOnlySpan<char> text, bool prefix)
    {
        var negative = text.StartsWith('-');
        if (negative || text.StartsWith('+')) text = text[1..];
        if (prefix ? !text.StartsWith("Infinity") : text is not "Infinity") return null;
        return negative ? double.NegativeInfinity : double.PositiveInfinity;
    }

    /// <summary>How many characters at the beginning are a decimal number: sign, digits with a point in or beside them, exponent.</summary>
    static int DecimalLength(ReadOnlySpan<char> text)
    {
        var at = text.Length > 0 && text[0] is '+' or '-' ? 1 : 0;
        var whole = Digits(text, ref at);
        var fraction = 0;
        if (at < text.Length && text[at] == '.')
        {
            var behind = at + 1;
            fraction = Digits(text, ref behind);
            if (whole + fraction > 0) at = behind;
        }
        if (whole + fraction == 0) return 0;
        if (at >= text.Length || text[at] is not ('e' or 'E')) return at;
        var end = at + 1;
        if (end < text.Length && text[end] is '+' or '-') end++;
        return Digits(text, ref end) > 0 ? end : at;
    }

    static int Digits(ReadOnlySpan<char> text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at])) at++;
        return at - start;
    }

    static double Parse(ReadOnlySpan<char> text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    static ReadOnlySpan<char> TrimStart(string text)
    {
        var rest = text.AsSpan();
        while (rest.Length > 0 && IsBlank(rest[0])) rest = rest[1..];
        return rest;
    }

    // white space and line ends of ECMA-262, 12.2 and 12.3; U+0085 is none there
    static bool IsBlank(char c) => c == '\ufeff' || (char.IsWhiteSpace(c) && c != '\u0085');
}
