using System.Text;

namespace Stele.Core.Schemas.Formats;

/// <summary>Labels of host names in ASCII: RFC 3492. Labels are short, so the square of their length is nothing.</summary>
static class Punycode
{
    const int Base = 36;
    const int TMin = 1;
    const int TMax = 26;

    /// <summary>The length of a label's encoding, without <c>xn--</c>.</summary>
    public static int Length(string label)
    {
        var runes = label.EnumerateRunes().Select(rune => rune.Value).ToArray();
        var basic = runes.Count(rune => rune < 128);
        var length = basic + (basic > 0 ? 1 : 0);
        var (n, delta, bias, handled) = (128, 0L, 72, basic);
        while (handled < runes.Length)
        {
            var next = runes.Where(rune => rune >= n).Min();
            delta += (long)(next - n) * (handled + 1);
            n = next;
            foreach (var rune in runes)
            {
                if (rune < n) delta++;
                if (rune != n) continue;
                length++;
                var q = delta;
                for (var k = Base; ; k += Base)
                {
                    var t = Math.Clamp(k - bias, TMin, TMax);
                    if (q < t) break;
                    length++;
                    q = (q - t) / (Base - t);
                }
                bias = Adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled++;
            }
            delta++;
            n++;
        }
        return length;
    }

    /// <summary>The text of an encoding; false if it is none, or encodes what needed no encoding.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, out string text)
    {
        text = "";
        var last = encoded.LastIndexOf((byte)'-');
        var runes = new List<int>();
        for (var j = 0; j < last; j++) runes.Add(encoded[j]);
        var (n, i, bias) = (128, 0L, 72);
        for (var at = last + 1; at < encoded.Length;)
        {
            var (before, weight) = (i, 1L);
            for (var k = Base; ; k += Base)
            {
                if (at == encoded.Length) return false;
                var digit = Digit(encoded[at++]);
                if (digit < 0) return false;
                i += digit * weight;
                if (i > int.MaxValue) return false;
                var t = Math.Clamp(k - bias, TMin, TMax);
                if (digit < t) break;
                weight *= Base - t;
                if (weight > int.MaxValue) return false;
            }
            bias = Adapt(i - before, runes.Count + 1, before == 0);
            n += (int)Math.Min(i / (runes.Count + 1), 0x110000);
            i %= runes.Count + 1;
            if (!Rune.IsValid(n)) return false;
            runes.Insert((int)i++, n);
        }
        text = string.Concat(runes.Select(rune => new Rune(rune).ToString()));
        return runes.Exists(rune => rune >= 128);
    }

    static int Digit(byte b) => char.ToLowerInvariant((char)b) switch
    {
        >= 'a' and <= 'z' and var letter => letter - 'a',
        >= '0' and <= '9' and var digit => digit - '0' + 26,
        _ => -1,
    };

    static int Adapt(long delta, int points, bool first)
    {
        delta = first ? delta / 700 : delta / 2;
        delta += delta / points;
        var k = 0;
        for (; delta > (Base - TMin) * TMax / 2; k += Base) delta /= Base - TMin;
        return (int)(k + (Base - TMin + 1) * delta / (delta + 38));
    }
}
