using Stele.Core.Flags;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class ExplainTests
{
    [Fact]
    public void An_explanation_is_the_way_through_the_rule()
    {
        var (_, trace) = Explain("""{"if":[{"==":[{"var":"tier"},"gold"]},"on",{"ends_with":[{"var":"email"},"@example.com"]},"other",null]}""", """{"tier":"silver","email":"ada@example.com"}""");
        Assert.Equal(
            """
            /targeting if = "other"
              /targeting/if/0 == = false
                /targeting/if/0/==/0 var = "silver"
                /targeting/if/0/==/1 = "gold"
              /targeting/if/2 ends_with = true
                /targeting/if/2/ends_with/0 var = "ada@example.com"
                /targeting/if/2/ends_with/1 = "@example.com"
              /targeting/if/3 = "other"

            """.ReplaceLineEndings("\n"), Text(trace.Root!, 0));
    }

    [Fact]
    public void A_split_shows_its_key_its_bucket_and_its_shares()
    {
        var (answer, trace) = Explain("""{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"email"}]},["on",25],["off",25],["other",50]]}""", """{"email":"ada@example.com"}""");
        var part = trace.Root!;
        Assert.Equal(("flagada@example.com", 100), (part.BucketKey, part.Split!.Total));
        Assert.Equal([25, 50, 100], part.Split.Ends);
        Assert.Equal(answer.Bucket, part.Split.Bucket);
        Assert.Equal(Murmur3.Hash("flagada@example.com"u8), part.Split.Hash);
    }

    [Fact]
    public void A_failure_is_shown_where_it_happened()
    {
        var (answer, trace) = Explain("""{"if":[{"var":"x"},"on",{"fractional":[["on",1],["off",1]]}]}""", "{}");
        Assert.Equal(FlagErrorCode.TargetingKeyMissing, answer.Error);
        Assert.Null(trace.Root!.Inputs[0].Failure);
        Assert.Equal(answer.Message, trace.Root.Inputs[1].Failure);
        Assert.Null(trace.Root.Inputs[1].BucketKey);
    }

    [Fact]
    public void What_a_shared_rule_and_another_flag_did_is_shown_in_place()
    {
        var set = FlagText.Set(("flag", FlagText.Ruled("""{"if":[{"$ref":"staff"},"on",{"flag":["other"]},"other"]}""")), ("other", FlagText.Ruled("""{"if":[{"var":"beta"},"on"]}""")))
            .With("staff", """{"in":["@us",{"var":"email"}]}""");
        var trace = new FlagTrace();
        Assert.True(set.Flags.TryGetValue("flag", out var flag));
        set.Explain(flag, FlagText.Context("""{"email":"a@them","beta":true}"""), FlagText.Now, trace);
        Assert.Equal("/$evaluators/staff", Assert.Single(trace.Root!.Inputs[0].Inputs).Pointer);
        Assert.Equal(("flag", "\"on\""), (trace.Root.Inputs[1].Operation, trace.Root.Inputs[1].Result));
        Assert.Equal("/targeting", Assert.Single(trace.Root.Inputs[1].Inputs).Pointer);
    }

    [Fact]
    public void A_long_way_is_cut_off_and_says_so()
    {
        var (answer, trace) = Explain("""{"if":[{"some":[{"var":"list"},{"<":[{"var":""},0]}]},"on","other"]}""", $$"""{"list":[{{string.Join(',', Enumerable.Range(0, 5_000))}}]}""");
        Assert.Equal("other", answer.Variant?.Name);
        Assert.True(trace.Truncated);
        Assert.True(Count(trace.Root!) <= SteleLimits.FlagTraceParts.Value);
    }

    [Fact]
    public void A_flag_without_a_rule_has_nothing_to_explain()
    {
        var set = FlagText.Set(("flag", """{"enabled":true}"""));
        var trace = new FlagTrace();
        Assert.Equal(FlagReason.Static, set.Explain(set.Flags.First(), FlagContext.Empty, FlagText.Now, trace).Reason);
        Assert.Null(trace.Root);
    }

    static (FlagAnswer Answer, FlagTrace Trace) Explain(string rule, string context)
    {
        var set = FlagText.Set(("flag", FlagText.Ruled(rule)));
        var trace = new FlagTrace();
        var answer = set.Explain(set.Flags.First(), FlagText.Context(context), FlagText.Now, trace);
        var plain = set.Evaluate("flag", FlagText.Context(context), FlagText.Now);
        Assert.Equal((plain.Variant?.Name, plain.Reason, plain.Error, plain.Rule, plain.Bucket), (answer.Variant?.Name, answer.Reason, answer.Error, answer.Rule, answer.Bucket));
        return (answer, trace);
    }

    static string Text(FlagTracePart part, int depth) =>
        $"{new string(' ', 2 * depth)}{part.Pointer}{(part.Operation is null ? "" : " " + part.Operation)} = {part.Result}\n{string.Concat(part.Inputs.Select(input => Text(input, depth + 1)))}";

    static int Count(FlagTracePart part) => 1 + part.Inputs.Sum(Count);
}
