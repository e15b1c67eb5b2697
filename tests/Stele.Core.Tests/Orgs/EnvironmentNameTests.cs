using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Orgs;

public sealed partial class EnvironmentNameTests
{
    [Theory]
    [InlineData("development")]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("eu-west_1")]
    [InlineData("Production")]
    public void A_name_is_taken_as_written(string text)
    {
        Assert.True(EnvironmentName.TryParse(text, out var name));
        Assert.Equal(text, name.Text);
        Assert.Equal(text, name.ToString());
        Assert.Equal(name, EnvironmentName.Parse(text, null));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("_a")]
    [InlineData("-a")]
    [InlineData("a.b")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("a\n")]
    [InlineData("a\0")]
    [InlineData("é")]
    [InlineData("a٣")]
    public void A_name_with_other_characters_is_refused(string? text)
    {
        Assert.False(EnvironmentName.TryParse(text, out var name));
        Assert.Equal(default, name);
        Assert.False(EnvironmentName.TryParse(text, null, out _));
        Assert.Throws<FormatException>(() => EnvironmentName.Parse(text!, null));
    }

    [Fact]
    public void A_name_of_51_characters_is_refused_and_one_of_50_is_not()
    {
        Assert.True(EnvironmentName.TryParse(new string('e', 50), out _));
        Assert.False(EnvironmentName.TryParse(new string('e', 51), out _));
    }

    [Fact]
    public void TryParse_takes_exactly_what_the_design_writes_down() =>
        Prop.ForAll(NearlyNames.ToArbitrary(), text =>
            Assert.Equal(Written().IsMatch(text), EnvironmentName.TryParse(text, out _)))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

    static readonly Gen<string> NearlyNames =
        from length in Gen.Frequency((3, Gen.Choose(0, 8)), (2, Gen.Choose(48, 53)))
        from characters in Gen.Frequency(
            (60, Gen.Elements("abcXYZ019".ToCharArray())), (10, Gen.Elements("_-".ToCharArray())), (1, Gen.Choose(0, 0x17f).Select(unit => (char)unit))).ArrayOf(length)
        select new string(characters);

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,49}\z")]
    private static partial Regex Written();
}
