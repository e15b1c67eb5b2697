using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>What holds for any rule, any context and any split.</summary>
public sealed class FlagPropertyTests
{
    static readonly string[] operations =
    [
        "if", "?:", "and", "or", "!", "!!", "==", "===", "!=", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "min", "max", "cat", "substr", "in", "merge",
        "map", "filter", "reduce", "all", "none", "some", "missing", "missing_some", "var", "log", "fractional", "sem_ver", "starts_with", "ends_with", "flag", "schedule", "$ref", "nope",
    ];

    static readonly string[] scalars =
    [
        "null", "true", "false", "0", "1", "-1", "2.5", "1e308", "-1e-9", "9007199254740993", "\"\"", "\"on\"", "\"off\"", "\"a\"", "\"b.c\"", "\"targetingKey\"", "\"$flagd.timestamp\"", "\"$flagd\"",
        "\"1.0.0\"", "\"=\"", "\"é😀\"", "\"12\"", "\"length\"", "\"other\"", "\"shared\"", "\"flag\"", "\"2026-12-01T00:00:00Z\"", "[]", "{}", "{\"p\":1,\"q\":[2]}", "[[\"on\",1],[\"off\",2]]",
    ];

    static readonly Gen<string> Scalar = Gen.Elements(scalars);

    /// <summary>Any JSON that may be a rule, a good deal of it sense.</summary>
    static Gen<string> Rule(int depth) => depth == 0 ? Scalar : Gen.Frequency(
        (2, Scalar),
        (6, from name in Gen.Elements(operations) from arguments in Rule(depth - 1).ListOf() select $"{{\"{name}\":[{string.Join(',', arguments.Take(4))}]}}"),
        (1, from name in Gen.Elements(operations) from argument in Rule(depth - 1) select $"{{\"{name}\":{argument}}}"),
        (1, from items in Rule(depth - 1).ListOf() select $"[{string.Join(',', items.Take(4))}]"));

    static readonly Gen<string> Context =
        from a in Scalar from b in Scalar from c in Scalar from key in Gen.Elements("\"user-1\"", "\"\"", "null", "\"é\"")
        select $"{{\"a\":{a},\"b\":{{\"c\":{b}}},\"on\":{c},\"targetingKey\":{key}}}";

    [Fact]
    public void No_rule_and_no_context_make_an_evaluation_throw() =>
        Prop.ForAll((from rule in Rule(4) from shared in Rule(3) from context in Context select (rule, shared, context)).ToArbitrary(), drawn =>
        {
            var (rule, shared, context) = drawn;
            var set = FlagText.Set(("flag", FlagText.Ruled($$"""{"if":[{{rule}},"on",{{rule}}]}""")), ("other", FlagText.Ruled($$"""{"cat":[{{shared}}]}"""))).With("shared", shared);
            var prepared = FlagText.Context(context);
            foreach (var flag in set.Flags)
            {
                var answer = set.Evaluate(flag, prepared, FlagText.Now);
                Assert.True(answer.Reason == FlagReason.Error == (answer.Error != FlagErrorCode.None), $"{answer.Reason} {answer.Error}");
                Assert.True(answer.Error is FlagErrorCode.None or FlagErrorCode.General or FlagErrorCode.ParseError or FlagErrorCode.TargetingKeyMissing, answer.Error.ToString());
                Assert.Null(answer.Error == FlagErrorCode.None ? answer.Message : null);
                // the same again, by the same objects, by others, and by the way that writes everything down
                Same(answer, set.Evaluate(flag, prepared, FlagText.Now));
                Same(answer, set.Having(new Flag(flag.Name, flag.Definition.Text)).Evaluate(flag.Name, FlagText.Context(context), FlagText.Now));
                Same(answer, set.Explain(flag, prepared, FlagText.Now, new FlagTrace()));
            }
            Assert.True(set.Times.Phase(FlagText.Now) >= 0);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000).WithEndSize(12));

    [Fact]
    public void What_is_accepted_is_never_a_parse_error() =>
        Prop.ForAll(Gen.Zip(Rule(4), Context).ToArbitrary(), drawn =>
        {
            var problems = new List<Stele.Core.Faults.Problem>();
            var definition = FlagDefinition.Parse(FlagText.Canonical(FlagText.Ruled($$"""{"if":[{{drawn.Item1}},"on",null]}""")), "", problems);
            if (definition is null) return;
            var set = FlagSet.Empty.Having(new Flag("flag", definition));
            FlagChecks.Refuse(set, new Flag("flag", definition), "", problems);
            if (problems.Count > 0) return;
            Assert.NotEqual(FlagErrorCode.ParseError, set.Evaluate("flag", FlagText.Context(drawn.Item2), FlagText.Now).Error);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000).WithEndSize(12));

    [Fact]
    public void No_bytes_make_a_definition_or_a_context_throw() =>
        Prop.ForAll(ArbMap.Default.ArbFor<string>(), text =>
        {
            var bytes = Encoding.UTF8.GetBytes(text ?? "");
            FlagContext.Parse(bytes, "/context");
            FlagName.TryParse(text, null, out _);
            if (!Stele.Core.Json.CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes($"{{\"state\":{text}}}"), "", [], out var canonical)) return;
            FlagDefinition.Parse(canonical, "", []);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1_000));

    [Fact]
    public void A_split_gives_each_share_what_its_weight_says() =>
        Prop.ForAll(Gen.Zip(Gen.Choose(0, 100).ArrayOf(3), Gen.Choose(0, 1_000_000)).ToArbitrary(), drawn =>
        {
            var (weights, seed) = drawn;
            var total = weights.Sum();
            if (total == 0) return;
            const int subjects = 8_000;
            var set = FlagText.Set(($"flag-{seed}", FlagText.Ruled($$"""{"fractional":[["on",{{weights[0]}}],["off",{{weights[1]}}],["other",{{weights[2]}}]]}""")));
            var counts = Enumerable.Range(0, subjects).Select(i => set.Evaluate($"flag-{seed}", FlagText.Context($$"""{"targetingKey":"subject-{{i}}"}"""), FlagText.Now).Variant!.Name)
                .CountBy(name => name).ToDictionary();
            foreach (var (name, weight) in new[] { "on", "off", "other" }.Zip(weights))
            {
                var share = (double)weight / total;
                // five standard deviations: one draw in a million is further off
                var tolerance = 5 * Math.Sqrt(subjects * share * (1 - share));
                Assert.InRange(counts.GetValueOrDefault(name), subjects * share - tolerance, subjects * share + tolerance);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(40));

    [Fact]
    public void Raising_a_percentage_never_takes_anyone_out() =>
        Prop.ForAll((from one in Gen.Choose(0, 100) from other in Gen.Choose(0, 100) from seed in Gen.Choose(0, 1_000_000) select (one, other, seed)).ToArbitrary(), drawn =>
        {
            var (less, more) = (Math.Min(drawn.one, drawn.other), Math.Max(drawn.one, drawn.other));
            var before = FlagText.Set(("flag", $$"""{"enabled":true,"percentage":{{less}}}"""));
            var after = FlagText.Set(("flag", $$"""{"enabled":true,"percentage":{{more}}}"""));
            var ramp = FlagText.Set(("flag", $$"""{"enabled":true,"schedule":[[100,{{less}}],[200,{{more}}]]}"""));
            for (var i = 0; i < 200; i++)
            {
                var context = FlagText.Context($$"""{"targetingKey":"{{drawn.seed}}-{{i}}"}""");
                var (was, is_) = (On(before, context, 0), On(after, context, 0));
                Assert.True(!was || is_, $"{less} to {more} took {i} out");
                Assert.Equal((false, was, is_), (On(ramp, context, 99), On(ramp, context, 100), On(ramp, context, 200)));
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    [Fact]
    public void Only_the_ratio_of_weights_counts() =>
        Prop.ForAll((from one in Gen.Choose(1, 1_000) from other in Gen.Choose(1, 1_000) from scale in Gen.Choose(1, 1_000_000) select (one, other, scale)).ToArbitrary(), drawn =>
        {
            var (a, b, factor) = drawn;
            string Split(long x) => FlagText.Ruled($$"""{"fractional":[["on",{{a * x}}],["off",{{b * x}}]]}""");
            var (small, large) = (FlagText.Set(("flag", Split(1))), FlagText.Set(("flag", Split(factor))));
            for (var i = 0; i < 50; i++)
            {
                var context = FlagText.Context($$"""{"targetingKey":"{{factor}}-{{i}}"}""");
                Assert.Equal(small.Evaluate("flag", context, FlagText.Now).Variant!.Name, large.Evaluate("flag", context, FlagText.Now).Variant!.Name);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(100));

    [Theory]
    [InlineData("""{"enabled":true}""")]
    [InlineData("""{"enabled":true,"percentage":50,"target_users":["a","b","c","d","e","f"]}""")]
    [InlineData("""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"email"}]},["on",50],["off",50]]}}""")]
    [InlineData("""{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"and":[{"==":[{"var":"tier"},"gold"]},{"in":["@example.com",{"var":"email"}]},{">=":[{"var":"age"},18]},{"in":[{"var":"country"},["de","fr","nl","be","at"]]},{"!":{"var":"blocked"}},{"<":[0,{"var":"score"},1]},{"sem_ver":["2.1.0",">=","2.0.0"]}]},"on",null]}}""")]
    public void A_boolean_flag_allocates_nothing_for_a_prepared_context(string definition)
    {
        var set = FlagText.Set(("flag", definition));
        var context = FlagText.Context("""{"targetingKey":"user-1","email":"ada@example.com","tier":"gold","age":36,"country":"nl","score":0.5}""");
        Assert.True(set.Flags.TryGetValue("flag", out var flag));
        var answers = 0;
        for (var i = 0; i < 100; i++) answers += set.Evaluate(flag, context, FlagText.Now).Variant!.IsTrue ? 1 : 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++) answers += set.Evaluate(flag, context, FlagText.Now).Variant!.IsTrue ? 1 : 0;
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(answers is 0 or 1_100);
    }

    static bool On(FlagSet set, FlagContext context, long seconds) => set.Evaluate("flag", context, new Timestamp(seconds * 1_000_000)).Variant!.IsTrue;

    static void Same(FlagAnswer a, FlagAnswer b) => Assert.Equal((a.Variant?.Name, a.Reason, a.Error, a.Message, a.Rule, a.Bucket), (b.Variant?.Name, b.Reason, b.Error, b.Message, b.Rule, b.Bucket));
}
