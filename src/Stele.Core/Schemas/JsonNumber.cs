using System.Globalization;
using System.Numerics;

namespace Stele.Core.Schemas;

/// <summary>
/// The exact value of a JSON number: a whole mantissa without trailing zeros, times a power of ten. So each value has one
/// form, 1, 1.0 and 10e-1 are equal, and nothing is rounded. Up to 18 digits are a long; more are a big integer.
/// </summary>
readonly struct JsonNumber : IEquatable<JsonNumber>, IComparable<JsonNumber>
{
    const int SmallDigits = 18;
    const int BufferDigits = 256;

    static readonly long[] powers = [.. Enumerable.Range(0, SmallDigits + 1).Select(n => (long)BigInteger.Pow(10, n))];

    readonly long small;
    readonly BigInteger big;
    readonly int digits;
    readonly int exponent;

    JsonNumber(long small, BigInteger big, int digits, int exponent)
    {
        this.small = small;
        this.big = big;
        this.digits = digits;
        this.exponent = exponent;
    }

    /// <summary>Whether the value has no fraction, however it is written.</summary>
    public bool IsInteger => exponent >= 0;

    /// <summary>Minus one, zero or one.</summary>
    public int Sign => IsSmall ? Math.Sign(small) : big.Sign;

    /// <summary>For a value that is not zero: <c>n</c> where it lies from 10^n to below 10^(n+1), regardless of sign.</summary>
    public int Magnitude => digits + exponent - 1;

    /// <summary>How much work a computation with the value is, in steps of evaluation.</summary>
    public int Cost => 1 + (digits + Math.Abs(exponent)) / 16;

    bool IsSmall => digits <= SmallDigits;

    BigInteger Mantissa => IsSmall ? small : big;

    /// <summary>The value of a number's text, which is sound JSON.</summary>
    public static JsonNumber Parse(ReadOnlySpan<byte> text)
    {
        var negative = text[0] == '-';
        if (negative) text = text[1..];
        var power = 0;
        if (text.IndexOfAny((byte)'e', (byte)'E') is var e and >= 0)
        {
            // an exponent beyond what is allowed in a value never comes here; a longer one only must not wrap
            power = int.TryParse(text[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var parsed) ? Math.Clamp(parsed, -1_000_000, 1_000_000) : 0;
            text = text[..e];
        }
        var point = text.IndexOf((byte)'.');
        Span<byte> buffer = text.Length <= BufferDigits ? stackalloc byte[BufferDigits] : new byte[text.Length];
        scoped ReadOnlySpan<byte> all = text;
        if (point >= 0)
        {
            text[..point].CopyTo(buffer);
            text[(point + 1)..].CopyTo(buffer[point..]);
            all = buffer[..(text.Length - 1)];
            power -= text.Length - point - 1;
        }
        var significant = all.TrimStart((byte)'0');
        var mantissa = significant.TrimEnd((byte)'0');
        if (mantissa.IsEmpty) return default;
        power += significant.Length - mantissa.Length;
        if (mantissa.Length <= SmallDigits)
        {
            var value = long.Parse(mantissa, NumberStyles.None, CultureInfo.InvariantCulture);
            return new JsonNumber(negative ? -value : value, default, mantissa.Length, power);
        }
        var large = BigInteger.Parse(System.Text.Encoding.ASCII.GetString(mantissa), NumberStyles.None, CultureInfo.InvariantCulture);
        return new JsonNumber(0, negative ? -large : large, mantissa.Length, power);
    }

    /// <summary>The value, or the largest or smallest long if it lies beyond; a fraction is cut off.</summary>
    public long ToInt64()
    {
        if (Sign == 0 || Magnitude < 0) return 0;
        if (Magnitude > SmallDigits) return Sign > 0 ? long.MaxValue : long.MinValue;
        var whole = exponent >= 0 ? Mantissa * BigInteger.Pow(10, exponent) : BigInteger.Divide(Mantissa, BigInteger.Pow(10, -exponent));
        return whole > long.MaxValue ? long.MaxValue : whole < long.MinValue ? long.MinValue : (long)whole;
    }

    /// <summary>Whether the value is a whole multiple of a divisor, which is not zero.</summary>
    public bool IsMultipleOf(JsonNumber divisor)
    {
        if (Sign == 0) return true;
        var shift = exponent - divisor.exponent;
        // no trailing zero is left in the mantissa that a power of ten in the divisor could take
        if (shift < 0) return false;
        if (IsSmall && divisor.IsSmall && shift <= SmallDigits) return (Int128)small * powers[shift] % divisor.small == 0;
        var modulus = BigInteger.Abs(divisor.Mantissa);
        return (Mantissa % modulus * BigInteger.ModPow(10, shift, modulus) % modulus).IsZero;
    }

    public int CompareTo(JsonNumber other)
    {
        if (Sign != other.Sign) return Sign.CompareTo(other.Sign);
        if (Sign == 0) return 0;
        if (Magnitude != other.Magnitude) return Sign * Magnitude.CompareTo(other.Magnitude);
        var shift = exponent - other.exponent;
        if (shift == 0 && IsSmall && other.IsSmall) return small.CompareTo(other.small);
        return shift >= 0
            ? (Mantissa * BigInteger.Pow(10, shift)).CompareTo(other.Mantissa)
            : Mantissa.CompareTo(other.Mantissa * BigInteger.Pow(10, -shift));
    }

    public bool Equals(JsonNumber other) => exponent == other.exponent && digits == other.digits && (IsSmall ? small == other.small : big == other.big);

    public override bool Equals(object? obj) => obj is JsonNumber other && Equals(other);

    public override int GetHashCode() => IsSmall ? HashCode.Combine(small, exponent) : HashCode.Combine(big, exponent);
}
