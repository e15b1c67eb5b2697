using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Orgs;

/// <summary>The rule for an org's name.</summary>
public sealed class OrgNameTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("acme-payments-2")]
    [InlineData("a-")]
    public void Names_are_lower_case_letters_digits_and_dashes(string text)
    {
        Assert.True(OrgName.TryParse(text, out var name));
        Assert.Equal(text, name.Text);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-a")]
    [InlineData("Acme")]
    [InlineData("a_b")]
    [InlineData("a.b")]
    [InlineData("a/b")]
    [InlineData("a b")]
    [InlineData("a\n")]
    [InlineData("a\u202eb")]
    [InlineData("\u00e4cme")]
    [InlineData("a\0")]
    public void Anything_else_is_none(string? text) => Assert.False(OrgName.TryParse(text, out _));

    [Fact]
    public void Fifty_characters_are_allowed_and_not_one_more()
    {
        Assert.True(OrgName.TryParse(new string('a', 50), out _));
        Assert.False(OrgName.TryParse(new string('a', 51), out _));
    }
}
