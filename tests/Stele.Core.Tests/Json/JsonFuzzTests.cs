using System.Text;
using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Json;

/// <summary>
/// Seeded random texts, most of them nearly JSON, against the runtime's own parser: what it takes and refuses, we do,
/// but for our stricter rules; and what we write is the same tree, once and for all.
/// </summary>
public sealed class JsonFuzzTests
{
    const int Rounds = 20_000;

    static readonly JsonDocumentOptions Reference = new() { MaxDepth = (int)SteleLimits.JsonDepth.Value };

    static readonly string[] Fragments =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"b\"", "\"\\u0061\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"\\/\"",
        "\"é\"", "\"\\u001F\"", "\"\\n\"", "null", "true", "false", "0", "-0", "1.10", "1e5", "-1E-999", "1e1001", "01", "-", ".", "e", "+", " ",
        "\n", "\t", "\r", "{}", "[]", "\u0001", "NaN", "/", "\ufeff", "[[[[[[[[", "]]]]]]]]", "{\"a\":{\"a\":{\"a\":", "\"\\u00", "\"\\ud800\\u0041\"",
    ];

    static readonly BodyMembers Members = new(required: ["a"], optional: ["b", "é", "list", "text"]);

    [Fact]
    public void Random_and_mutated_texts_are_judged_as_the_runtime_judges_them()
    {
        var random = new Random(20_261_121);
        var accepted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var text = Next(random, round);
            try
            {
                if (Compare(text)) accepted++;
                ReadAsBody(text);
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"round {round}: {Convert.ToHexString(text)} {Encoding.UTF8.GetString(text)}: {e}");
            }
        }
        // a fuzzer that makes nothing sound, or nothing broken, tests little
        Assert.InRange(accepted, Rounds / 10, Rounds * 9 / 10);
    }

    /// <summary>True if both take the text.</summary>
    static bool Compare(byte[] text)
    {
        var problems = new List<Problem>();
        var sound = CanonicalJson.TryCanonicalize(text, "", problems, out var canonical);
        var shown = $"{Encoding.UTF8.GetString(text)} ({Convert.ToHexString(text)}): {string.Join("; ", problems)}";
        Assert.True(sound == (problems.Count == 0), shown);
        using var reference = Parse(text);
        if (sound)
        {
            Assert.True(reference is not null, $"taken, but not by the runtime: {shown}");
            using var reread = Parse(canonical);
            Assert.True(reread is not null && SameTree(reference.RootElement, reread.RootElement), $"another tree: {shown}");
            Assert.True(canonical.Length <= text.Length, shown);
            Assert.True(CanonicalJson.TryCanonicalize(canonical, "", problems, out var again) && again.AsSpan().SequenceEqual(canonical), $"not canonical: {shown}");
            Assert.Equal(reference.RootElement.ValueKind.ToString(), KindName(CanonicalJson.KindOf(canonical), canonical));
            return true;
        }
        // the runtime checks UTF-8 and surrogates only when a string is asked for, so those rules are ours alone here
        var onlyOurs = problems.All(problem => problem.Rule is not ("json.syntax" or "json.depth"));
        Assert.True(reference is null || onlyOurs, $"refused, but not by the runtime: {shown}");
        Assert.True(reference is not null || !onlyOurs || problems.Count >= SteleLimits.BodyProblems.Value, $"its syntax passed, but not at the runtime: {shown}");
        return false;
    }

    static JsonDocument? Parse(byte[] text)
    {
        try
        {
            return JsonDocument.Parse(text, Reference);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static bool SameTree(JsonElement a, JsonElement b)
    {
        if (a.ValueKind != b.ValueKind) return false;
        switch (a.ValueKind)
        {
            case JsonValueKind.Object:
                var (ours, theirs) = (a.EnumerateObject().ToArray(), b.EnumerateObject().ToArray());
                return ours.Length == theirs.Length && ours.Zip(theirs).All(pair => pair.First.Name == pair.Second.Name && SameTree(pair.First.Value, pair.Second.Value));
            case JsonValueKind.Array:
                return a.GetArrayLength() == b.GetArrayLength() && a.EnumerateArray().Zip(b.EnumerateArray()).All(pair => SameTree(pair.First, pair.Second));
            case JsonValueKind.String:
                return a.GetString() == b.GetString();
            default:
                return a.GetRawText() == b.GetRawText();
        }
    }

    static string KindName(JsonKind kind, byte[] canonical) => kind == JsonKind.Boolean ? (canonical[0] == 't' ? "True" : "False") : kind.ToString();

    /// <summary>Any text at all must be read to an end, with a reader that asks for the wrong things too.</summary>
    static void ReadAsBody(byte[] text)
    {
        var problems = new List<Problem>();
        var body = new JsonBody(text, Members, problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "a":
                    body.BeginObject(Members);
                    while (body.NextMember(out var inner))
                        if (inner == "a") body.ReadString();
                        else if (inner == "b") body.ReadInt64(-5, 5);
                    break;
                case "b":
                    if (!body.TryReadNull()) body.ReadJson();
                    break;
                case "list":
                    body.BeginArray();
                    while (body.NextItem())
                    {
                        body.BeginArray();
                        while (body.NextItem()) body.ReadBoolean();
                    }
                    break;
            }
        Assert.False(body.NextMember(out _));
        using var reference = problems.Count == 0 ? Parse(text) : null;
        if (problems.Count == 0) Assert.Equal(JsonValueKind.Object, reference?.RootElement.ValueKind);
    }

    static byte[] Next(Random random, int round)
    {
        switch (round % 5)
        {
            case 0:
                var bytes = new byte[random.Next(12)];
                random.NextBytes(bytes);
                return bytes;
            case 1:
                return Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => Fragments[random.Next(Fragments.Length)])));
            case 2:
                return Encoding.UTF8.GetBytes(Tree(random, 0));
            default:
                return Mutate(random, Encoding.UTF8.GetBytes(Tree(random, 0)));
        }
    }

    static string Tree(Random random, int level)
    {
        var space = new string(' ', random.Next(4) == 0 ? 1 : 0);
        var kind = random.Next(level > 4 ? 5 : 9);
        return space + kind switch
        {
            0 => "null",
            1 => random.Next(2) == 0 ? "true" : "false",
            2 => $"{random.NextInt64(long.MinValue, long.MaxValue)}",
            3 => $"{random.Next(100)}.{random.Next(100):d3}E{random.Next(-999, 999)}",
            4 => Text(random),
            5 or 6 => $"[{string.Join(',', Enumerable.Range(0, random.Next(6)).Select(_ => Tree(random, level + 1)))}{space}]",
            _ => $"{{{space}{string.Join(',', Enumerable.Range(0, random.Next(level == 0 ? 30 : 5)).Select(i => $"{Name(random, i)}{space}:{Tree(random, level + 1)}"))}}}",
        } + space;
    }

    static string Name(Random random, int index) => random.Next(12) switch
    {
        0 => "\"list\"",
        1 => "\"\\u0061\"",
        2 => "\"é\"",
        3 => "\"a\"",
        _ => $"\"{(char)('a' + index % 26)}{(index < 4 ? "" : index)}\"",
    };

    static string Text(Random random) => $"\"{string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => random.Next(8) switch
    {
        0 => "\\n",
        1 => "\\u00e9",
        2 => "\\ud83d\\ude00",
        3 => "😀",
        4 => "\\\"",
        5 => "\\u001F",
        _ => "text /",
    }))}\"";

    static byte[] Mutate(Random random, byte[] text)
    {
        var bytes = new List<byte>(text);
        for (var times = random.Next(1, 4); times > 0; times--)
        {
            var at = random.Next(bytes.Count + 1);
            var count = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count: bytes[at] = (byte)random.Next(256); break;
                case 1 when at < bytes.Count: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, count); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - count + 1), count)); break;
                case 4: bytes.InsertRange(at, Encoding.UTF8.GetBytes(Fragments[random.Next(Fragments.Length)])); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }
        return [.. bytes];
    }
}
