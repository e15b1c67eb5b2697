using System.Diagnostics;
using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Json;

public sealed class CanonicalJsonTests
{
    static readonly int Depth = (int)SteleLimits.JsonDepth.Value;

    static (string? Canonical, List<Problem> Problems) Canonicalize(ReadOnlySpan<byte> utf8)
    {
        var problems = new List<Problem>();
        var sound = CanonicalJson.TryCanonicalize(utf8, "/value", problems, out var canonical);
        Assert.Equal(sound, problems.Count == 0);
        Assert.Equal(sound, canonical.Length > 0);
        return (sound ? Encoding.UTF8.GetString(canonical) : null, problems);
    }

    static (string? Canonical, List<Problem> Problems) Canonicalize(string json) => Canonicalize(Encoding.UTF8.GetBytes(json));

    static IEnumerable<string> Broken(string json) => Canonicalize(json).Problems.Select(problem => $"{problem.Name} {problem.Rule}");

    [Theory]
    [InlineData("null")]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("-0")]
    [InlineData("1.10")]
    [InlineData("1E5")]
    [InlineData("1e+05")]
    [InlineData("9223372036854775807")]
    [InlineData("123456789012345678901234567890.12345678901234567890")]
    [InlineData("\"\"")]
    [InlineData("\"é€😀\u007f\u2028\"")]
    [InlineData("""
        "\"\\\b\t\n\f\r\u0001\u001f"
        """)]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"b":[1,{"a":null}],"a":{},"":0}""")]
    public void Canonical_text_stays_as_it_is(string json) => Assert.Equal(json, Canonicalize(json).Canonical);

    [Theory]
    [InlineData(" \t\r\n1\n", "1")]
    [InlineData("""{ "b" : [ 1 , 2.50 ] , "a" : " x  y " }""", """{"b":[1,2.50],"a":" x  y "}""")]
    [InlineData("""
        "\u0041\/\u00e9\u20ac\ud83d\ude00\u007f"
        """, "\"A/é€😀\u007f\"")]
    [InlineData("""
        "\u0008\u0009\u000a\u000A\u000c\u000d\u001F\u0022\u005c"
        """, """
        "\b\t\n\n\f\r\u001f\"\\"
        """)]
    [InlineData("""[ "a\"b", "c\\" , "\\\"" ]""", """["a\"b","c\\","\\\""]""")]
    [InlineData("""{"\u0061 ":1}""", """{"a ":1}""")]
    public void Other_text_becomes_canonical(string json, string canonical)
    {
        Assert.Equal(canonical, Canonicalize(json).Canonical);
        Assert.Equal(canonical, Canonicalize(canonical).Canonical);
    }

    [Fact]
    public void Every_character_has_one_canonical_spelling_however_it_is_written()
    {
        // each alone, so that nothing else in the text makes it be spelled anew
        for (var c = 1; c < 0x180; c++)
        {
            var canonical = Encoding.UTF8.GetString(CanonicalJson.FromString($"{(char)c}"));
            Assert.Equal(canonical, Canonicalize(canonical).Canonical);
            Assert.Equal(canonical, Canonicalize($"\"\\u{c:x4}\"").Canonical);
            Assert.Equal(canonical, Canonicalize($"\"\\u{c:X4}\"").Canonical);
        }
        Assert.Equal("\"/\"", Canonicalize("\"\\/\"").Canonical);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    [InlineData("-")]
    [InlineData("+1")]
    [InlineData("01")]
    [InlineData(".5")]
    [InlineData("1.")]
    [InlineData("1.e5")]
    [InlineData("1e")]
    [InlineData("1e+")]
    [InlineData("0x10")]
    [InlineData("tru")]
    [InlineData("True")]
    [InlineData("nulll")]
    [InlineData("'a'")]
    [InlineData("\"a")]
    [InlineData("\"\\")]
    [InlineData("\"\\\"")]
    [InlineData("\"\\u12\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("\"\\x41\"")]
    [InlineData("\"\\ud83d\\u\"")]
    [InlineData("\"a\nb\"")]
    [InlineData("\"a\0b\"")]
    [InlineData("[1,]")]
    [InlineData("[,1]")]
    [InlineData("[1 2]")]
    [InlineData("[1")]
    [InlineData("[1}")]
    [InlineData("{\"a\":1]")]
    [InlineData("{\"a\"}")]
    [InlineData("{\"a\":}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("{a:1}")]
    [InlineData("{1:1}")]
    [InlineData("{\"a\" 1}")]
    [InlineData("]")]
    [InlineData("1 2")]
    [InlineData("{} x")]
    [InlineData("// no\n1")]
    [InlineData("\ufeff1")]
    [InlineData("\u00a01")]
    public void Broken_syntax_is_refused_with_the_byte(string json)
    {
        var problem = Assert.Single(Canonicalize(json).Problems);
        Assert.Equal("json.syntax", problem.Rule);
        Assert.Matches("^Not valid JSON at byte [0-9]+: .+; .+\\.$", problem.Message);
    }

    [Fact]
    public void The_byte_of_a_syntax_error_is_where_it_went_wrong()
    {
        Assert.Contains("byte 8:", Canonicalize("""{"a":1, }""").Problems[0].Message, StringComparison.Ordinal);
        Assert.Equal("/value/a/2", Canonicalize("""{"a":[1,2,x]}""").Problems[0].Name);
    }

    [Fact]
    public void Problems_of_a_value_are_all_found_and_named_by_pointer() => Assert.Equal(
        [
            "/value/a json.duplicate_member", "/value/b/1 json.nul", "/value/c~1d~0 json.surrogate", "/value/e number.exponent",
            "/value/f json.nul", "/value/f json.surrogate", "/value/f/g json.duplicate_member",
        ],
        Broken("""{"a":1,"\u0061":2,"b":[0,"\u0000"],"c/d~":"\udc00","e":1e1001,"f":"\u0000\ud800"}""").Concat(
            Broken("""{"f":{"g":1,"h":2,"g":3}}""")));

    [Theory]
    [InlineData("""{"\u0000":1}""", "json.nul")]
    [InlineData("""{"\ud800":1}""", "json.surrogate")]
    [InlineData("""
        "\ud800\u0041"
        """, "json.surrogate")]
    [InlineData("""
        "\ud800\ud800\udc00"
        """, "json.surrogate")]
    [InlineData("""
        "\udc00\ud800"
        """, "json.surrogate")]
    [InlineData("""
        "\udc00\udc00"
        """, "json.surrogate")]
    [InlineData("""
        "\uD800x"
        """, "json.surrogate")]
    public void Characters_that_nothing_can_store_are_refused(string json, string rule) =>
        Assert.Equal(rule, Assert.Single(Canonicalize(json).Problems).Rule);

    [Theory]
    [InlineData(new byte[] { 0xff })]
    [InlineData(new byte[] { 0xc3 })]
    [InlineData(new byte[] { 0xc0, 0x80 })]
    [InlineData(new byte[] { 0xed, 0xa0, 0x80 })]
    [InlineData(new byte[] { 0xf4, 0x90, 0x80, 0x80 })]
    public void Bytes_that_are_not_utf8_are_refused_where_they_are(byte[] bad)
    {
        byte[] json = [.. "[\"ok é\",{\"a\":\""u8, .. bad, .. "\"}]"u8];
        var problem = Assert.Single(Canonicalize(json).Problems);
        Assert.Equal(("/value/1/a", "json.utf8"), (problem.Name, problem.Rule));
    }

    [Fact]
    public void Numbers_are_refused_one_digit_past_the_limit()
    {
        var max = (int)SteleLimits.NumberDigits.Value;
        var most = new string('9', max);
        Assert.Equal(most, Canonicalize(most).Canonical);
        Assert.Equal("-" + most, Canonicalize("-" + most).Canonical);
        var fraction = $"0.{new string('1', max - 1)}";
        Assert.Equal(fraction, Canonicalize(fraction).Canonical);
        Assert.Equal(["/value number.digits"], Broken(most + "9"));
        Assert.Equal(["/value number.digits"], Broken(fraction + "1"));
        Assert.Equal(["/value number.digits"], Broken($"1e{new string('0', max)}"));
        Assert.Equal(["/value number.digits"], Broken(new string('1', 10_000)));
    }

    [Theory]
    [InlineData("1e1000", true)]
    [InlineData("1E-1000", true)]
    [InlineData("1e+0001000", true)]
    [InlineData("1e1001", false)]
    [InlineData("1e-1001", false)]
    [InlineData("1e1000000", false)]
    [InlineData("1e2147483648", false)]
    [InlineData("0e18446744073709551616", false)]
    public void Numbers_are_refused_past_the_exponent(string json, bool passes) =>
        Assert.Equal(passes ? [] : ["/value number.exponent"], Broken(json));

    [Fact]
    public void An_exponent_of_thousands_of_digits_is_refused_by_both_rules() =>
        Assert.Equal(["/value number.digits", "/value number.exponent"], Broken("1e" + new string('9', 5_000)));

    [Fact]
    public void Depth_is_refused_one_level_past_the_limit()
    {
        static string Nested(int levels, string open, string close) => string.Concat(Enumerable.Repeat(open, levels)) + "1" + string.Concat(Enumerable.Repeat(close, levels));
        foreach (var (open, close) in new[] { ("[", "]"), ("{\"a\":", "}"), ("[ ", " ]") })
        {
            Assert.Empty(Canonicalize(Nested(Depth, open, close)).Problems);
            Assert.Equal("json.depth", Assert.Single(Canonicalize(Nested(Depth + 1, open, close)).Problems).Rule);
        }
        Assert.Equal("json.depth", Assert.Single(Canonicalize(new string('[', 4_000_000)).Problems).Rule);
    }

    [Fact]
    public void Problems_end_at_their_limit() => Assert.Equal(
        SteleLimits.BodyProblems.Value,
        Canonicalize($"[{string.Join(',', Enumerable.Repeat("1e9999", 100_000))}]").Problems.Count);

    [Theory]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(33)]
    [InlineData(5_000)]
    public void A_duplicate_is_found_wherever_it_is(int members)
    {
        var names = Enumerable.Range(0, members).Select(i => $"\"{new string('n', i % 5)}{i}\":{{\"x\":0,\"y\":[{{\"x\":1}}]}}").ToList();
        Assert.Empty(Broken($"{{{string.Join(',', names)}}}"));
        foreach (var copied in new[] { 0, members / 2, members - 1 })
        {
            var again = names[copied].Replace("\"n", "\"\\u006e", StringComparison.Ordinal);
            Assert.Equal("json.duplicate_member", Assert.Single(Canonicalize($"{{{string.Join(',', names.Append(again))}}}").Problems).Rule);
        }
    }

    [Fact]
    public void Work_grows_with_the_length_of_the_text_only()
    {
        // each of these is quadratic in a careless parser; a minute of work at this size, milliseconds here
        const int size = 200_000;
        string[] texts =
        [
            $"{{{string.Join(',', Enumerable.Range(0, size).Select(i => $"\"{i}\":0"))}}}",
            $"{{{string.Join(',', Enumerable.Range(0, size).Select(i => $"\"\\u006{i % 10}{i}\":0"))}}}",
            $"[{string.Join(',', Enumerable.Repeat("{\"a\":0,\"b\":{}}", size))}]",
            $"\"{string.Concat(Enumerable.Repeat("\\u00e9", size))}\"",
            $"\"{string.Concat(Enumerable.Repeat("\\\\", size))}\"",
            $"[{string.Concat(Enumerable.Repeat(" ", size * 5))}]",
        ];
        var started = Stopwatch.GetTimestamp();
        foreach (var text in texts) Assert.Empty(Canonicalize(text).Problems);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 20);
    }

    [Fact]
    public void Texts_and_canonical_strings_are_one_to_one() =>
        Prop.ForAll(Texts.ToArbitrary(), text =>
        {
            Assert.True(CanonicalJson.TryFromString(text, out var canonical));
            Assert.Equal(canonical, CanonicalJson.FromString(text));
            Assert.Equal(text, CanonicalJson.ToBareString(canonical));
            Assert.Equal(Encoding.UTF8.GetString(canonical), Canonicalize(canonical).Canonical);
            // any other spelling of the text comes to the same bytes
            var spelled = $"\"{string.Concat(text.Select(unit => $"\\u{((int)unit).ToString("X4", CultureInfo.InvariantCulture)}"))}\"";
            Assert.Equal(Encoding.UTF8.GetString(canonical), Canonicalize(spelled).Canonical);
            Assert.Equal(text, System.Text.Json.JsonDocument.Parse(canonical).RootElement.GetString());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    static readonly Gen<string> Texts =
        Gen.Frequency(
            (6, Gen.Choose(1, 0x7f)),
            (1, Gen.Choose(0x80, 0xd7ff)),
            (1, Gen.Choose(0xe000, 0xffff)),
            (1, Gen.Choose(0x10000, 0x10ffff)))
        .Select(char.ConvertFromUtf32).ArrayOf().Select(string.Concat);

    [Fact]
    public void A_text_that_no_value_may_hold_has_no_canonical_string()
    {
        // not as attributes: those are stored as UTF-8, in which lone surrogates are lost
        foreach (var text in new[] { "a\0b", "\ud800", "\udc00\ud800", "a\ud83d" })
        {
            Assert.False(CanonicalJson.TryFromString(text, out _));
            Assert.Throws<ArgumentException>(() => CanonicalJson.FromString(text));
        }
    }

    [Theory]
    [InlineData("null", JsonKind.Null)]
    [InlineData("true", JsonKind.Boolean)]
    [InlineData("false", JsonKind.Boolean)]
    [InlineData("-1", JsonKind.Number)]
    [InlineData("\"1\"", JsonKind.String)]
    [InlineData("[1]", JsonKind.Array)]
    [InlineData("{}", JsonKind.Object)]
    public void A_value_tells_its_kind(string canonical, JsonKind kind) => Assert.Equal(kind, CanonicalJson.KindOf(Encoding.UTF8.GetBytes(canonical)));

    [Fact]
    public void What_is_no_value_has_no_kind()
    {
        Assert.Throws<ArgumentException>(() => CanonicalJson.KindOf([]));
        Assert.Throws<ArgumentException>(() => CanonicalJson.KindOf(" 1"u8));
        Assert.Throws<ArgumentException>(() => CanonicalJson.ToBareString("1"u8));
    }
}
