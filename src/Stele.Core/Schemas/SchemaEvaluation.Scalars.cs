using System.Text;
using Stele.Core.Json;
using Stele.Core.Schemas.Patterns;

namespace Stele.Core.Schemas;

/// <summary>Types, const and enum, strings and numbers.</summary>
sealed partial class SchemaEvaluation
{
    const int ShownBytes = 60;
    const int BytesPerStep = 64;

    static readonly string[] typeNames = ["null", "boolean", "number", "string", "array", "object", "integer"];

    bool EvaluateOwn(SchemaNode schema, int node)
    {
        var valid = true;
        if (schema.Types != SchemaTypes.Any && !IsOf(schema.Types, node))
            valid = errors is not null && Fail("type", $"The value must be {Names(schema.Types)}; this is {Name(node)}.");
        if (schema.Const >= 0 && (valid || errors is not null) && !JsonEquality.AreEqual(schema.Document.Tape, schema.Const, tape, node, ref steps))
            valid = errors is not null && Fail("const", $"The value must be {Shown(schema.Document.Tape, schema.Const)}.");
        if (schema.Enum is { } values && (valid || errors is not null) && !IsIn(values, schema.Document.Tape, node))
            valid = errors is not null && Fail("enum", $"The value must be one of {string.Join(", ", values.Values.Take(10).Select(value => Shown(schema.Document.Tape, value)))}{(values.Values.Length > 10 ? ", …" : "")}.");
        return valid;
    }

    bool EvaluateString(StringRules rules, int node)
    {
        var text = tape.Bare(node);
        steps -= text.Length / BytesPerStep;
        var valid = true;
        if (rules.MinLength > 0 || rules.MaxLength < text.Length)
        {
            var length = CodePoints(text);
            if (length < rules.MinLength) valid = errors is not null && Fail("minLength", $"A string of at least {rules.MinLength} characters is expected; this has {length}.");
            if (length > rules.MaxLength) valid = errors is not null && Fail("maxLength", $"A string of at most {rules.MaxLength} characters is expected; this has {length}.");
            if (!valid && errors is null) return false;
        }
        if (rules.Pattern is { } pattern && !PatternMatch.In(pattern, text, ref steps))
            valid = errors is not null && Fail("pattern", $"The string must match {pattern.Source}.");
        if (rules.Format is { } format && (valid || errors is not null) && !format.Fits(text))
            valid = errors is not null && Fail("format", $"The string must be of the format {format.Name}.");
        return valid;
    }

    bool EvaluateNumber(NumberRules rules, int node)
    {
        var number = tape.Number(node);
        steps -= number.Cost;
        var valid = true;
        if (rules.Minimum is { } minimum && number.CompareTo(minimum) < 0) valid = errors is not null && Fail("minimum", "The number is below the minimum of the schema.");
        if (rules.Maximum is { } maximum && number.CompareTo(maximum) > 0) valid = errors is not null && Fail("maximum", "The number is above the maximum of the schema.");
        if (rules.ExclusiveMinimum is { } above && number.CompareTo(above) <= 0) valid = errors is not null && Fail("exclusiveMinimum", "The number must be above the bound of the schema.");
        if (rules.ExclusiveMaximum is { } below && number.CompareTo(below) >= 0) valid = errors is not null && Fail("exclusiveMaximum", "The number must be below the bound of the schema.");
        if (rules.MultipleOf is { } divisor)
        {
            steps -= divisor.Cost;
            if (!number.IsMultipleOf(divisor)) valid = errors is not null && Fail("multipleOf", "The number is no whole multiple of the one in the schema.");
        }
        return valid;
    }

    bool IsOf(SchemaTypes types, int node)
    {
        switch (tape[node].Kind)
        {
            case JsonKind.Null: return (types & SchemaTypes.Null) != 0;
            case JsonKind.Boolean: return (types & SchemaTypes.Boolean) != 0;
            case JsonKind.String: return (types & SchemaTypes.String) != 0;
            case JsonKind.Array: return (types & SchemaTypes.Array) != 0;
            case JsonKind.Object: return (types & SchemaTypes.Object) != 0;
            default:
                if ((types & SchemaTypes.Number) != 0) return true;
                if ((types & SchemaTypes.Integer) == 0) return false;
                // only a fraction or an exponent makes it worth a look at the value
                return tape.Raw(node).IndexOfAny((byte)'.', (byte)'e', (byte)'E') < 0 || tape.Number(node).IsInteger;
        }
    }

    bool IsIn(EnumRules rules, JsonTape values, int node)
    {
        if (rules.ByHash is null)
        {
            foreach (var value in rules.Values)
                if (JsonEquality.AreEqual(values, value, tape, node, ref steps)) return true;
            return false;
        }
        foreach (var value in rules.ByHash[JsonEquality.Hash(tape, node, ref steps)])
            if (JsonEquality.AreEqual(values, value, tape, node, ref steps)) return true;
        return false;
    }

    string Name(int node) => tape[node].Kind switch
    {
        JsonKind.Null => "null",
        JsonKind.Boolean => "a boolean",
        JsonKind.Number => tape.Number(node).IsInteger ? "an integer" : "a number",
        JsonKind.String => "a string",
        JsonKind.Array => "an array",
        _ => "an object",
    };

    static string Names(SchemaTypes types) =>
        string.Join(" or ", typeNames.Where((_, i) => ((int)types & 1 << i) != 0));

    static string Shown(JsonTape values, int node)
    {
        var raw = values[node].Kind == JsonKind.String ? values.Text.AsSpan(values[node].Start - 1, values[node].End - values[node].Start + 2) : values.Raw(node);
        return raw.Length <= ShownBytes ? Encoding.UTF8.GetString(raw) : Encoding.UTF8.GetString(raw[..ShownBytes]) + "…";
    }

    static int CodePoints(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var b in utf8)
            if ((b & 0xc0) != 0x80) count++;
        return count;
    }
}
