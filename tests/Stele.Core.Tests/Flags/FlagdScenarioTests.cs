using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>What flagd's own test-suite (open-feature/flagd-testbed, evaluator) asks of an evaluator, each behaviour once.</summary>
public sealed class FlagdScenarioTests
{
    const string Suits = """{"state":"ENABLED","variants":{"clubs":"clubs","diamonds":"diamonds","hearts":"hearts","spades":"spades","wild":"wild"},"defaultVariant":"wild","targeting":{"fractional":[KEY,["clubs",25],["diamonds",25],["hearts",25],["spades",25]]}}""";

    [Theory]
    [InlineData("""{"on":true,"off":false}""", "on", "true", FlagValueType.Boolean)]
    [InlineData("""{"on":true,"off":false}""", "off", "false", FlagValueType.Boolean)]
    [InlineData("""{"greeting":"hi","parting":""}""", "greeting", "\"hi\"", FlagValueType.String)]
    [InlineData("""{"greeting":"hi","parting":""}""", "parting", "\"\"", FlagValueType.String)]
    [InlineData("""{"one":1,"ten":10}""", "ten", "10", FlagValueType.Number)]
    [InlineData("""{"zero":0,"half":0.5}""", "zero", "0", FlagValueType.Number)]
    [InlineData("""{"a":10.0,"b":2147483647}""", "a", "10.0", FlagValueType.Number)]
    [InlineData("""{"a":9007199254740991}""", "a", "9007199254740991", FlagValueType.Number)]
    [InlineData("""{"a":{"title":"x","n":100},"b":{}}""", "a", """{"title":"x","n":100}""", FlagValueType.Object)]
    public void Without_a_rule_the_default_variant_is_static_and_its_text_is_kept(string variants, string chosen, string expected, FlagValueType type)
    {
        var answer = FlagText.Set(("flag", $$"""{"state":"ENABLED","variants":{{variants}},"defaultVariant":"{{chosen}}"}""")).Evaluate("flag", FlagContext.Empty, FlagText.Now);
        Assert.Equal((FlagReason.Static, expected, chosen), (answer.Reason, answer.Value(), answer.Variant!.Name));
        Assert.Equal(type, answer.Variant.Type);
        Assert.Null(answer.Bucket);
        Assert.Null(answer.Rule);
    }

    [Theory]
    [InlineData(""" "defaultVariant":null, """, "{}", null, FlagReason.Default)]
    [InlineData("", "{}", null, FlagReason.Default)]
    [InlineData(""" "targeting":{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special",null]}, """, """{"email":"wozniak@orange.com"}""", null, FlagReason.Default)]
    [InlineData(""" "targeting":{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special",null]}, """, """{"email":"jobs@orange.com"}""", "\"CEO\"", FlagReason.TargetingMatch)]
    [InlineData(""" "targeting":{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special"]}, """, """{"email":"wozniak@orange.com"}""", null, FlagReason.Default)]
    [InlineData(""" "targeting":{}, "defaultVariant":"normal", """, "{}", "\"CFO\"", FlagReason.Static)]
    public void Without_a_default_variant_the_callers_own_default_counts(string members, string context, string? expected, FlagReason reason)
    {
        var answer = FlagText.Set(("flag", $$"""{ {{members}} "variants":{"normal":"CFO","special":"CEO"},"state":"ENABLED"}""")).Evaluate("flag", FlagText.Context(context), FlagText.Now);
        Assert.Equal((expected, reason, FlagErrorCode.None), (answer.Value(), answer.Reason, answer.Error));
    }

    [Fact]
    public void A_disabled_flag_leaves_it_to_the_caller()
    {
        var answer = FlagText.Set(("flag", """{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on","targeting":{"if":[true,"on"]}}""")).Evaluate("flag", FlagContext.Empty, FlagText.Now);
        Assert.Equal((FlagReason.Disabled, null), (answer.Reason, answer.Value()));
    }

    [Fact]
    public void A_flag_that_does_not_exist_is_not_found() =>
        Assert.Equal((FlagReason.Error, FlagErrorCode.FlagNotFound), (FlagSet.Empty.Evaluate("x", FlagContext.Empty, FlagText.Now) is var answer ? (answer.Reason, answer.Error) : default));

    [Theory]
    [InlineData("true", FlagValueType.String)]
    [InlineData("true", FlagValueType.Number)]
    [InlineData("\"x\"", FlagValueType.Boolean)]
    [InlineData("\"x\"", FlagValueType.Number)]
    [InlineData("1", FlagValueType.Boolean)]
    [InlineData("0.5", FlagValueType.String)]
    [InlineData("{}", FlagValueType.String)]
    public void A_value_of_another_type_than_is_asked_for_is_a_mismatch(string value, FlagValueType type)
    {
        var answer = FlagText.Set(("flag", $$"""{"state":"ENABLED","variants":{"a":{{value}}},"defaultVariant":"a"}""")).Evaluate("flag", FlagContext.Empty, FlagText.Now);
        Assert.Equal(FlagErrorCode.TypeMismatch, answer.Expect(type).Error);
        Assert.Null(answer.Expect(type).Variant);
        Assert.Equal(FlagErrorCode.None, answer.Expect(answer.Variant!.Type).Error);
    }

    [Theory]
    [InlineData("5c3d8535-f81a-4478-a6d3-afaa4d51199e", "\"on\"", FlagReason.TargetingMatch)]
    [InlineData("f20bd32d-703b-48b6-bc8e-79d53c85134a", "\"off\"", FlagReason.Default)]
    public void A_rule_may_look_at_the_targeting_key(string key, string expected, FlagReason reason)
    {
        var answer = FlagText.Answer("""{"if":[{"==":[{"var":"targetingKey"},"5c3d8535-f81a-4478-a6d3-afaa4d51199e"]},"on",null]}""", $$"""{"targetingKey":"{{key}}"}""");
        Assert.Equal((expected, reason), (answer.Value(), answer.Reason));
    }

    [Theory]
    [InlineData("jack", "hearts")]
    [InlineData("queen", "spades")]
    [InlineData("ten", "clubs")]
    [InlineData("nine", "diamonds")]
    [InlineData("3", "clubs")]
    public void Fractional_buckets_by_the_flags_name_and_an_attribute(string name, string expected) =>
        Check("fractional-flag", Suits.Replace("KEY", """{"cat":[{"var":"$flagd.flagKey"},{"var":"user.name"}]}""", StringComparison.Ordinal), $$$"""{"user":{"name":"{{{name}}}"}}""", expected);

    [Theory]
    [InlineData("seven", "hearts")]
    [InlineData("eight", "diamonds")]
    [InlineData("nine", "clubs")]
    [InlineData("two", "spades")]
    public void Flags_with_the_same_seed_bucket_alike(string name, string expected)
    {
        foreach (var flag in new[] { "fractional-flag-A-shared-seed", "fractional-flag-B-shared-seed" })
            Check(flag, Suits.Replace("KEY", """{"cat":["shared-seed",{"var":"user.name"}]}""", StringComparison.Ordinal), $$$"""{"user":{"name":"{{{name}}}"}}""", expected);
    }

    [Theory]
    [InlineData("jon@company.com", "heads")]
    [InlineData("jane@company.com", "tails")]
    public void Fractional_without_a_key_buckets_by_the_flags_name_and_the_targeting_key(string key, string expected) =>
        Check("fractional-flag-shorthand", """{"state":"ENABLED","variants":{"heads":"heads","tails":"tails","draw":"draw"},"defaultVariant":"draw","targeting":{"fractional":[["heads"],["tails",1]]}}""", $$"""{"targetingKey":"{{key}}"}""", expected);

    [Theory]
    [InlineData("ejOoVL", "on")]
    [InlineData("bY9fO-", "on")]
    [InlineData("SI7p-", "on")]
    [InlineData("6LvT0", "other")]
    [InlineData("ceQdGm", "other")]
    public void Hashes_at_the_edges_fall_where_they_should(string key, string expected)
    {
        var answer = FlagText.Answer("""{"fractional":[{"var":"targetingKey"},["on",50],["other",50]]}""", $$"""{"targetingKey":"{{key}}"}""");
        Assert.Equal((expected, FlagReason.Split, 100), (answer.Variant?.Name, answer.Reason, answer.BucketTotal));
    }

    [Theory]
    [InlineData("""{"fractional":[{"var":"targetingKey"},[{"if":[{"==":[{"var":"tier"},"premium"]},"on","off"]},50],["other",50]]}""", """{"targetingKey":"jon@company.com","tier":"premium"}""", "on")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},[{"if":[{"==":[{"var":"tier"},"premium"]},"on","off"]},50],["other",50]]}""", """{"targetingKey":"jon@company.com","tier":"basic"}""", "off")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},[{"if":[{"==":[{"var":"tier"},"premium"]},"on","off"]},50],["other",50]]}""", """{"targetingKey":"user1","tier":"premium"}""", "other")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},["on",{"if":[{"==":[{"var":"tier"},"premium"]},100,0]}],["other",10]]}""", """{"targetingKey":"jon@company.com","tier":"premium"}""", "on")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},["on",{"if":[{"==":[{"var":"tier"},"premium"]},100,0]}],["other",10]]}""", """{"targetingKey":"jon@company.com","tier":"basic"}""", "other")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},[{"var":"color"},50],["other",50]]}""", """{"targetingKey":"jon@company.com","color":"on"}""", "on")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},[{"var":"color"},50],["other",50]]}""", """{"targetingKey":"jon@company.com"}""", "off")]
    [InlineData("""{"if":[{"fractional":[[false,0],[true,100]]},"on","other"]}""", """{"targetingKey":"some-targeting-key"}""", "on")]
    [InlineData("""{"if":[{"fractional":[[false,100],[true,0]]},"on","other"]}""", """{"targetingKey":"some-targeting-key"}""", "other")]
    [InlineData("""{"fractional":[["on",1]]}""", "{}", "on")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},["on",-50],["other",100]]}""", """{"targetingKey":"x"}""", "other")]
    [InlineData("""{"fractional":[{"var":"targetingKey"},["on",0],["other",0]]}""", """{"targetingKey":"x"}""", "off")]
    [InlineData("""{"if":[{"fractional":[{"var":"targetingKey"},["one",0],["two",0]]},"on","other"]}""", """{"targetingKey":"x"}""", "other")]
    [InlineData("""{"fractional":[{"var":"missing_key"},["on",50],["other",50]]}""", "{}", "off")]
    public void Fractional_computes_shares_and_weights(string rule, string context, string expected) => Assert.Equal(expected, FlagText.Answer(rule, context).Variant?.Name);

    [Theory]
    [InlineData("yellow")]
    [InlineData("")]
    public void A_variant_that_does_not_exist_is_an_error(string colour)
    {
        var answer = FlagText.Answer("""{"var":"color"}""", $$"""{"color":"{{colour}}"}""");
        Assert.Equal((FlagReason.Error, FlagErrorCode.General, null), (answer.Reason, answer.Error, answer.Variant));
    }

    [Theory]
    [InlineData("abcdef", "on")]
    [InlineData("uvwxyz", "other")]
    [InlineData("abcxyz", "on")]
    [InlineData("lmnopq", "off")]
    public void Starts_with_and_ends_with_look_at_the_ends_of_texts(string id, string expected) =>
        Assert.Equal(expected, FlagText.Answer("""{"if":[{"starts_with":[{"var":"id"},"abc"]},"on",{"ends_with":[{"var":"id"},"xyz"]},"other",null]}""", $$"""{"id":"{{id}}"}""").Variant?.Name);

    [Theory]
    [InlineData("""{"starts_with":[{"var":"num"},"abc"]}""")]
    [InlineData("""{"ends_with":[{"var":"num"},"xyz"]}""")]
    [InlineData("""{"starts_with":["abc"]}""")]
    [InlineData("""{"ends_with":["xyz"]}""")]
    [InlineData("""{"starts_with":["a","b","c"]}""")]
    [InlineData("""{"sem_ver":[{"var":"num"},"===","1.0.0"]}""")]
    [InlineData("""{"sem_ver":["not-a-version","=","1.0.0"]}""")]
    [InlineData("""{"sem_ver":["1.0.0","="]}""")]
    [InlineData("""{"sem_ver":[{"var":"nothing"},"=","1.0.0"]}""")]
    public void What_cannot_be_compared_is_null_and_not_false(string rule)
    {
        Assert.Equal("null", FlagText.Apply(rule, """{"num":123}"""));
        var answer = FlagText.Answer(rule, """{"num":123}""");
        Assert.Equal(("off", FlagReason.Default), (answer.Variant?.Name, answer.Reason));
    }

    [Theory]
    [InlineData("2.0.0", "=", "2.0.0", true)]
    [InlineData("2.1.0", ">", "2.0.0", true)]
    [InlineData("1.9.0", "<", "2.0.0", true)]
    [InlineData("2.0.0-alpha", "<", "2.0.0", true)]
    [InlineData("2.0.0", "!=", "2.0.0", false)]
    [InlineData("2.0.0", "<=", "2.0.0", true)]
    [InlineData("2.0.0", ">=", "2.0.1", false)]
    [InlineData("3.0.1", "~", "3.0.0", true)]
    [InlineData("3.1.0", "~", "3.0.0", false)]
    [InlineData("3.1.0", "^", "3.0.0", true)]
    [InlineData("4.0.0", "^", "3.0.0", false)]
    [InlineData("v1.0.0", "=", "1.0.0", true)]
    [InlineData("1.0.0", "=", "V1.0.0", true)]
    [InlineData("1.5.0", "^", "1", true)]
    [InlineData("1.2", "=", "1.2.0", true)]
    [InlineData("1.0.0+other", "=", "1.0.0+build", true)]
    [InlineData("1.0.0-alpha", "<", "1.0.0-alpha.1", true)]
    [InlineData("1.0.0-alpha.1", "<", "1.0.0-alpha.beta", true)]
    [InlineData("1.0.0-beta.2", "<", "1.0.0-beta.11", true)]
    [InlineData("1.0.0-rc.1", "<", "1.0.0", true)]
    [InlineData("10.0.0", ">", "9.0.0", true)]
    public void Versions_are_compared_as_semver_says(string left, string sign, string right, bool expected) =>
        Assert.Equal(expected ? "true" : "false", FlagText.Apply($$"""{"sem_ver":[{"var":"v"},"{{sign}}","{{right}}"]}""", $$"""{"v":"{{left}}"}"""));

    [Theory]
    [InlineData("2.0.0.0")]
    [InlineData("01.0.0")]
    [InlineData("1.0.0-")]
    [InlineData("1.0.0-01")]
    [InlineData("1.0.0-a..b")]
    [InlineData("1.")]
    [InlineData("1.0-beta")]
    [InlineData("vv1.0.0")]
    [InlineData("")]
    [InlineData("99999999999999999.0.0")]
    public void What_is_no_version_compares_to_null(string text) =>
        Assert.Equal("null", FlagText.Apply("""{"sem_ver":[{"var":"v"},"=","1.0.0"]}""", $$"""{"v":"{{text}}"}"""));

    [Theory]
    [InlineData("ballmer@macrosoft.com", "on")]
    [InlineData("user@example.com", "other")]
    public void A_shared_rule_stands_where_it_is_referred_to(string email, string expected)
    {
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"$ref":"is_ballmer"},"on","other"]}"""))).With("is_ballmer", """{"==":["ballmer@macrosoft.com",{"var":["email"]}]}""");
        var answer = set.Evaluate("flag", FlagText.Context($$"""{"email":"{{email}}"}"""), FlagText.Now);
        Assert.Equal((expected, FlagReason.TargetingMatch), (answer.Variant?.Name, answer.Reason));
    }

    [Fact]
    public void A_shared_rule_that_does_not_exist_is_a_parse_error()
    {
        var answer = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"$ref":"nonexistent"},"on","other"]}"""))).Evaluate("flag", FlagContext.Empty, FlagText.Now);
        Assert.Equal((FlagReason.Error, FlagErrorCode.ParseError), (answer.Reason, answer.Error));
    }

    static void Check(string flag, string definition, string context, string expected) =>
        Assert.Equal(expected, FlagText.Set((flag, definition)).Evaluate(flag, FlagText.Context(context), FlagText.Now).Variant?.Name);
}
