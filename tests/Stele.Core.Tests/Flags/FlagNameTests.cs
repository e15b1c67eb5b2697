using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class FlagNameTests
{
    [Theory]
    [InlineData("new-checkout")]
    [InlineData("team/new-checkout")]
    [InlineData("a")]
    [InlineData("_x[0].y")]
    [InlineData("history/of/x")]
    [InlineData("exports")]
    [InlineData("team/export")]
    public void A_name_of_allowed_characters_is_one(string text)
    {
        Assert.True(FlagName.TryParse(text, out var name, out _, out _));
        Assert.Equal(text, name.Text);
    }

    [Theory]
    [InlineData(null, "flag.length")]
    [InlineData("", "flag.length")]
    [InlineData("-a", "flag.characters")]
    [InlineData("/a", "flag.characters")]
    [InlineData("a b", "flag.characters")]
    [InlineData("é", "flag.characters")]
    [InlineData("a\0", "flag.characters")]
    [InlineData("a/", "flag.segment")]
    [InlineData("a//b", "flag.segment")]
    [InlineData("a/history", "flag.reserved")]
    [InlineData("rollback", "flag.reserved")]
    [InlineData("schema", "flag.reserved")]
    [InlineData("a/generate", "flag.reserved")]
    [InlineData("export", "flag.reserved")]
    [InlineData("usage", "flag.reserved")]
    public void What_is_no_name_is_refused_with_its_rule(string? text, string expected)
    {
        Assert.False(FlagName.TryParse(text, out _, out var rule, out var message));
        Assert.Equal(expected, rule);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_has_100_characters_at_most()
    {
        Assert.True(FlagName.TryParse(new string('a', 100), out _, out _, out _));
        Assert.False(FlagName.TryParse(new string('a', 101), out _, out var rule, out _));
        Assert.Equal("flag.length", rule);
    }
}
