using System.Text;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class FlagDefinitionTests
{
    public static TheoryData<string, string, string> Refusals => new()
    {
        { "[]", "flag.definition", "" },
        { "{}", "member.required", "/state" },
        { "{}", "member.required", "/variants" },
        { """{"state":"enabled","variants":{"a":1}}""", "flag.state", "/state" },
        { """{"state":true,"variants":{"a":1}}""", "flag.state", "/state" },
        { """{"state":"ENABLED","variants":{}}""", "flag.variants", "/variants" },
        { """{"state":"ENABLED","variants":[true]}""", "flag.variants", "/variants" },
        { """{"state":"ENABLED","variants":{"a":true,"b":"x"}}""", "flag.variants", "/variants/b" },
        { """{"state":"ENABLED","variants":{"a":null}}""", "flag.variants", "/variants/a" },
        { """{"state":"ENABLED","variants":{"a":[1]}}""", "flag.variants", "/variants/a" },
        { """{"state":"ENABLED","variants":{"":true}}""", "flag.variants", "/variants/" },
        { """{"state":"ENABLED","variants":{"a":9007199254740993}}""", "flag.variants", "/variants/a" },
        { """{"state":"ENABLED","variants":{"a":-1e300}}""", "flag.variants", "/variants/a" },
        { """{"state":"ENABLED","variants":{"a":true},"defaultVariant":"b"}""", "flag.default_variant", "/defaultVariant" },
        { """{"state":"ENABLED","variants":{"a":true},"defaultVariant":true}""", "flag.default_variant", "/defaultVariant" },
        { """{"state":"ENABLED","variants":{"a":true},"colour":1}""", "member.unknown", "/colour" },
        { """{"state":"ENABLED","variants":{"a":true},"metadata":{"x":{}}}""", "flag.metadata", "/metadata/x" },
        { """{"state":"ENABLED","variants":{"a":true},"metadata":{"x":null}}""", "flag.metadata", "/metadata/x" },
        { """{"state":"ENABLED","variants":{"a":true},"metadata":[]}""", "flag.metadata", "/metadata" },
        { """{"state":"ENABLED","variants":{"a":true},"metadata":{"bucket":1}}""", "flag.metadata", "/metadata/bucket" },
        { """{"state":"ENABLED","variants":{"a":true},"bucketing":"md5"}""", "flag.bucketing", "/bucketing" },
        { """{"state":"ENABLED","variants":{"a":true},"targeting":"a"}""", "flag.rule", "/targeting" },
        { FlagText.Ruled("""{"if":[{"matches":[{"var":"x"},"^a+$"]},"on"]}"""), "flag.operation", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[{"==":[1,1],"!=":[1,2]},"on"]}"""), "flag.operation", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[true,"blue"]}"""), "flag.variant", "/targeting/if/1" },
        { FlagText.Ruled("""{"if":[true,"on",false,"on","blue"]}"""), "flag.variant", "/targeting/if/4" },
        { FlagText.Ruled("""{"if":[true,{"if":[false,"on","blue"]}]}"""), "flag.variant", "/targeting/if/1/if/2" },
        { FlagText.Ruled("""{"if":[true,true]}"""), "flag.variant", "/targeting/if/1" },
        { FlagText.Ruled("""{"if":[true,["on"]]}"""), "flag.variant", "/targeting/if/1" },
        { FlagText.Ruled("""{"and":[{"var":"x"},"blue"]}"""), "flag.variant", "/targeting/and/1" },
        { FlagText.Ruled("""{"fractional":[["on",50],["blue",50]]}"""), "flag.variant", "/targeting/fractional/1/0" },
        { FlagText.Ruled("""{"fractional":[["on",1.5],["off",50]]}"""), "flag.fractional", "/targeting/fractional/0/1" },
        { FlagText.Ruled("""{"fractional":[["on","5"],["off",50]]}"""), "flag.fractional", "/targeting/fractional/0/1" },
        { FlagText.Ruled("""{"fractional":[["on",2147483647],["off",1]]}"""), "flag.fractional", "/targeting" },
        { FlagText.Ruled("""{"fractional":[["on",4294967296],["off",1]]}"""), "flag.fractional", "/targeting/fractional/0/1" },
        { FlagText.Ruled("""{"fractional":[["on",1,2],["off",1]]}"""), "flag.fractional", "/targeting/fractional/0" },
        { FlagText.Ruled("""{"fractional":["key","on"]}"""), "flag.fractional", "/targeting/fractional/1" },
        { FlagText.Ruled("""{"fractional":["key"]}"""), "flag.fractional", "/targeting" },
        { FlagText.Ruled("""{"fractional":[]}"""), "flag.fractional", "/targeting" },
        { FlagText.Ruled("""{"if":[{"==":[{"var":"$flagd.time"},1]},"on"]}"""), "flag.var", "/targeting/if/0/==/0/var" },
        { FlagText.Ruled("""{"if":[{"$ref":["x"]},"on"]}"""), "flag.reference", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[{"flag":[{"var":"x"}]},"on"]}"""), "flag.prerequisite", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[{"*":[]},"on"]}"""), "flag.arguments", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[{"missing_some":[1]},"on"]}"""), "flag.arguments", "/targeting/if/0" },
        { FlagText.Ruled("""{"if":[{">":[{"schedule":[]},5]},"on"]}"""), "flag.schedule", "/targeting/if/0/>/0/schedule" },
        { FlagText.Ruled("""{"if":[{">":[{"schedule":[["2026-01-01T00:00:00Z",101]]},5]},"on"]}"""), "flag.schedule", "/targeting/if/0/>/0/schedule/0" },
        { FlagText.Ruled("""{"if":[{">":[{"schedule":[[5,1],[5,2]]},5]},"on"]}"""), "flag.schedule", "/targeting/if/0/>/0/schedule/1" },
        { """{"enabled":"yes"}""", "member.type", "/enabled" },
        { """{"enabled":true,"percentage":101}""", "flag.percentage", "/percentage" },
        { """{"enabled":true,"percentage":-1}""", "flag.percentage", "/percentage" },
        { """{"enabled":true,"percentage":12.5}""", "flag.percentage", "/percentage" },
        { """{"enabled":true,"percentage":"5"}""", "flag.percentage", "/percentage" },
        { """{"enabled":true,"target_users":"u1"}""", "flag.target_users", "/target_users" },
        { """{"enabled":true,"target_users":["u1",2]}""", "flag.target_users", "/target_users" },
        { """{"enabled":true,"target_users":[""]}""", "flag.target_users", "/target_users" },
        { """{"enabled":true,"variants":{}}""", "member.unknown", "/variants" },
        { """{"enabled":true,"percentage":5,"schedule":[[1,2]]}""", "flag.schedule", "/schedule" },
        { """{"enabled":true,"schedule":[["2026-01-01",2]]}""", "flag.schedule", "/schedule/0" },
        { """{"enabled":true,"schedule":[["2026-01-01T00:00:00.5Z",2]]}""", "flag.schedule", "/schedule/0" },
        { """{"enabled":true,"metadata":{"rule":"x"}}""", "flag.metadata", "/metadata/rule" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_is_no_flag_is_refused_with_its_place(string definition, string rule, string place)
    {
        var problems = FlagText.Refused(definition);
        Assert.True(problems.Any(problem => problem.Rule == rule && problem.Name == place), string.Join("\n", problems));
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_is_refused_never_throws_when_it_is_evaluated_all_the_same(string definition, string rule, string place)
    {
        Assert.NotEmpty(rule);
        Assert.StartsWith("/", "/" + place, StringComparison.Ordinal);
        var answer = FlagText.Set(("flag", definition)).Evaluate("flag", FlagContext.Empty, FlagText.Now);
        Assert.True(answer.Reason == FlagReason.Error == (answer.Error != FlagErrorCode.None));
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once()
    {
        var problems = FlagText.Refused("""{"state":"on","variants":{"a":1,"b":"x"},"defaultVariant":"c","metadata":7,"targeting":{"foo":[]},"more":1}""");
        Assert.Equal(["flag.default_variant", "flag.metadata", "flag.operation", "flag.state", "flag.variants", "member.unknown"], problems.Select(problem => problem.Rule).Order());
    }

    [Fact]
    public void Metadata_is_kept_as_it_was_written()
    {
        var definition = FlagText.Definition("""{"state":"ENABLED","variants":{"a":true},"metadata":{"text":"1.0.2","whole":2,"yes":true,"part":0.10}}""");
        Assert.Equal(["part=0.10", "text=\"1.0.2\"", "whole=2", "yes=true"], definition.Metadata.Select(pair => $"{pair.Key}={Encoding.UTF8.GetString(pair.Value)}").Order());
    }

    [Fact]
    public void The_way_of_bucketing_may_be_named() =>
        Assert.Equal(FlagBucketing.Murmur3, FlagText.Definition("""{"state":"ENABLED","variants":{"a":true},"bucketing":"murmur3_x86_32"}""").Bucketing);

    [Fact]
    public void A_text_is_kept_to_the_byte()
    {
        var text = FlagText.Canonical(FlagText.Ruled("""{"if":[{"==":[{"var":"x"},1.50]},"on"]}"""));
        Assert.Same(text, FlagDefinition.Stored(text).Text);
        Assert.Same(text, FlagDefinition.Stored(text).Full);
    }

    [Fact]
    public void A_definition_says_what_it_refers_to()
    {
        var definition = FlagText.Definition(FlagText.Ruled("""{"if":[{"and":[{"$ref":"staff"},{"flag":["other-flag"]},{"$ref":"staff"}]},"on",{"$ref":"rest"}]}"""));
        Assert.Equal(["rest", "staff"], definition.SharedRules.Order());
        Assert.Equal(["other-flag"], definition.Prerequisites);
        Assert.False(definition.IsStatic);
    }

    [Fact]
    public void A_flag_larger_than_the_limit_is_refused_and_one_that_is_stored_is_still_evaluated()
    {
        var json = FlagText.Ruled($$"""{"if":[{"in":[{"var":"x"},["{{new string('a', 300_000)}}"]]},"on"]}""");
        Assert.Equal("flag.bytes", Assert.Single(FlagText.Refused(json)).Rule);
        Assert.Equal("off", FlagText.Set(("flag", json)).Evaluate("flag", FlagContext.Empty, FlagText.Now).Variant?.Name);
    }
}
