using System.Numerics;
using FsCheck;
using FsCheck.Fluent;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Core.Tests.Schemas;

/// <summary>What the official suite leaves open: places of errors, exact numbers, formats on request, and laws that hold for all values.</summary>
public sealed class JsonSchemaTests
{
    static readonly Config Many = Config.QuickThrowOnFailure.WithMaxTest(500);

    [Fact]
    public void Errors_say_where_in_the_value_and_by_which_way_in_the_schema()
    {
        var errors = SchemaText.Errors(
            """{"properties":{"a/b":{"$ref":"#/$defs/small"}},"required":["z"],"$defs":{"small":{"type":"integer","maximum":3}},"unevaluatedProperties":false}""",
            """{"a/b":4.5,"y":1}""");
        Assert.Equal(
            [
                ("/a~1b", "/properties/a~1b/$ref/type"), ("/a~1b", "/properties/a~1b/$ref/maximum"), ("", "/required"), ("/y", "/unevaluatedProperties"),
            ],
            errors.Select(error => (error.InstanceLocation, error.KeywordLocation)));
        Assert.Equal("The value must be integer; this is a number.", errors[0].Message);
        Assert.Equal("The member z is missing.", errors[2].Message);
    }

    [Fact]
    public void Of_alternatives_that_all_fail_each_is_told_and_of_one_that_holds_none()
    {
        const string schema = """{"properties":{"x":{"anyOf":[{"type":"string"},{"minimum":5}]},"y":{"oneOf":[{"type":"integer"},{"minimum":2}]}}}""";
        Assert.Equal(["/properties/x/anyOf", "/properties/x/anyOf/0/type", "/properties/x/anyOf/1/minimum"],
            SchemaText.Errors(schema, """{"x":1,"y":1}""").Select(error => error.KeywordLocation));
        Assert.Contains("those at 0 and 1", Assert.Single(SchemaText.Errors(schema, """{"x":"s","y":3}""")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Formats_annotate_unless_the_dialect_asserts_them()
    {
        Assert.True(SchemaText.IsValid("""{"format":"ipv4"}""", "\"999.1.1.1\""));
        const string asserted = """{"$schema":"urn:stele:schema:assert-formats","properties":{"a":{"format":"ipv4"}}}""";
        Assert.False(SchemaText.IsValid(asserted, """{"a":"999.1.1.1"}"""));
        Assert.True(SchemaText.IsValid(asserted, """{"a":"127.0.0.1"}"""));
        Assert.True(SchemaText.IsValid(asserted, """{"a":12}"""));
    }

    public static TheoryData<string, string, bool> References => new()
    {
        { """{"$defs":{"":{"$defs":{"":{"type":"number"}}}},"allOf":[{"$ref":"#/$defs//$defs/"}]}""", "1", true },
        { """{"$defs":{"":{"$defs":{"":{"type":"number"}}}},"allOf":[{"$ref":"#/$defs//$defs/"}]}""", "\"a\"", false },
        { """{"$id":"file:///folder/file.json","$defs":{"foo":{"type":"number"}},"allOf":[{"$ref":"#/$defs/foo"}]}""", "\"a\"", false },
        { """{"$id":"urn:uuid:deadbeef-1234-0000-0000-4321feebdaed","properties":{"foo":{"$ref":"#/$defs/bar"}},"$defs":{"bar":{"type":"string"}}}""", """{"foo":12}""", false },
        { """{"$id":"https://test/if","$ref":"sub","if":{"$id":"sub","type":"integer"}}""", "\"a\"", false },
        { """{"$id":"https://test/a/b/c","$defs":{"x":{"$id":"/x","type":"number"}},"$ref":"../../x"}""", "\"a\"", false },
        { """{"$defs":{"a%b":{"type":"integer"}},"$ref":"#/$defs/a%25b"}""", "\"a\"", false },
        { """{"$id":"https://test/main","properties":{"bar-item":{"$ref":"item"}},"$defs":{"bar":{"$id":"bar","items":{"$ref":"item"},"$defs":{"item":{"$id":"item","properties":{"content":{"$dynamicRef":"#content"}},"$defs":{"defaultContent":{"$dynamicAnchor":"content","type":"integer"}}},"content":{"$dynamicAnchor":"content","type":"string"}}}}}""", """{"bar-item":{"content":42}}""", true },
        { """{"$ref":"#/$defs/foo","$defs":{"foo":{"$dynamicRef":"#detached"},"detached":{"$dynamicAnchor":"detached","type":"integer"}}}""", "\"a\"", false },
        { """{"not":{"anyOf":[true,{"properties":{"foo":true}}],"unevaluatedProperties":false}}""", """{"foo":1}""", false },
        { """{"if":{"prefixItems":[{"const":"a"}]},"unevaluatedItems":false}""", """["a"]""", true },
        { """{"contains":{"type":"string"},"minContains":0,"unevaluatedItems":false}""", """["a",1]""", false },
    };

    [Theory]
    [MemberData(nameof(References))]
    public void Corners_of_references_and_of_what_was_evaluated(string schema, string value, bool expected) => Assert.Equal(expected, SchemaText.IsValid(schema, value));

    [Theory]
    [InlineData("0.0075", "0.0001", true)]
    [InlineData("0.00751", "0.0001", false)]
    [InlineData("1e308", "0.123456789", false)]
    [InlineData("19.99", "0.01", true)]
    [InlineData("9007199254740993", "2", false)]
    [InlineData("1e1000", "1e-300", true)]
    [InlineData("3e-1000", "1e-300", false)]
    [InlineData("123456789012345678901234567890", "9", true)]
    [InlineData("123456789012345678901234567891", "9", false)]
    public void Multiples_are_exact(string value, string divisor, bool expected) =>
        Assert.Equal(expected, SchemaText.IsValid($$"""{"multipleOf":{{divisor}}}""", value));

    [Fact]
    public void Great_numbers_are_compared_without_rounding()
    {
        Assert.False(SchemaText.IsValid("""{"maximum":9007199254740992}""", "9007199254740993"));
        Assert.True(SchemaText.IsValid("""{"const":1e400}""", $"1{new string('0', 400)}"));
        Assert.False(SchemaText.IsValid("""{"exclusiveMinimum":1e400}""", $"1{new string('0', 400)}.000"));
        Assert.True(SchemaText.IsValid("""{"type":"integer"}""", "1.5e1"));
        Assert.False(SchemaText.IsValid("""{"type":"integer"}""", "1.55e1"));
    }

    [Fact]
    public void Numbers_behave_as_fractions_of_whole_ones()
    {
        var number = from mantissa in Gen.Choose(-100_000, 100_000) from exponent in Gen.Choose(-25, 25) select (mantissa, exponent);
        Prop.ForAll(number.Two().ToArbitrary(), pair =>
        {
            var ((a, x), (b, y)) = pair;
            var (first, second) = (JsonNumber.Parse(Bytes($"{a}e{x}")), JsonNumber.Parse(Bytes($"{b}E{y}")));
            // both as whole numbers of one unit
            var (left, right) = (a * BigInteger.Pow(10, x + 25), b * BigInteger.Pow(10, y + 25));
            Assert.Equal(left.CompareTo(right), first.CompareTo(second));
            Assert.Equal(left == right, first.Equals(second));
            Assert.Equal((left % BigInteger.Pow(10, 25)).IsZero, first.IsInteger);
            if (b != 0) Assert.Equal((left % right).IsZero, first.IsMultipleOf(second));
            if (left == right) Assert.Equal(first.GetHashCode(), second.GetHashCode());
        }).Check(Many);
    }

    [Fact]
    public void A_value_keeps_to_itself_and_to_what_it_is_not_does_not()
    {
        Prop.ForAll(Values(3).Two().ToArbitrary(), pair =>
        {
            var (a, b) = pair;
            Assert.True(SchemaText.IsValid($$"""{"const":{{a}}}""", a));
            Assert.True(SchemaText.IsValid($$"""{"enum":[{{b}},{{a}}]}""", a));
            Assert.False(SchemaText.IsValid($$"""{"uniqueItems":true}""", $"[{a},{b},{a}]"));
            Assert.NotEqual(SchemaText.IsValid($$"""{"const":{{a}}}""", b), SchemaText.IsValid($$$"""{"not":{"const":{{{a}}}}}""", b));
            Assert.NotEqual(SchemaText.IsValid($$"""{"const":{{a}}}""", b), SchemaText.IsValid("""{"uniqueItems":true}""", $"[{a},{b}]"));
        }).Check(Many);
    }

    [Fact]
    public void Every_value_is_judged_the_same_with_errors_and_without()
    {
        string[] schemas =
        [
            """{"type":["object","array"],"properties":{"a":{"type":"number"}},"additionalProperties":{"minProperties":1},"items":{"not":{"type":"null"}}}""",
            """{"anyOf":[{"properties":{"a":true},"required":["a"]},{"prefixItems":[true]}],"unevaluatedProperties":{"type":"string"},"unevaluatedItems":{"$ref":"#"}}""",
            """{"if":{"required":["a"]},"then":{"propertyNames":{"maxLength":1}},"else":{"contains":{"type":"number"},"maxContains":2},"oneOf":[{"type":"object"},{"minItems":1},{"maxLength":3}]}""",
        ];
        var compiled = schemas.Select(SchemaText.Schema).ToList();
        Prop.ForAll(Values(4).ToArbitrary(), value => compiled.ForEach(schema => SchemaText.IsValid(schema, value))).Check(Many);
    }

    static Gen<string> Values(int depth)
    {
        var scalar = Gen.Elements("null", "true", "false", "0", "1", "1.0", "10e-1", "-2.50", "1e30", "\"\"", "\"a\"", "\"\\n\"", "\"\\ud83d\\ude00\"");
        if (depth == 0) return scalar;
        var inner = Values(depth - 1);
        var array = from items in inner.ListOf(3) select $"[{string.Join(",", items)}]";
        var member = from name in Gen.Elements("a", "b", "long", "é") from value in inner select (name, value);
        var made = from members in member.ListOf(3) select $"{{{string.Join(",", members.DistinctBy(m => m.name).Select(m => $"\"{m.name}\":{m.value}"))}}}";
        return Gen.OneOf(scalar, array, made);
    }

    static byte[] Bytes(string text) => System.Text.Encoding.ASCII.GetBytes(text);
}
