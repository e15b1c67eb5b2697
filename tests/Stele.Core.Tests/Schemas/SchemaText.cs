using System.Text;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Core.Tests.Schemas;

/// <summary>Schemas and values as tests write them.</summary>
static class SchemaText
{
    static readonly BodyMembers Members = new(required: ["it"], optional: []);

    /// <summary>The canonical bytes of a text, which may hold U+0000.</summary>
    public static byte[] Canonical(string json)
    {
        var problems = new List<Problem>();
        var body = JsonBody.OfTransient(Encoding.UTF8.GetBytes($$"""{"it":{{json}}}"""), Members, problems);
        byte[]? value = null;
        while (body.NextMember(out _)) value = body.ReadJson();
        Assert.Empty(problems);
        return value!;
    }

    /// <summary>A schema that compiles.</summary>
    public static JsonSchema Schema(string json)
    {
        var problems = new List<Problem>();
        var schema = JsonSchema.Compile(Canonical(json), "", problems);
        Assert.Empty(problems);
        return schema!;
    }

    /// <summary>Why a schema does not compile.</summary>
    public static List<Problem> Refused(string json)
    {
        var problems = new List<Problem>();
        Assert.Null(JsonSchema.Compile(Canonical(json), "", problems));
        Assert.NotEmpty(problems);
        return problems;
    }

    /// <summary>Whether a value keeps to a schema, by both ways of asking.</summary>
    public static bool IsValid(string schema, string value) => IsValid(Schema(schema), value);

    /// <summary>Whether a value keeps to a schema, by both ways of asking.</summary>
    public static bool IsValid(JsonSchema schema, string value)
    {
        var errors = new List<SchemaError>();
        var verdict = schema.Validate(Canonical(value), errors);
        Assert.Equal(verdict, schema.Validate(Canonical(value)));
        Assert.Equal(verdict == SchemaVerdict.Valid, errors.Count == 0);
        Assert.True(verdict is SchemaVerdict.Valid or SchemaVerdict.Invalid, verdict.ToString());
        return verdict == SchemaVerdict.Valid;
    }

    /// <summary>What a value is told.</summary>
    public static List<SchemaError> Errors(string schema, string value)
    {
        var errors = new List<SchemaError>();
        Assert.Equal(SchemaVerdict.Invalid, Schema(schema).Validate(Canonical(value), errors));
        return errors;
    }
}
