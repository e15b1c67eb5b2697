using System.Text;
using Stele.Core.Limits;
using Stele.Core.Faults;
using Stele.Core.Json;
using Xunit;

namespace Stele.Core.Tests.Json;

public sealed class JsonBodyTests
{
    static readonly BodyMembers Members = new(required: ["value"], optional: ["text", "number", "flag", "clear", "changes", "kinds"]);
    static readonly BodyMembers ChangeMembers = new(required: ["op", "key"], optional: ["value", "expected_version"]);

    sealed class Read
    {
        public List<Problem> Problems { get; } = [];
        public byte[]? Value;
        public string? Text;
        public long? Number;
        public bool? Flag;
        public bool Cleared;
        public List<string?> Kinds { get; } = [];
        public List<(string? Op, string? Key, byte[]? Value, long? Version)> Changes { get; } = [];

        public IEnumerable<string> Rules => Problems.Select(problem => $"{problem.Name} {problem.Rule}");
    }

    static Read Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));

    static Read Parse(byte[] utf8)
    {
        var read = new Read();
        var body = new JsonBody(utf8, Members, read.Problems);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "value": read.Value = body.ReadJson(); break;
                case "text": read.Text = body.ReadString(); break;
                case "number": read.Number = body.ReadInt64(0, 100); break;
                case "flag": read.Flag = body.ReadBoolean(); break;
                case "clear": read.Cleared = body.TryReadNull(); break;
                case "kinds":
                    body.BeginArray();
                    while (body.NextItem()) read.Kinds.Add(body.ReadString());
                    break;
                case "changes":
                    body.BeginArray();
                    while (body.NextItem()) ReadChange(ref body, read);
                    break;
            }
        return read;
    }

    static void ReadChange(ref JsonBody body, Read read)
    {
        (string? Op, string? Key, byte[]? Value, long? Version) change = default;
        body.BeginObject(ChangeMembers);
        while (body.NextMember(out var name))
            switch (name)
            {
                case "op": change.Op = body.ReadString(); break;
                case "key":
                    change.Key = body.ReadString();
                    if (change.Key == "") body.Refuse("key.length", "empty");
                    break;
                case "value": change.Value = body.ReadJson(); break;
                case "expected_version": change.Version = body.ReadInt64(0, long.MaxValue); break;
            }
        read.Changes.Add(change);
    }

    [Fact]
    public void Every_kind_of_member_is_read()
    {
        var read = Parse("""
            { "value" : {"a": [1.10, "x\u00e9"]}, "text":"a\n\"b\"", "number":42, "flag":true, "clear":null, "kinds":["config","flag"],
              "changes":[ {"op":"set","key":"a.b","value":null,"expected_version":7}, {"key":"c","op":"delete"} ] }
            """);
        Assert.Empty(read.Problems);
        Assert.Equal("""{"a":[1.10,"xé"]}""", Encoding.UTF8.GetString(read.Value!));
        Assert.Equal("a\n\"b\"", read.Text);
        Assert.Equal(42, read.Number);
        Assert.True(read.Flag);
        Assert.True(read.Cleared);
        Assert.Equal(["config", "flag"], read.Kinds);
        Assert.Equal(2, read.Changes.Count);
        Assert.Equal(("set", "a.b", 7L), (read.Changes[0].Op, read.Changes[0].Key, read.Changes[0].Version));
        Assert.Equal("null"u8.ToArray(), read.Changes[0].Value);
        Assert.Equal(("delete", "c", null, null), read.Changes[1]);
    }

    [Fact]
    public void All_problems_are_collected_with_their_pointers()
    {
        var read = Parse("""
            {"text":1, "number":101, "flag":"yes", "a/b~c":[1,{"x":1}], "kinds":["config",2], "clear":true,
             "changes":[{"op":"set","key":""},{"op":null,"value":{"a":1,"b":[{"a":"\u0000"}],"a":2}},"no",{"kez":1}]}
            """);
        Assert.Equal(
            [
                "/text member.type", "/number member.range", "/flag member.type", "/a~1b~0c member.unknown", "/kinds/1 member.type",
                "/changes/0/key key.length",
                "/changes/1/op member.type", "/changes/1/value/b/0/a json.nul", "/changes/1/value/a json.duplicate_member", "/changes/1/key member.required",
                "/changes/2 member.type",
                "/changes/3/kez member.unknown", "/changes/3/op member.required", "/changes/3/key member.required",
                "/value member.required",
            ], read.Rules);
    }

    [Theory]
    [InlineData("", "json.syntax")]
    [InlineData("{", "json.syntax")]
    [InlineData("[]", "member.type")]
    [InlineData("[", "member.type", "json.syntax")]
    [InlineData("7", "member.type")]
    [InlineData("null", "member.type")]
    [InlineData("null x", "member.type", "json.syntax")]
    [InlineData("""{"value":1}x""", "json.syntax")]
    [InlineData("""{"value":1""", "json.syntax")]
    [InlineData("""{"value":1,}""", "json.syntax")]
    [InlineData("""{"value":NaN}""", "json.syntax")]
    [InlineData("""{"value":1 "text":"a"}""", "json.syntax")]
    [InlineData("""{"value":1,"kinds":["a" "b"]}""", "json.syntax")]
    [InlineData("""{"value":1,"kinds":["a"}""", "json.syntax")]
    [InlineData("""{"value":1,"value":2}""", "json.duplicate_member")]
    [InlineData("""{"value":1,"val\u0075e":2}""", "json.duplicate_member")]
    [InlineData("""{"value":1,"text":"\ud800"}""", "json.surrogate")]
    [InlineData("""{"value":1,"text":"\u0000"}""", "json.nul")]
    [InlineData("""{"value":1,"number":1.0}""", "member.range")]
    [InlineData("""{"value":1,"number":1e1}""", "member.range")]
    [InlineData("""{"value":1,"number":-1}""", "member.range")]
    [InlineData("""{"value":1,"number":99999999999999999999999}""", "member.range")]
    [InlineData("""{"value":1,"number":null}""", "member.type")]
    public void A_bad_body_is_refused(string json, params string[] rules) => Assert.Equal(rules, Parse(json).Problems.Select(problem => problem.Rule));

    [Fact]
    public void Escaped_member_names_are_their_text()
    {
        var read = Parse("""{"val\u0075e":1,"te\u0078t":"a"}""");
        Assert.Empty(read.Problems);
        Assert.Equal("a", read.Text);
    }

    [Fact]
    public void Bounds_of_integers_are_inclusive()
    {
        Assert.Equal(100, Parse("""{"value":1,"number":100}""").Number);
        Assert.Equal(0, Parse("""{"value":1,"number":0}""").Number);
        Assert.Equal(0, Parse("""{"value":1,"number":-0}""").Number);
        Assert.Equal(long.MaxValue, Parse("""{"value":1,"changes":[{"op":"","key":"a","expected_version":9223372036854775807}]}""").Changes[0].Version);
    }

    [Fact]
    public void What_a_loop_does_not_read_is_checked_and_passed_over()
    {
        var problems = new List<Problem>();
        var body = new JsonBody("""{"value":{"a":[1,2,{"b":"\u0000"}]},"text":"x"}"""u8, Members, problems);
        var names = new List<string>();
        while (body.NextMember(out var name)) names.Add(name);
        Assert.Equal(["value", "text"], names);
        Assert.Equal(["/value/a/2/b"], problems.Select(problem => problem.Name));
    }

    [Fact]
    public void Reading_twice_or_after_the_end_gives_nothing()
    {
        var problems = new List<Problem>();
        var body = new JsonBody("""{"value":1}"""u8, Members, problems);
        Assert.True(body.NextMember(out _));
        Assert.NotNull(body.ReadJson());
        Assert.Null(body.ReadJson());
        Assert.Null(body.ReadString());
        Assert.False(body.NextMember(out _));
        Assert.False(body.NextMember(out _));
        Assert.False(body.NextItem());
        Assert.Null(body.ReadInt64(0, 1));
        Assert.Empty(problems);
    }

    [Fact]
    public void A_body_is_told_of_as_many_problems_as_the_limit_says_and_no_more()
    {
        var read = Parse("{" + string.Join(',', Enumerable.Range(0, 1_000).Select(i => $"\"x{i}\":0")) + "}");
        Assert.Equal(SteleLimits.BodyProblems.Value, read.Problems.Count);
    }

    [Fact]
    public void Pointers_to_huge_names_stay_small()
    {
        var name = new string('é', 100_000);
        var read = Parse($$$"""{"value":{"{{{name}}}":[{{{string.Join(',', Enumerable.Repeat("\"\\u0000\"", 100))}}}]}}""");
        Assert.Equal(SteleLimits.BodyProblems.Value, read.Problems.Count);
        Assert.All(read.Problems, problem => Assert.InRange(problem.Name.Length, 1, 300));
    }

    [Fact]
    public void Depth_is_counted_from_the_value()
    {
        var deep = (int)SteleLimits.JsonDepth.Value;
        string Nested(int levels) => $$"""{"changes":[{"op":"set","key":"a","value":{{new string('[', levels) + new string(']', levels)}}}],"value":0}""";
        Assert.Empty(Parse(Nested(deep)).Problems);
        Assert.Equal(["json.depth"], Parse(Nested(deep + 1)).Problems.Select(problem => problem.Rule));
    }

    [Fact]
    public void A_body_cut_short_anywhere_is_refused()
    {
        var whole = Encoding.UTF8.GetBytes("""{"value":{"a":[1.5e3,"é\u00e9"]},"text":"b","changes":[{"op":"set","key":"k","value":true}]}""");
        Assert.Empty(Parse(whole).Problems);
        for (var length = 0; length < whole.Length; length++) Assert.Contains(Parse(whole[..length]).Problems, problem => problem.Rule == "json.syntax");
    }
}
