using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Stele.Core.Limits;

namespace Stele.Core.Json;

/// <summary>The tokens: strings, numbers, literals.</summary>
internal ref partial struct JsonScanner
{
    /// <summary>Passes over a scalar, or into a container; false if the pass ends.</summary>
    bool BeginValue()
    {
        if (!Peek(out var kind))
        {
            Broken("a value must come here (NaN and Infinity are none)");
            return false;
        }
        switch (kind)
        {
            case JsonKind.Object or JsonKind.Array:
                if (Depth - valueFloor >= SteleLimits.JsonDepth.Value)
                {
                    Report("json.depth", $"A value has at most {SteleLimits.JsonDepth.Value} levels.");
                    Failed = true;
                    return false;
                }
                Open(kind == JsonKind.Array, members: null);
                break;
            case JsonKind.String:
                if (ScanString(out var token)) ReportTraits(token, "string");
                break;
            case JsonKind.Number:
                ScanNumber();
                break;
            default:
                ScanLiteral();
                break;
        }
        return !Failed;
    }

    /// <summary>Passes over the string that begins here; false if the text is broken. The caller reports its traits.</summary>
    public bool ScanString(out JsonString token)
    {
        token = default;
        var start = ++position;
        var traits = JsonStringTraits.None;
        while (true)
        {
            var run = text[position..].IndexOfAny(JsonEscapes.Special);
            position = run < 0 ? text.Length : position + run;
            if (run >= 0 && text[position] == '"') break;
            if (run >= 0 && text[position] == '\\')
            {
                if (!ScanEscape(ref traits)) return false;
                continue;
            }
            Broken("a string must end in '\"', and hold control characters as escapes only");
            return false;
        }
        if (!validUtf8 && !Utf8.IsValid(text[start..position])) traits |= JsonStringTraits.BadUtf8;
        if ((traits & JsonStringTraits.Respelled) != 0) respelled = true;
        token = new JsonString(start, position - start, traits);
        position++;
        return true;
    }

    /// <summary>Notes what a string may not hold.</summary>
    public void ReportTraits(JsonString token, string what)
    {
        const JsonStringTraits refused = JsonStringTraits.Nul | JsonStringTraits.LoneSurrogate | JsonStringTraits.BadUtf8;
        if (!token.Has(refused)) return;
        if (token.Has(JsonStringTraits.Nul) && !AllowsNul) Report("json.nul", $"A {what} cannot hold U+0000.");
        if (token.Has(JsonStringTraits.LoneSurrogate)) Report("json.surrogate", $"A {what} cannot hold half of a surrogate pair.");
        if (token.Has(JsonStringTraits.BadUtf8)) Report("json.utf8", $"The {what} at byte {token.Start} is not valid UTF-8.");
    }

    bool ScanEscape(ref JsonStringTraits traits)
    {
        traits |= JsonStringTraits.Escaped;
        switch (position + 1 < text.Length ? text[position + 1] : 0)
        {
            case '"' or '\\' or 'b' or 't' or 'n' or 'f' or 'r':
                position += 2;
                return true;
            case '/':
                traits |= JsonStringTraits.Respelled;
                position += 2;
                return true;
            case 'u' when ReadUnit(position, out var unit):
                ScanUnit(unit, ref traits);
                return true;
            default:
                Broken("an escape is one of \\\" \\\\ \\/ \\b \\t \\n \\f \\r and \\u with four hexadecimal digits");
                return false;
        }
    }

    void ScanUnit(char unit, ref JsonStringTraits traits)
    {
        if (unit == 0) traits |= JsonStringTraits.Nul;
        // canonical is only what has no shorter spelling, in lower case: exactly one spelling for each character
        var canonical = unit < ' ' && unit is not ('\b' or '\t' or '\n' or '\f' or '\r') && !char.IsAsciiLetterUpper((char)text[position + 5]);
        if (!canonical) traits |= JsonStringTraits.Respelled;
        position += 6;
        if (!char.IsSurrogate(unit)) return;
        if (char.IsHighSurrogate(unit) && ReadUnit(position, out var low) && char.IsLowSurrogate(low)) position += 6;
        else traits |= JsonStringTraits.LoneSurrogate;
    }

    /// <summary>The UTF-16 unit of a <c>\uXXXX</c> at a byte, if there is one.</summary>
    readonly bool ReadUnit(int at, out char unit)
    {
        unit = default;
        if (at + 6 > text.Length || text[at] != '\\' || text[at + 1] != 'u') return false;
        var value = 0;
        foreach (var digit in text.Slice(at + 2, 4))
        {
            var nibble = JsonEscapes.Hex(digit);
            if (nibble < 0) return false;
            value = value << 4 | nibble;
        }
        unit = (char)value;
        return true;
    }

    void ScanNumber()
    {
        if (text[position] == '-') position++;
        if (position == text.Length || !char.IsAsciiDigit((char)text[position]))
        {
            Broken("a digit must follow '-'");
            return;
        }
        long digits = 1;
        if (text[position] == '0') position++;
        else digits = SkipDigits().Length;
        if (position < text.Length && text[position] == '.')
        {
            position++;
            if (SkipDigits() is { Length: > 0 } fraction) digits += fraction.Length;
            else Broken("a digit must follow '.'");
        }
        ReadOnlySpan<byte> exponent = default;
        if (!Failed && position < text.Length && text[position] is (byte)'e' or (byte)'E')
        {
            position++;
            if (position < text.Length && text[position] is (byte)'+' or (byte)'-') position++;
            exponent = SkipDigits();
            if (exponent.Length == 0) Broken("a digit must follow the exponent's 'e'");
        }
        if (!Failed) CheckNumber(digits + exponent.Length, exponent);
    }

    ReadOnlySpan<byte> SkipDigits()
    {
        var rest = text[position..];
        var run = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        if (run < 0) run = rest.Length;
        position += run;
        return rest[..run];
    }

    /// <remarks>All digits of the text count, the exponent's too, so that a number that passes is short.</remarks>
    void CheckNumber(long digits, ReadOnlySpan<byte> exponent)
    {
        if (digits > SteleLimits.NumberDigits.Value)
            Report("number.digits", $"A number has at most {SteleLimits.NumberDigits.Value} digits; this one has {digits}.");
        var significant = exponent.TrimStart((byte)'0');
        // parsed only when short: an exponent may be written in more digits than any integer type holds
        if (significant.Length > 9 || (significant.Length > 0 && int.Parse(significant, NumberStyles.None, CultureInfo.InvariantCulture) > SteleLimits.NumberExponent.Value))
            Report("number.exponent", $"A number's exponent is at most {SteleLimits.NumberExponent.Value} from zero.");
    }

    void ScanLiteral()
    {
        var literal = text[position] switch
        {
            (byte)'t' => "true"u8,
            (byte)'f' => "false"u8,
            _ => "null"u8,
        };
        if (text[position..].StartsWith(literal)) position += literal.Length;
        else Broken("a literal is true, false or null");
    }

    /// <summary>Appends a member's name as a segment of a pointer; one that is too long is shown as its beginning.</summary>
    readonly void AppendName(StringBuilder pointer, JsonString name)
    {
        var segment = name.Length <= PointerNameBytes
            ? JsonEscapes.Text(Content(name), name.Has(JsonStringTraits.Escaped))
            : Encoding.UTF8.GetString(Content(name)[..PointerNameBytes]) + "…";
        pointer.Append(segment.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
    }
}
