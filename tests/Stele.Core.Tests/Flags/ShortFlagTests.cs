using System.Text;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class ShortFlagTests
{
    [Theory]
    [InlineData("""{"enabled":true}""", "{}", true, FlagReason.Static)]
    [InlineData("""{"enabled":false}""", "{}", false, FlagReason.Disabled)]
    [InlineData("""{"enabled":false,"percentage":100,"target_users":["u1"]}""", """{"targetingKey":"u1"}""", false, FlagReason.Disabled)]
    [InlineData("""{"enabled":true,"percentage":100}""", "{}", true, FlagReason.Static)]
    [InlineData("""{"enabled":true,"percentage":0}""", "{}", false, FlagReason.Static)]
    [InlineData("""{"enabled":true,"percentage":100,"target_users":["u1"]}""", "{}", true, FlagReason.Static)]
    [InlineData("""{"enabled":true,"target_users":["u1"]}""", """{"targetingKey":"u1"}""", true, FlagReason.TargetingMatch)]
    [InlineData("""{"enabled":true,"target_users":["u1"]}""", """{"targetingKey":"u2"}""", false, FlagReason.Default)]
    [InlineData("""{"enabled":true,"target_users":["u1"]}""", "{}", false, FlagReason.Default)]
    [InlineData("""{"enabled":true,"target_users":[]}""", "{}", false, FlagReason.Static)]
    [InlineData("""{"enabled":true,"percentage":1,"target_users":["u1"]}""", """{"targetingKey":"u1"}""", true, FlagReason.TargetingMatch)]
    public void The_short_form_is_a_boolean_flag(string definition, string context, bool expected, FlagReason reason)
    {
        FlagText.Definition(definition);
        var answer = FlagText.Set(("flag", definition)).Evaluate("flag", FlagText.Context(context), FlagText.Now);
        Assert.Equal((expected, reason, FlagValueType.Boolean), (answer.Variant?.IsTrue, answer.Reason, answer.Variant?.Type));
        Assert.Equal(expected ? "on" : "off", answer.Variant?.Name);
    }

    [Fact]
    public void A_percentage_is_a_split_by_the_targeting_key()
    {
        var set = FlagText.Set(("flag", """{"enabled":true,"percentage":30}"""));
        var answers = Enumerable.Range(0, 10_000).Select(i => set.Evaluate("flag", FlagText.Context($$"""{"targetingKey":"user-{{i}}"}"""), FlagText.Now)).ToList();
        Assert.InRange(answers.Count(answer => answer.Variant!.IsTrue), 2_850, 3_150);
        Assert.All(answers, answer => Assert.Equal((FlagReason.Split, answer.Bucket < 30), (answer.Reason, answer.Variant!.IsTrue)));
        Assert.Equal(FlagErrorCode.TargetingKeyMissing, set.Evaluate("flag", FlagContext.Empty, FlagText.Now).Error);
    }

    [Fact]
    public void A_schedule_takes_the_place_of_the_percentage()
    {
        var set = FlagText.Set(("flag", """{"enabled":true,"schedule":[["2026-12-01T00:00:00Z",10],["2026-12-02T00:00:00+01:00",50],[1796256000,100]],"target_users":["vip"]}"""));
        var (early, late) = (FlagText.Context("""{"targetingKey":"user-3"}"""), FlagText.Context("""{"targetingKey":"vip"}"""));
        Assert.False(set.Evaluate("flag", early, FlagText.At("2026-11-30T23:59:59Z")).Variant!.IsTrue);
        Assert.True(set.Evaluate("flag", late, FlagText.At("2026-11-30T23:59:59Z")).Variant!.IsTrue);
        Assert.True(set.Evaluate("flag", early, FlagText.At("2026-12-03T00:00:00Z")).Variant!.IsTrue);
    }

    [Fact]
    public void A_schedule_is_an_if_over_the_time_for_who_knows_only_flagd()
    {
        var definition = FlagText.Definition("""{"enabled":true,"schedule":[["2026-12-01T00:00:00Z",10],["2026-12-02T00:00:00Z",60],["2027-01-01T00:00:00Z",100]],"target_users":["vip"]}""");
        var portable = Encoding.UTF8.GetString(definition.ForFlagd()!);
        Assert.DoesNotContain("schedule", portable, StringComparison.Ordinal);
        FlagText.Definition(portable);
        var (one, other) = (FlagText.Set(("flag", Encoding.UTF8.GetString(definition.Text))), FlagText.Set(("flag", portable)));
        foreach (var at in new[] { "1970-01-01T00:00:00Z", "2026-11-30T23:59:59.9Z", "2026-12-01T00:00:00Z", "2026-12-02T12:00:00Z", "2027-01-01T00:00:00Z" })
            for (var i = 0; i < 100; i++)
            {
                var context = FlagText.Context($$"""{"targetingKey":"{{(i == 0 ? "vip" : i)}}"}""");
                Assert.Equal(one.Evaluate("flag", context, FlagText.At(at)).Variant!.IsTrue, other.Evaluate("flag", context, FlagText.At(at)).Variant!.IsTrue);
            }
        Assert.Null(FlagText.Definition(FlagText.Ruled("""{"if":[{"flag":["other"]},"on"]}""")).ForFlagd());
        var plain = FlagText.Definition(FlagText.Ruled("""{"if":[true,"on"]}"""));
        Assert.Equal(plain.Text, plain.ForFlagd());
    }

    [Fact]
    public void What_a_short_form_stands_for_is_a_flag_of_flagd()
    {
        var definition = FlagText.Definition("""{"enabled":true,"percentage":25,"target_users":["a","b"],"metadata":{"team":"x"}}""");
        Assert.True(definition.IsShort);
        var full = FlagText.Definition(Encoding.UTF8.GetString(definition.Full));
        Assert.False(full.IsShort);
        var (brief, whole) = (FlagText.Set(("flag", Encoding.UTF8.GetString(definition.Text))), FlagText.Set(("flag", Encoding.UTF8.GetString(definition.Full))));
        for (var i = 0; i < 500; i++)
        {
            var context = FlagText.Context($$"""{"targetingKey":"{{(i < 2 ? "ab"[i] : i)}}"}""");
            var (one, other) = (brief.Evaluate("flag", context, FlagText.Now), whole.Evaluate("flag", context, FlagText.Now));
            Assert.Equal((one.Variant!.Name, one.Reason, one.Rule, one.Bucket), (other.Variant!.Name, other.Reason, other.Rule, other.Bucket));
        }
    }
}
