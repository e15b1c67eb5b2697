using System.Diagnostics;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>Rules and contexts that were made to hang an evaluator, or to exhaust it.</summary>
public sealed class HostileFlagTests
{
    // no bound on speed: what this catches takes hours, or for ever
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    static readonly string Numbers = $"[{string.Join(',', Enumerable.Range(0, 100_000))}]";

    [Theory]
    // texts that double with every item
    [InlineData("""{"reduce":[{"var":"list"},{"cat":[{"var":"accumulator"},{"var":"accumulator"}]},"x"]}""")]
    // arrays that double
    [InlineData("""{"reduce":[{"var":"list"},{"merge":[{"var":"accumulator"},{"var":"accumulator"}]},[1]]}""")]
    // an array in an array in an array
    [InlineData("""{"reduce":[{"var":"list"},[{"var":"accumulator"}],1]}""")]
    // the text of an array whose halves are the same array
    [InlineData("""{"cat":[{"reduce":[[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32],[{"var":"accumulator"},{"var":"accumulator"}],1]}]}""")]
    // loops in loops
    [InlineData("""{"map":[{"var":"list"},{"map":[[1,2,3,4,5,6,7,8,9,10],{"map":[[1,2,3,4,5,6,7,8,9,10],{"+":[1,2]}]}]}]}""")]
    [InlineData("""{"filter":[{"var":"list"},{"in":[{"var":""},[1.5,2.5,3.5,4.5,5.5]]}]}""")]
    [InlineData("""{"all":[{"var":"list"},{">=":[{"var":""},0]}]}""")]
    [InlineData("""{"missing":{"var":"list"}}""")]
    [InlineData("""{"in":[{"var":"half"},{"var":"whole"}]}""")]
    [InlineData("""{"in":["x",{"var":"list"}]}""")]
    [InlineData("""{"+":[{"var":"list"}]}""")]
    public void Too_much_work_ends_with_an_error(string rule)
    {
        var watch = Stopwatch.StartNew();
        var context = FlagText.Context($$"""{"list":{{Numbers}},"half":"{{new string('a', 100_000)}}b","whole":"{{new string('a', 200_000)}}"}""");
        var set = FlagText.Set(("flag", FlagText.Ruled($$"""{"if":[{{rule}},"on","other"]}""")));
        var answer = set.Evaluate("flag", context, FlagText.Now);
        Assert.Equal((FlagReason.Error, FlagErrorCode.General), (answer.Reason, answer.Error));
        Assert.Contains("the limit", answer.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < Patience, $"{rule} took {watch.Elapsed}");
    }

    [Fact]
    public void Flags_that_read_each_other_twice_at_each_level_end_at_the_budget()
    {
        var flags = Enumerable.Range(0, 10).Select(i => ($"f{i}", i == 0 ? FlagText.Ruled("""{"if":[{"var":"x"},"on"]}""")
            : FlagText.Ruled($$"""{"if":[{"or":[{{string.Join(',', Enumerable.Repeat($$"""{"==":[{"flag":["f{{i - 1}}"]},"none"]}""", 10))}}]},"on"]}""")));
        Assert.Equal(FlagErrorCode.General, FlagText.Set([.. flags]).Evaluate("f9", FlagContext.Empty, FlagText.Now).Error);
    }

    [Fact]
    public void An_array_that_is_put_into_itself_again_and_again_ends_at_a_depth()
    {
        var rule = """{"if":[{"cat":[{"reduce":[{"var":"list"},[{"var":"accumulator"}],1]}]},"on"]}""";
        string List(int count) => $$"""{"list":[{{string.Join(',', Enumerable.Range(0, count))}}]}""";
        Assert.Equal("on", FlagText.Answer(rule, List(150)).Variant?.Name);
        var answer = FlagText.Answer(rule, List(300));
        Assert.Equal(FlagErrorCode.General, answer.Error);
        Assert.Contains("nests deeper", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_long_texts_are_not_compared_for_ever()
    {
        var text = new string('a', 400_000);
        var rule = $$"""{"if":[{"or":[{{string.Join(',', Enumerable.Repeat("""{"!=":[{"var":"a"},{"var":"b"}]}""", 5_000))}}]},"on"]}""";
        var answer = FlagText.Set(("flag", FlagText.Ruled(rule))).Evaluate("flag", FlagText.Context($$"""{"a":"{{text}}","b":"{{text}}"}"""), FlagText.Now);
        Assert.Equal(FlagErrorCode.General, answer.Error);
    }

    [Fact]
    public void Nesting_beyond_that_of_JSON_is_refused()
    {
        var deep = string.Concat(Enumerable.Repeat("""{"!":""", 10_000)) + "1" + new string('}', 10_000);
        var problems = new List<Problem>();
        Assert.False(Stele.Core.Json.CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(FlagText.Ruled(deep)), "", problems, out _));
        Assert.Equal("json.depth", problems[0].Rule);
        Assert.Equal(FaultCode.Invalid, FlagContext.Parse(Encoding.UTF8.GetBytes($$"""{"a":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}"""), "").Fault?.Code);
        // one that came in while the limit was higher
        var stored = Encoding.UTF8.GetBytes(FlagText.Ruled(deep));
        Assert.Equal(FlagErrorCode.ParseError, FlagSet.Empty.Having(new Flag("flag", stored)).Evaluate("flag", FlagContext.Empty, FlagText.Now).Error);
        var shared = FlagText.Set(("flag", FlagText.Ruled("""{"$ref":"deep"}"""))) with { Rules = FlagSet.Empty.Rules.Set(SharedRule.Stored("deep", Encoding.UTF8.GetBytes(deep))) };
        Assert.Equal(FlagErrorCode.ParseError, shared.Evaluate("flag", FlagContext.Empty, FlagText.Now).Error);
    }

    [Fact]
    public void The_deepest_rule_there_can_be_is_evaluated()
    {
        // as deep as a text may nest, ten shared rules below each other
        var depth = 30;
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"$ref":"r0"},"on","other"]}""")));
        for (var i = 0; i < 10; i++)
            set = set.With($"r{i}", string.Concat(Enumerable.Repeat("""{"!":[""", depth)) + (i < 9 ? $$"""{"$ref":"r{{i + 1}}"}""" : "true") + string.Concat(Enumerable.Repeat("]}", depth)));
        Assert.Equal("on", set.Evaluate("flag", FlagContext.Empty, FlagText.Now).Variant?.Name);
        Assert.Equal("on", set.Explain(set.Flags.First(), FlagContext.Empty, FlagText.Now, new FlagTrace()).Variant?.Name);
    }

    [Fact]
    public void A_context_of_a_mebibyte_is_read_and_a_larger_one_refused()
    {
        var attributes = string.Join(',', Enumerable.Range(0, 40_000).Select(i => $"\"attribute-{i:D6}\":{i}"));
        var context = FlagText.Context($$"""{"targetingKey":"x",{{attributes}},"last":"on"}""");
        Assert.Equal("on", FlagText.Set(("flag", FlagText.Ruled("""{"var":"last"}"""))).Evaluate("flag", context, FlagText.Now).Variant?.Name);
        var fault = FlagContext.Parse(Encoding.UTF8.GetBytes($$"""{"a":"{{new string('a', 1 << 20)}}"}"""), "").Fault;
        Assert.Equal("flag.context_bytes", fault!.Problems[0].Rule);
    }

    [Theory]
    [InlineData(10_000)]
    [InlineData(300_000)]
    public void A_long_targeting_key_is_hashed_whole(int length)
    {
        var rule = """{"fractional":[["on",50],["other",50]]}""";
        var answers = Enumerable.Range(0, 40).Select(i => FlagText.Answer(rule, $$"""{"targetingKey":"{{new string('é', length)}}{{i}}"}""").Variant?.Name).ToList();
        Assert.Contains("on", answers);
        Assert.Contains("other", answers);
    }

    [Fact]
    public void A_key_beyond_ASCII_is_hashed_as_UTF_8()
    {
        var trace = new FlagTrace();
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"fractional":[{"var":"targetingKey"},["on",50],["other",50]]}""")));
        set.Explain(set.Flags.First(), FlagText.Context("""{"targetingKey":"日本語"}"""), FlagText.Now, trace);
        Assert.Equal((2_779_017_879u, "日本語"), (trace.Root!.Split!.Hash, trace.Root.BucketKey));
    }
}
