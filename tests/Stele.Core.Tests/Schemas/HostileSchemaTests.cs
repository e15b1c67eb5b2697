using System.Diagnostics;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Core.Tests.Schemas;

/// <summary>Schemas and values that were made to hang a validator, or to exhaust it, and those that are none.</summary>
public sealed class HostileSchemaTests
{
    // no bound on speed: what this catches takes hours, or for ever
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string, string, string> Refusals => new()
    {
        { """{"type":"strin"}""", "schema.keyword", "/type" },
        { """{"properties":{"a":{"minLength":-1}}}""", "schema.keyword", "/properties/a/minLength" },
        { """{"properties":{"a/b~":{"required":"x"}}}""", "schema.keyword", "/properties/a~1b~0/required" },
        { "12", "schema.keyword", "" },
        { """{"$schema":"http://json-schema.org/draft-07/schema#"}""", "schema.dialect", "/$schema" },
        { """{"$ref":"https://example.com/other.json"}""", "schema.reference", "/$ref" },
        { """{"$ref":"//example.com/other.json#/a"}""", "schema.reference", "/$ref" },
        { """{"$ref":"file:///etc/passwd"}""", "schema.reference", "/$ref" },
        { """{"properties":{"a":{"$ref":"#/$defs/none"}}}""", "schema.reference", "/properties/a/$ref" },
        { """{"$ref":"#none"}""", "schema.reference", "/$ref" },
        { """{"$defs":{"a":1,"b":{"$ref":"#/$defs/a"}}}""", "schema.keyword", "/$defs/a" },
        { """{"title":"x","$ref":"#/title"}""", "schema.reference", "/$ref" },
        { """{"$ref":"#"}""", "schema.endless", "" },
        { """{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}""", "schema.endless", "/$defs/b/allOf/0" },
        { """{"not":{"$ref":"#"}}""", "schema.endless", "/not" },
        { """{"if":true,"then":{"anyOf":[{"$ref":"#"}]}}""", "schema.endless", "/then/anyOf/0" },
        { """{"dependentSchemas":{"a":{"$ref":"#"}}}""", "schema.endless", "/dependentSchemas/a" },
        { """{"$dynamicAnchor":"a","$dynamicRef":"#a"}""", "schema.endless", "" },
        { """{"pattern":"("}""", "schema.pattern", "/pattern" },
        { """{"pattern":"(a)\\1"}""", "schema.pattern", "/pattern" },
        { """{"pattern":"((a{1000}){1000}){1000}"}""", "schema.pattern", "/pattern" },
        { """{"patternProperties":{"[z-a]":true}}""", "schema.pattern", "/patternProperties/[z-a]" },
        { """{"pattern":"\\p{Script=Klingon}"}""", "schema.pattern", "/pattern" },
        { """{"multipleOf":1e-400}""", "schema.multiple_of", "/multipleOf" },
        { """{"multipleOf":0}""", "schema.keyword", "/multipleOf" },
        { """{"$id":"https://json-schema.org/draft/2020-12/schema#x"}""", "schema.keyword", "/$id" },
        { """{"$defs":{"a":{"$id":"https://json-schema.org/draft/2020-12/schema"}}}""", "schema.id", "/$defs/a/$id" },
        { """{"$defs":{"a":{"$id":"x"},"b":{"$id":"x"}}}""", "schema.id", "/$defs/b/$id" },
        { """{"$defs":{"a":{"$anchor":"x"},"b":{"$anchor":"x"}}}""", "schema.anchor", "/$defs/b/$anchor" },
        { """{"$schema":"urn:stele:schema:assert-formats","format":"colour"}""", "schema.format", "/format" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_is_no_usable_schema_is_refused_with_its_place(string schema, string rule, string place) =>
        Assert.Contains(SchemaText.Refused(schema), problem => problem.Rule == rule && problem.Name == place);

    [Theory]
    [InlineData("^(a+)+$")]
    [InlineData("^(a|aa)+$")]
    [InlineData("^(([a-z])+.)+[A-Z]([a-z])+$")]
    [InlineData("(x+x+)+y")]
    [InlineData("^(a?){64}a{64}$")]
    [InlineData(".*.*.*.*.*=.*")]
    [InlineData("(?=(a+)+$)(?!a*b)(a|a?)+c")]
    public void A_pattern_with_catastrophic_backtracking_has_nothing_to_backtrack(string pattern)
    {
        var watch = Stopwatch.StartNew();
        SchemaText.Schema($$"""{"pattern":"{{pattern}}"}""").Validate(SchemaText.Canonical($"\"{new string('a', 2_000)}!\""));
        Assert.True(watch.Elapsed < Patience, $"{pattern} took {watch.Elapsed}");
    }

    [Fact]
    public void A_pattern_over_a_great_text_ends_at_the_budget()
    {
        var errors = new List<SchemaError>();
        var verdict = SchemaText.Schema("""{"pattern":"(a|b|c|d?){500}z"}""").Validate(SchemaText.Canonical($"\"{new string('a', 8 << 20)}\""), errors);
        Assert.Equal(SchemaVerdict.TooMuchWork, verdict);
        Assert.Contains("schema.steps", Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void References_that_double_at_each_level_end_at_the_budget()
    {
        var schema = SchemaText.Schema($$$"""{"$defs":{{{{Doubling}}}},"$ref":"#/$defs/l0"}""");
        Assert.Equal(SchemaVerdict.TooMuchWork, schema.Validate("1"u8.ToArray()));
        Assert.Equal(SchemaVerdict.Invalid, schema.Validate("\"x\""u8.ToArray()));
    }

    [Fact]
    public void Reasons_take_steps_so_that_a_long_check_makes_little_of_them()
    {
        // a reason for each way through the levels; the second branch of the choice takes them all back
        var schema = SchemaText.Schema($$$"""{"$defs":{{{{Doubling}}}},"allOf":[{"anyOf":[{"$ref":"#/$defs/l0"},{"type":"string"}]},{"type":"boolean"}]}""");
        var errors = new List<SchemaError>();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(SchemaVerdict.Invalid, schema.Validate("\"x\""u8.ToArray(), errors));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
        // what is not known is not said: the value does keep to one of the two
        Assert.Contains("schema.steps", Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_breaks_a_rule_very_often_is_told_as_often_as_there_is_room()
    {
        var value = SchemaText.Canonical($"[{string.Join(',', Enumerable.Repeat("1", 1_000_000))}]");
        var errors = new List<SchemaError>();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(SchemaVerdict.Invalid, SchemaText.Schema("""{"items":{"type":"string"}}""").Validate(value, errors));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
        Assert.Equal(Enumerable.Range(0, (int)SteleLimits.BodyProblems.Value).Select(i => $"/{i}"), errors.Select(error => error.InstanceLocation));
    }

    // sixty levels, each of which asks the next one twice
    static readonly string Doubling = string.Join(",", Enumerable.Range(0, 60).Select(i => $$$"""
        "l{{{i}}}":{"allOf":[{"$ref":"#/$defs/l{{{i + 1}}}"},{"$ref":"#/$defs/l{{{i + 1}}}"}]}
        """).Append("""
        "l60":{"type":"integer"}
        """));

    [Fact]
    public void A_dynamic_reference_that_comes_back_through_another_resource_ends_at_the_levels()
    {
        var schema = SchemaText.Schema("""
            {"$id":"https://test/outer","$dynamicAnchor":"x","$ref":"inner",
             "$defs":{"inner":{"$id":"inner","$dynamicAnchor":"x","anyOf":[{"$dynamicRef":"#x"}]}}}
            """);
        var errors = new List<SchemaError>();
        Assert.Equal(SchemaVerdict.TooDeep, schema.Validate("1"u8.ToArray(), errors));
        Assert.Contains("without end", Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unique_items_are_not_compared_each_with_each()
    {
        var text = new StringBuilder("[");
        for (var i = 0; i < 200_000; i++) text.Append(i).Append(".0,");
        var schema = SchemaText.Schema("""{"uniqueItems":true}""");
        Assert.Equal(SchemaVerdict.Valid, schema.Validate(SchemaText.Canonical($"{text}-1]")));
        Assert.Equal(SchemaVerdict.Invalid, schema.Validate(SchemaText.Canonical($"{text}1999.00e2,{199_900}]")));
    }

    [Fact]
    public void Great_objects_are_equal_in_any_order_of_members()
    {
        string Members(IEnumerable<int> numbers) => $"{{{string.Join(",", numbers.Select(i => $"\"m{i}\":{i}"))}}}";
        var schema = SchemaText.Schema($$"""{"const":{{Members(Enumerable.Range(0, 3000))}}}""");
        Assert.Equal(SchemaVerdict.Valid, schema.Validate(SchemaText.Canonical(Members(Enumerable.Range(0, 3000).Reverse()))));
        Assert.Equal(SchemaVerdict.Invalid, schema.Validate(SchemaText.Canonical(Members(Enumerable.Range(1, 3000).Reverse()))));
    }

    [Fact]
    public void A_value_nested_beyond_the_levels_is_refused_and_one_at_them_is_checked()
    {
        var schema = SchemaText.Schema("""{"items":{"$ref":"#"}}""");
        var levels = (int)SteleLimits.SchemaLevels.Value;
        byte[] Nested(int depth) => Encoding.ASCII.GetBytes(new string('[', depth) + new string(']', depth));
        // each level of the value is two of the evaluation: items, and the reference
        Assert.Equal(SchemaVerdict.Valid, schema.Validate(Nested((levels + 1) / 2)));
        Assert.Equal(SchemaVerdict.TooDeep, schema.Validate(Nested(levels / 2 + 1)));
        Assert.Equal(SchemaVerdict.Valid, SchemaText.Schema("true").Validate(Nested(levels)));
        Assert.Equal(SchemaVerdict.TooDeep, SchemaText.Schema("true").Validate(Nested(levels + 1)));
        Assert.Equal(SchemaVerdict.TooDeep, schema.Validate(Nested(10_000)));
    }

    [Fact]
    public void Steps_are_counted_to_the_limit_and_not_past_it()
    {
        // an item is a node of the value, a turn and a schema
        var schema = SchemaText.Schema("""{"items":{"type":"integer"}}""");
        byte[] Items(long count) => Encoding.ASCII.GetBytes($"[{string.Join(",", Enumerable.Repeat("1", (int)count))}]");
        var most = (SteleLimits.SchemaSteps.Value - 2) / 3;
        Assert.Equal(SchemaVerdict.Valid, schema.Validate(Items(most)));
        Assert.Equal(SchemaVerdict.TooMuchWork, schema.Validate(Items(most + 1)));
    }

    [Fact]
    public void Limits_hold_at_the_bound_and_refuse_one_past_it()
    {
        string Comment(long bytes) => $$"""{"$comment":"{{new string('x', (int)bytes - 15)}}"}""";
        Assert.Equal(SteleLimits.SchemaBytes.Value, SchemaText.Canonical(Comment(SteleLimits.SchemaBytes.Value)).Length);
        SchemaText.Schema(Comment(SteleLimits.SchemaBytes.Value));
        Assert.Equal("schema.bytes", Assert.Single(SchemaText.Refused(Comment(SteleLimits.SchemaBytes.Value + 1))).Rule);

        SchemaText.Schema($$"""{"pattern":"{{new string('x', (int)SteleLimits.PatternCharacters.Value)}}"}""");
        Assert.Equal("schema.pattern", Assert.Single(SchemaText.Refused($$"""{"pattern":"{{new string('x', (int)SteleLimits.PatternCharacters.Value + 1)}}"}""")).Rule);

        // the match is an instruction too
        SchemaText.Schema($$$"""{"pattern":"x{{{{SteleLimits.PatternInstructions.Value - 1}}}}"}""");
        Assert.Equal("schema.pattern", Assert.Single(SchemaText.Refused($$$"""{"pattern":"x{{{{SteleLimits.PatternInstructions.Value}}}}"}""")).Rule);

        SchemaText.Schema($$"""{"multipleOf":1e-{{SteleLimits.SchemaMultipleExponent.Value}}}""");
        Assert.Equal("schema.multiple_of", Assert.Single(SchemaText.Refused($$"""{"multipleOf":9e-{{SteleLimits.SchemaMultipleExponent.Value + 1}}}""")).Rule);
    }

    [Fact]
    public void No_more_errors_are_told_than_a_body_has_problems()
    {
        var max = (int)SteleLimits.BodyProblems.Value;
        Assert.Equal(max, SchemaText.Errors("""{"items":false}""", $"[{string.Join(",", Enumerable.Repeat("1", max + 5))}]").Count);
        Assert.Equal(max, SchemaText.Refused($$"""{"allOf":[{{string.Join(",", Enumerable.Repeat("1", max + 5))}}]}""").Count);
    }
}
