using System.Text;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Schemas.Patterns;
using Xunit;

namespace Stele.Core.Tests.Schemas;

/// <summary>Regular expressions of ECMA-262, by code points.</summary>
public sealed class PatternTests
{
    [Theory]
    [InlineData("^\\d+$", "123", true)]
    [InlineData("^\\d+$", "१२", false)]
    [InlineData("^\\w$", "é", false)]
    [InlineData("^\\s$", "\ufeff", true)]
    [InlineData("^\\S$", "\u00a0", false)]
    [InlineData("^.$", "😀", true)]
    [InlineData("^.$", "\u2028", false)]
    [InlineData("^[😀-😂]$", "😁", true)]
    [InlineData("^\\ud83d\\ude00$", "😀", true)]
    [InlineData("^\\u{1f600}$", "😀", true)]
    [InlineData("^\\p{Lu}\\p{Ll}+$", "Éa", true)]
    [InlineData("^\\P{L}+$", "12a", false)]
    [InlineData("^[^\\p{L}]$", "é", false)]
    [InlineData("^[\\P{L}a]$", "b", false)]
    [InlineData("^[\\W\\d]$", "5", true)]
    [InlineData("^[\\b]$", "\b", true)]
    [InlineData("\\bcat\\b", "a cat.", true)]
    [InlineData("\\Bcat", "cat", false)]
    [InlineData("^a{2,3}$", "aaaa", false)]
    [InlineData("^a{2,}?$", "aaaa", true)]
    [InlineData("^a{,2}$", "a{,2}", true)]
    [InlineData("^(?<year>\\d{4})-(?:x|y|)$", "2026-", true)]
    [InlineData("^(?=.*\\d)(?!.*x).{3}$", "a1b", true)]
    [InlineData("^(?=.*\\d)(?!.*x).{3}$", "a1x", false)]
    [InlineData("(?<=€)\\d", "cost €5", true)]
    [InlineData("(?<!€)\\b5", "cost €5", false)]
    [InlineData("(?<=a(?=b).)c", "abc", true)]
    [InlineData("^[]$", "a", false)]
    [InlineData("^[^]$", "a", true)]
    [InlineData("^\\cJ\\x41\\0$", "\nA\0", true)]
    [InlineData("a|", "", true)]
    [InlineData("^(?:)*$", "", true)]
    [InlineData("^-$", "-", true)]
    [InlineData("^[a\\-z]$", "-", true)]
    public void Matches_as_ECMA_262_says(string pattern, string text, bool expected) => Assert.Equal(expected, IsMatch(pattern, text));

    [Theory]
    [InlineData("a**")]
    [InlineData("a{2}{3}")]
    [InlineData("^*")]
    [InlineData("[a")]
    [InlineData("a)")]
    [InlineData("(?i)a")]
    [InlineData("\\a")]
    [InlineData("\\Z")]
    [InlineData("[\\d-z]")]
    [InlineData("a{3,2}")]
    [InlineData("\\u{110000}")]
    [InlineData("\\k<a>")]
    [InlineData("\\")]
    public void What_is_no_pattern_is_refused(string pattern)
    {
        Assert.Null(Pattern.Compile(pattern, out var refusal));
        Assert.NotNull(refusal);
    }

    [Fact]
    public void Groups_nest_to_a_bound()
    {
        string Nested(int depth) => new string('(', depth) + "a" + new string(')', depth);
        Assert.NotNull(Pattern.Compile(Nested(50), out _));
        Assert.Null(Pattern.Compile(Nested(51), out _));
        Assert.NotNull(Pattern.Compile("((){1000000}){1000000}", out _));
    }

    [Fact]
    public void Agrees_with_the_runtime_on_plain_patterns()
    {
        var atom = Gen.Elements("a", "b", ".", "[ab]", "[^a]", "(a|bc)", "(?:(?:ab)?)", "\\w", "(?=a)", "(?!b)", "\\b", "(?<=a)");
        var part = from a in atom from count in Gen.Elements("", "", "*", "+", "?", "{2}", "{1,2}") select a is "\\b" or "(?=a)" or "(?!b)" or "(?<=a)" ? a : a + count;
        var pattern = from parts in part.ListOf(4) from begin in Gen.Elements("", "^") from end in Gen.Elements("", "$") select begin + string.Concat(parts) + end;
        var text = from letters in Gen.Elements('a', 'b', 'c').ListOf(6) select string.Concat(letters);
        Prop.ForAll(pattern.ToArbitrary(), text.ToArbitrary(), (expression, subject) =>
            Assert.Equal(Regex.IsMatch(subject, expression.Replace("$", "\\z", StringComparison.Ordinal)), IsMatch(expression, subject))).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    static bool IsMatch(string pattern, string text)
    {
        var steps = 1_000_000L;
        var compiled = Pattern.Compile(pattern, out var refusal);
        Assert.Null(refusal);
        return PatternMatch.In(compiled!, Encoding.UTF8.GetBytes(text), ref steps);
    }
}
