using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Configs;
using Xunit;

namespace Stele.Core.Tests.Configs;

public sealed partial class ConfigKeyTests
{
    static string? Rule(string? text)
    {
        var parsed = ConfigKey.TryParse(text, out var key, out var rule, out var message);
        Assert.Equal(parsed, rule is null);
        Assert.Equal(parsed, message is null);
        if (parsed) Assert.Equal(text, key.Text);
        else Assert.Equal(default, key);
        return rule;
    }

    [Theory]
    [InlineData("a")]
    [InlineData("_")]
    [InlineData("0")]
    [InlineData("services.payment.database_url")]
    [InlineData("application.a[0].b-c")]
    [InlineData("a.")]
    [InlineData("a..b")]
    [InlineData("a[]]")]
    public void A_key_is_taken_as_written(string text) => Assert.Null(Rule(text));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void An_empty_key_is_refused(string? text) => Assert.Equal("key.length", Rule(text));

    [Fact]
    public void A_key_of_257_characters_is_refused_and_one_of_256_is_not()
    {
        Assert.Null(Rule("a." + new string('b', 254)));
        Assert.Equal("key.length", Rule("a." + new string('b', 255)));
    }

    [Fact]
    public void A_service_of_51_characters_is_refused_and_one_of_50_is_not()
    {
        Assert.Null(Rule(new string('s', 50)));
        Assert.Null(Rule(new string('s', 50) + ".a"));
        Assert.Equal("key.service_length", Rule(new string('s', 51)));
        Assert.Equal("key.service_length", Rule(new string('s', 51) + ".a"));
    }

    [Fact]
    public void Every_character_is_taken_or_refused_as_the_rule_says()
    {
        for (var c = '\0'; c < '\u0300'; c++)
        {
            var (first, rest) = (char.IsAsciiLetterOrDigit(c) || c == '_', char.IsAsciiLetterOrDigit(c) || "._-[]".Contains(c));
            Assert.Equal(first ? null : "key.characters", Rule($"{c}a"));
            Assert.Equal(rest ? null : "key.characters", Rule($"a{c}"));
            Assert.Equal(rest ? null : "key.characters", Rule($"a{c}a"));
        }
    }

    [Theory]
    [InlineData("é")]
    [InlineData("aé")]
    [InlineData("a\uff0eb")]
    [InlineData("a٣")]
    [InlineData("a\ud83d\ude00")]
    public void Letters_and_digits_of_other_scripts_are_refused(string text) => Assert.Equal("key.characters", Rule(text));

    [Fact]
    public void The_message_gives_the_place_and_the_character()
    {
        ConfigKey.TryParse("ab c", out _, out _, out var message);
        Assert.Contains("character 3 is U+0020", message, StringComparison.Ordinal);
        ConfigKey.TryParse("ab/c", out _, out _, out message);
        Assert.Contains("'/'", message, StringComparison.Ordinal);
        ConfigKey.TryParse(new string('a', 300), out _, out _, out message);
        Assert.Contains("300", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("services.payment.url", "services")]
    [InlineData("services", "services")]
    [InlineData("a..b", "a")]
    public void The_service_is_the_first_segment(string text, string service) => Assert.Equal(service, ConfigKey.Parse(text, null).Service);

    [Fact]
    public void Parse_throws_what_TryParse_says()
    {
        Assert.Equal("a.b", ConfigKey.Parse("a.b", null).ToString());
        Assert.Throws<FormatException>(() => ConfigKey.Parse("a b", null));
        Assert.True(ConfigKey.TryParse("a.b", null, out var key));
        Assert.Equal(ConfigKey.Parse("a.b", null), key);
        Assert.False(ConfigKey.TryParse(".a", null, out _));
    }

    [Fact]
    public void Keys_differ_by_case() => Assert.NotEqual(ConfigKey.Parse("a.B", null), ConfigKey.Parse("a.b", null));

    [Fact]
    public void TryParse_takes_exactly_what_the_design_writes_down() =>
        Prop.ForAll(NearlyKeys.ToArbitrary(), text =>
        {
            var service = text.IndexOf('.') is var dot and >= 0 ? dot : text.Length;
            Assert.Equal(Written().IsMatch(text) && service <= 50, Rule(text) is null);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    /// <summary>Mostly fine characters, around the lengths where rules change.</summary>
    static readonly Gen<string> NearlyKeys =
        from length in Gen.Frequency((4, Gen.Choose(0, 12)), (2, Gen.Choose(48, 53)), (2, Gen.Choose(254, 258)))
        from characters in Gen.Frequency(
            (300, Gen.Elements("abcXYZ019_".ToCharArray())), (30, Gen.Elements(".-[]".ToCharArray())), (1, Gen.Choose(0, 0xffff).Select(unit => (char)unit))).ArrayOf(length)
        from dotAt in Gen.Choose(0, 60)
        select dotAt < length ? new string(characters, 0, dotAt) + '.' + new string(characters, dotAt + 1, length - dotAt - 1) : new string(characters);

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._\[\]-]{0,255}\z")]
    private static partial Regex Written();
}
