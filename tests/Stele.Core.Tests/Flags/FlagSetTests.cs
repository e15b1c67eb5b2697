using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>What flags make of each other, of time, and of the switches.</summary>
public sealed class FlagSetTests
{
    const string Number = """{"state":"ENABLED","variants":{"low":3,"high":10},"defaultVariant":"low","targeting":{"if":[{"var":"big"},"high",null]}}""";

    [Theory]
    [InlineData("""{"if":[{"flag":["other"]},"on",null]}""", "{}", "off")]
    [InlineData("""{"if":[{"flag":["other"]},"on",null]}""", """{"targetingKey":"u1"}""", "on")]
    [InlineData("""{"if":[{"flag":"other"},"on",null]}""", """{"targetingKey":"u1"}""", "on")]
    [InlineData("""{"if":[{"==":[{"flag":["number"]},3]},"on",null]}""", "{}", "on")]
    [InlineData("""{"if":[{"==":[{"flag":["number"]},10]},"on",null]}""", """{"big":1}""", "on")]
    [InlineData("""{"if":[{"==":[{"flag":["disabled"]},null]},"on",null]}""", "{}", "on")]
    [InlineData("""{"if":[{"==":[{"flag":["disabled","x"]},"x"]},"on",null]}""", "{}", "on")]
    [InlineData("""{"if":[{"some":[[1,2],{"flag":["other"]}]},"on",null]}""", """{"targetingKey":"u1"}""", "on")]
    public void A_rule_reads_the_value_of_another_flag(string rule, string context, string expected)
    {
        var set = FlagText.Set(("flag", FlagText.Ruled(rule)), ("other", """{"enabled":true,"target_users":["u1"]}"""), ("number", Number),
            ("disabled", """{"state":"DISABLED","variants":{"a":1},"defaultVariant":"a"}"""));
        Assert.Equal(expected, set.Evaluate("flag", FlagText.Context(context), FlagText.Now).Variant?.Name);
    }

    [Fact]
    public void A_prerequisite_that_fails_fails_the_flag()
    {
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"!":{"flag":["other"]}},"on",null]}""")), ("other", """{"enabled":true,"percentage":50}"""));
        Assert.Equal(FlagErrorCode.TargetingKeyMissing, set.Evaluate("flag", FlagContext.Empty, FlagText.Now).Error);
        Assert.Equal(FlagErrorCode.ParseError, FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"!":{"flag":["other"]}},"on",null]}"""))).Evaluate("flag", FlagContext.Empty, FlagText.Now).Error);
    }

    [Fact]
    public void A_prerequisite_buckets_by_its_own_name_and_leaves_no_trace_of_it()
    {
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"flag":["other"]},"on","other"]}""")), ("other", """{"enabled":true,"percentage":50}"""));
        for (var i = 0; i < 200; i++)
        {
            var context = FlagText.Context($$"""{"targetingKey":"user-{{i}}"}""");
            var (flag, other) = (set.Evaluate("flag", context, FlagText.Now), set.Evaluate("other", context, FlagText.Now));
            Assert.Equal(other.Variant!.IsTrue ? "on" : "other", flag.Variant!.Name);
            Assert.Equal((FlagReason.TargetingMatch, null), (flag.Reason, flag.Bucket));
        }
    }

    [Fact]
    public void What_leads_in_circles_is_refused_when_it_is_written_and_ends_when_it_is_evaluated()
    {
        var set = FlagText.Set(("a", FlagText.Ruled("""{"if":[{"flag":["b"]},"on"]}""")), ("b", FlagText.Ruled("""{"if":[{"$ref":"shared"},"on"]}""")), ("self", FlagText.Ruled("""{"if":[{"flag":["self"]},"on"]}""")))
            .With("shared", """{"==":[{"flag":["a"]},"on"]}""").With("x", """{"!":{"$ref":"y"}}""").With("y", """{"!":{"$ref":"x"}}""");
        foreach (var (name, place) in new[] { ("a", "/targeting/if/0/flag/0"), ("b", "/targeting/if/0/$ref"), ("self", "/targeting/if/0/flag/0") })
        {
            Assert.Contains(Checked(set, name), problem => problem.Rule == "flag.cycle" && problem.Name == place);
            var answer = set.Evaluate(name, FlagContext.Empty, FlagText.Now);
            Assert.Equal(FlagErrorCode.General, answer.Error);
            Assert.Contains("flag.levels", answer.Message, StringComparison.Ordinal);
        }
        var problems = new List<Problem>();
        Assert.True(set.Rules.TryGetValue("x", out var shared));
        FlagChecks.Refuse(set, shared, "/rule", problems);
        Assert.Equal(("flag.cycle", "/rule/!/$ref"), (problems[0].Rule, problems[0].Name));
    }

    [Fact]
    public void What_refers_to_nothing_is_refused_with_its_place()
    {
        var problems = Checked(FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"and":[{"$ref":"none"},{"flag":["nobody"]}]},"on"]}"""))), "flag");
        Assert.Equal([("flag.reference", "/targeting/if/0/and/0/$ref"), ("flag.prerequisite", "/targeting/if/0/and/1/flag/0")], problems.Select(problem => (problem.Rule, problem.Name)));
    }

    [Fact]
    public void Prerequisites_nest_as_deep_as_the_limit_and_not_deeper()
    {
        var limit = (int)SteleLimits.FlagLevels.Value;
        var flags = Enumerable.Range(0, limit + 2).Select(i => ($"f{i}", i == 0 ? """{"enabled":true}""" : FlagText.Ruled($$"""{"if":[{"flag":["f{{i - 1}}"]},"on"]}"""))).ToArray();
        var set = FlagText.Set(flags);
        Assert.Empty(Checked(FlagText.Set(flags[..^1]), $"f{limit}"));
        // what lies in the middle makes what reads it too deep
        Assert.Equal("flag.levels", Assert.Single(Checked(set, "f5")).Rule);
        Assert.Equal("on", set.Evaluate($"f{limit}", FlagContext.Empty, FlagText.Now).Variant?.Name);
        Assert.Equal("flag.levels", Assert.Single(Checked(set, $"f{limit + 1}")).Rule);
        Assert.Equal(FlagErrorCode.General, set.Evaluate($"f{limit + 1}", FlagContext.Empty, FlagText.Now).Error);
    }

    [Fact]
    public void A_kill_switch_is_as_if_the_flag_were_disabled()
    {
        var full = new Flag("full", FlagText.Definition(FlagText.Ruled("""{"if":[true,"on"]}""")));
        var brief = new Flag("brief", FlagText.Definition("""{"enabled":true}"""));
        var reader = new Flag("reader", FlagText.Definition(FlagText.Ruled("""{"if":[{"flag":["brief"]},"on"]}""")));
        foreach (var environment in new[] { false, true })
        {
            var set = new FlagSet { Killed = environment }.Having(full.Switched(!environment), brief.Switched(!environment), reader);
            Assert.Equal((FlagReason.Disabled, null), (set.Evaluate("full", FlagContext.Empty, FlagText.Now) is var one ? (one.Reason, one.Variant) : default));
            Assert.Equal((FlagReason.Disabled, "off"), (set.Evaluate("brief", FlagContext.Empty, FlagText.Now) is var two ? (two.Reason, two.Variant?.Name) : default));
            var other = set.Evaluate("reader", FlagContext.Empty, FlagText.Now);
            Assert.Equal(environment ? (FlagReason.Disabled, null) : (FlagReason.Default, "off"), (other.Reason, other.Variant?.Name));
        }
    }

    [Theory]
    [InlineData("2026-11-30T23:59:59.999999Z", 0)]
    [InlineData("2026-12-01T00:00:00Z", 10)]
    [InlineData("2026-12-01T23:59:59Z", 10)]
    [InlineData("2026-12-02T00:00:00Z", 40)]
    [InlineData("2999-01-01T00:00:00Z", 100)]
    public void A_schedule_comes_to_the_percentage_of_its_last_step(string at, int expected)
    {
        var rule = $$"""{"if":[{"==":[{"schedule":[["2026-12-01T00:00:00Z",10],["2026-12-02T00:00:00Z",40],["2027-01-01T00:00:00Z",100]]},{{expected}}]},"on"]}""";
        Assert.Equal("on", FlagText.Set(("flag", FlagText.Ruled(rule))).Evaluate("flag", FlagContext.Empty, FlagText.At(at)).Variant?.Name);
    }

    [Theory]
    [InlineData("1969-12-31T23:59:59.5Z", -1)]
    [InlineData("2026-11-21T12:00:00.999999Z", 1795262400)]
    public void The_timestamp_is_in_whole_seconds(string at, long expected)
    {
        var set = FlagText.Set(("flag", FlagText.Ruled($$"""{"if":[{"===":[{"var":"$flagd.timestamp"},{{expected}}]},"on"]}""")));
        Assert.Equal("on", set.Evaluate("flag", FlagText.Context("""{"$flagd":{"timestamp":5}}"""), FlagText.At(at)).Variant?.Name);
    }

    [Fact]
    public void What_flagd_adds_is_not_there_in_the_scope_of_an_item() =>
        Assert.Equal("on", FlagText.Answer("""{"if":[{"all":[{"var":"list"},{"===":[{"var":"$flagd.flagKey"},"mine"]}]},"on"]}""", """{"list":[{"$flagd":{"flagKey":"mine"}}]}""").Variant?.Name);

    [Fact]
    public void A_set_says_when_its_answers_may_change()
    {
        var steady = FlagText.Set(("a", """{"enabled":true,"percentage":50}"""));
        Assert.Null(steady.Times.Next(FlagText.Now));
        Assert.Equal(steady.Times.Phase(FlagText.Now), steady.Times.Phase(FlagText.At("2030-01-01T00:00:00Z")));

        var ramp = FlagText.Set(("a", """{"enabled":true,"schedule":[["2026-12-01T00:00:00Z",10],["2026-12-02T00:00:00Z",40]]}"""));
        Assert.Equal(FlagText.At("2026-12-01T00:00:00Z"), ramp.Times.Next(FlagText.Now));
        Assert.Equal(FlagText.At("2026-12-02T00:00:00Z"), ramp.Times.Next(FlagText.At("2026-12-01T00:00:00Z")));
        Assert.Null(ramp.Times.Next(FlagText.At("2026-12-02T00:00:00Z")));
        Assert.Equal([0, 1, 1, 2], new[] { "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T23:59:59.9Z", "2026-12-02T00:00:00Z" }.Select(at => ramp.Times.Phase(FlagText.At(at))));

        var clock = FlagText.Set(("a", FlagText.Ruled("""{"if":[{">":[{"var":"$flagd.timestamp"},5]},"on"]}""")));
        Assert.Equal(FlagText.At("2026-11-21T12:00:01Z"), clock.Times.Next(FlagText.Now));
        Assert.NotEqual(clock.Times.Phase(FlagText.Now), clock.Times.Phase(FlagText.At("2026-11-21T12:00:01Z")));
        Assert.NotNull((steady with { Flags = clock.Flags }).Times.Next(FlagText.Now));
    }

    [Theory]
    [InlineData("""{"if":[{"var":"a"},"on",{"var":"b"},"other",null]}""", """{"a":1}""", "/targeting/if/1")]
    [InlineData("""{"if":[{"var":"a"},"on",{"var":"b"},"other",null]}""", """{"b":1}""", "/targeting/if/3")]
    [InlineData("""{"if":[{"var":"a"},"on",{"var":"b"},"other",null]}""", "{}", "/targeting/if/4")]
    [InlineData("""{"if":[{"var":"a"},"on"]}""", "{}", null)]
    [InlineData("""{"if":[{"var":"a"},{"if":[{"var":"b"},"on","other"]}]}""", """{"a":1}""", "/targeting/if/1/if/2")]
    [InlineData("""{"or":[{"var":"a"},"on"]}""", "{}", "/targeting/or/1")]
    [InlineData("""{"cat":["o","n"]}""", "{}", "/targeting")]
    [InlineData("""{"fractional":["x",["on",1],["on",1]]}""", "{}", "/targeting/fractional/1/0")]
    [InlineData("""{"if":[{"$ref":"shared"},"on","other"]}""", """{"x":1}""", "/targeting/if/1")]
    [InlineData("""{"if":[{"$ref":"shared"},"on"]}""", "{}", null)]
    [InlineData("""{"$ref":"shared"}""", """{"x":"on"}""", "/$evaluators/shared/if/1")]
    public void An_answer_names_the_part_that_the_rule_came_out_at(string rule, string context, string? expected)
    {
        var set = FlagText.Set(("flag", FlagText.Ruled(rule))).With("shared", """{"if":[{"var":"x"},{"var":"x"},false]}""");
        Assert.Equal(expected, set.Evaluate("flag", FlagText.Context(context), FlagText.Now).Rule);
    }

    [Theory]
    [InlineData("[1]", "/context")]
    [InlineData("null", "/context")]
    [InlineData("{", "/context")]
    [InlineData("""{"targetingKey":5}""", "/context/targetingKey")]
    [InlineData("""{"targetingKey":["a"]}""", "/context/targetingKey")]
    [InlineData("""{"a":"\ud800"}""", "/context/a")]
    public void What_is_no_context_is_refused(string json, string place)
    {
        var fault = FlagContext.Parse(Encoding.UTF8.GetBytes(json), "/context").Fault;
        Assert.Equal(FaultCode.Invalid, fault?.Code);
        Assert.Equal(place, fault!.Problems[0].Name);
    }

    [Theory]
    [InlineData("""{"targetingKey":null}""", null)]
    [InlineData("""{"targetingKey":""}""", null)]
    [InlineData("""{ "targetingKey" : "\u00e9\u0000😀" }""", "é\0😀")]
    public void A_context_has_a_targeting_key_or_none(string json, string? expected) => Assert.Equal(expected, FlagText.Context(json).TargetingKey);

    [Theory]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("1e400", "1e999")]
    public void Numbers_of_a_context_are_doubles(string number, string same) =>
        Assert.Equal("on", FlagText.Answer($$"""{"if":[{"===":[{"var":"a"},{"var":"b"}]},"on"]}""", $$"""{"a":{{number}},"b":{{same}}}""").Variant?.Name);

    [Theory]
    [InlineData("customer_a", "1")]
    [InlineData("customer_b", "2")]
    [InlineData("customer_c", "null")]
    [InlineData("customer", "3")]
    [InlineData("a\\\"b.c", "4")]
    [InlineData("é😀", "5")]
    public void Attributes_whose_names_begin_alike_are_told_apart(string path, string expected) =>
        Assert.Equal(expected, FlagText.Apply($$"""{"var":"{{path}}"}""", """{"customer_a":1,"customer_b":2,"customer":3,"a\"b":{"c":4},"é😀":5}"""));

    static List<Problem> Checked(FlagSet set, string name)
    {
        var problems = new List<Problem>();
        Assert.True(set.Flags.TryGetValue(name, out var flag));
        FlagChecks.Refuse(set, flag, "", problems);
        return problems;
    }
}
