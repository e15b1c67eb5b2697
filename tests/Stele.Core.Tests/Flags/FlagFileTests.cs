using System.Text;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

public sealed class FlagFileTests
{
    const string Flag = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]}}""";

    [Fact]
    public void A_file_is_flags_by_name_with_the_rules_that_they_share()
    {
        var file = Read("""{"$schema":"https://flagd.dev/schema/v0/flags.json","flags":{"a":FLAG,"team/b":{"enabled":true}},"$evaluators":{"staff":{"in":["@us",{"var":"email"}]}},"metadata":{"version":"1"}}"""
            .Replace("FLAG", Flag, StringComparison.Ordinal));
        Assert.Equal(["a", "team/b"], file.Flags.Select(flag => flag.Name));
        Assert.Equal(["staff"], file.Rules.Select(rule => rule.Name));
        Assert.Equal("""{"version":"1"}""", Encoding.UTF8.GetString(file.Metadata!));
        var set = FlagSet.Empty.Having([.. file.Flags]) with { Rules = FlagSet.Empty.Rules.SetAll(file.Rules) };
        Assert.True(set.Evaluate("a", FlagText.Context("""{"email":"ada@us"}"""), FlagText.Now).Variant!.IsTrue);
    }

    [Theory]
    [InlineData("""{"key":"a","state":"ENABLED","variants":{"x":1}}""", """{"state":"ENABLED","variants":{"x":1}}""")]
    [InlineData("""{"state":"ENABLED","key":"a","variants":{"x":1}}""", """{"state":"ENABLED","variants":{"x":1}}""")]
    [InlineData("""{"state":"ENABLED","variants":{"x":1},"key":"a"}""", """{"state":"ENABLED","variants":{"x":1}}""")]
    public void Flags_may_be_an_array_with_a_key_each(string item, string expected) =>
        Assert.Equal(("a", expected), Read($$"""{"flags":[{{item}}]}""").Flags[0] is var flag ? (flag.Name, Encoding.UTF8.GetString(flag.Definition.Text)) : default);

    [Theory]
    [InlineData("[]", "flag.file", "/file")]
    [InlineData("{}", "flag.file", "/file")]
    [InlineData("""{"flags":5}""", "flag.file", "/file/flags")]
    [InlineData("""{"flags":{},"$evaluators":[]}""", "flag.file", "/file/$evaluators")]
    [InlineData("""{"flags":{},"metadata":{"a":[]}}""", "flag.metadata", "/file/metadata/a")]
    [InlineData("""{"flags":{},"more":{}}""", "member.unknown", "/file/more")]
    [InlineData("""{"flags":{"a b":{"enabled":true}}}""", "flag.characters", "/file/flags/a b")]
    [InlineData("""{"flags":{"a":"x"}}""", "flag.definition", "/file/flags/a")]
    [InlineData("""{"flags":{"a":{"enabled":1}}}""", "member.type", "/file/flags/a/enabled")]
    [InlineData("""{"flags":[{"enabled":true}]}""", "flag.file", "/file/flags/0")]
    [InlineData("""{"flags":[{"key":"a","enabled":true},{"key":"a","enabled":true}]}""", "flag.file", "/file/flags/1/key")]
    [InlineData("""{"flags":{},"$evaluators":{"x":{"foo":[]}}}""", "flag.operation", "/file/$evaluators/x")]
    [InlineData("""{"flags":{},"$evaluators":{"x":"on"}}""", "flag.rule", "/file/$evaluators/x")]
    [InlineData("""{"flags":{},"$evaluators":{"x y":{"!":1}}}""", "flag.characters", "/file/$evaluators/x y")]
    public void What_is_wrong_with_a_file_is_told_with_its_place(string json, string rule, string place)
    {
        var problems = new List<Problem>();
        Assert.Null(FlagFile.Parse(FlagText.Canonical(json), "/file", problems));
        Assert.True(problems.Any(problem => problem.Rule == rule && problem.Name == place), string.Join("\n", problems));
    }

    [Fact]
    public void A_file_in_which_everything_is_wrong_is_told_of_as_much_as_a_body()
    {
        var problems = new List<Problem>();
        Assert.Null(FlagFile.Parse(FlagText.Canonical("{\"flags\":{" + string.Join(',', Enumerable.Range(0, 10_000).Select(i => $"\"f{i}\":1")) + "}}"), "", problems));
        Assert.Equal(32, problems.Count);
    }

    [Fact]
    public void A_set_is_written_as_a_file_and_read_again()
    {
        const string json = """{"flags":{"a":FLAG,"team/b":{"enabled":true,"percentage":5}},"$evaluators":{"staff":{"in":["@us",{"var":"email"}]}},"metadata":{"version":1.50}}""";
        var text = json.Replace("FLAG", Flag, StringComparison.Ordinal);
        var file = Read(text);
        var set = FlagSet.Empty.Having([.. file.Flags]) with { Rules = FlagSet.Empty.Rules.SetAll(file.Rules) };
        Assert.Equal(text, Encoding.UTF8.GetString(FlagFile.Write(set, file.Metadata)));
        Assert.Equal("""{"flags":{}}""", Encoding.UTF8.GetString(FlagFile.Write(FlagSet.Empty, null)));
    }

    static FlagFile Read(string json)
    {
        var problems = new List<Problem>();
        var file = FlagFile.Parse(FlagText.Canonical(json), "/file", problems);
        Assert.Empty(problems);
        return file!;
    }
}
