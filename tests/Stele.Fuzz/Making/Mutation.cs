using System.Text;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>What happens to bytes on the way: cut short, doubled, flipped, spliced.</summary>
internal static class Mutation
{
    static readonly byte[][] fragments =
    [
        .. new[]
        {
            "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "0", "-", ".", "e", "1e400", " ", "\n", "\r\n", "\t", "{}", "[]", "[[[[[[[[", "{\"a\":", "\"\\u0000\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u00", "NaN", "/*", "//", "\ufeff", "---", "...", "- ", ": ", "*", "&", "!", "|", ">", "%",
            "=", "\"\"", "''", "\0", "\u0085", "\u2028", "😀",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF0, 0x9F], [0xEF, 0xBB, 0xBF], [0xFF, 0xFE], [0x00, 0x00, 0x00, 0x00], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF],
    ];

    /// <summary>The same bytes, as often as not; else changed once or a few times.</summary>
    public static byte[] Sometimes(Dice dice, byte[] bytes) => dice.Chance(0.6) ? bytes : Of(dice, bytes);

    /// <summary>The bytes, changed once or a few times.</summary>
    public static byte[] Of(Dice dice, byte[] original)
    {
        var bytes = new List<byte>(original);
        for (var times = dice.Between(1, 3); times > 0; times--)
        {
            var at = dice.Next(bytes.Count + 1);
            var count = Math.Min(dice.Between(1, 12), bytes.Count - at);
            switch (dice.Next(9))
            {
                case 0 when at < bytes.Count: bytes[at] = (byte)dice.Next(256); break;
                case 1 when at < bytes.Count: bytes[at] ^= (byte)(1 << dice.Next(8)); break;
                case 2: bytes.RemoveRange(at, count); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(dice.Next(bytes.Count - count + 1), count)); break;
                case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                case 5 when count > 0 && bytes.Count < 20_000: Repeat(bytes, at, count, dice.Pick<int>([2, 8, 64, 1_000])); break;
                case 6 when count > 0:
                    for (var i = at; i < at + count; i++) bytes[i] = 0;
                    break;
                default: bytes.InsertRange(at, dice.Pick(fragments)); break;
            }
        }
        return [.. bytes];
    }

    static void Repeat(List<byte> bytes, int at, int count, int times)
    {
        var part = bytes.GetRange(at, count);
        for (var i = 0; i < times; i++) bytes.InsertRange(at, part);
    }
}
