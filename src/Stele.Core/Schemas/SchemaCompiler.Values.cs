using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas.Formats;
using Stele.Core.Schemas.Patterns;

namespace Stele.Core.Schemas;

/// <summary>The keywords of the validation vocabulary.</summary>
sealed partial class SchemaCompiler
{
    const int FewValues = 8;

    bool FillValue(SchemaNode node, string keyword, int value)
    {
        var tape = node.Document.Tape;
        switch (keyword)
        {
            case "type": node.Types = Types(tape, value); return true;
            case "const": node.Const = value; return true;
            case "enum": node.Enum = Enum(tape, value); return true;
            case "minimum": Numbers(node).Minimum = tape.Number(value); return true;
            case "maximum": Numbers(node).Maximum = tape.Number(value); return true;
            case "exclusiveMinimum": Numbers(node).ExclusiveMinimum = tape.Number(value); return true;
            case "exclusiveMaximum": Numbers(node).ExclusiveMaximum = tape.Number(value); return true;
            case "multipleOf": Numbers(node).MultipleOf = MultipleOf(node, value); return true;
            case "pattern": (node.String ??= new StringRules()).Pattern = Pattern(node, value); return true;
            default: return false;
        }
    }

    bool FillCounts(SchemaNode node, string keyword, int value)
    {
        var tape = node.Document.Tape;
        switch (keyword)
        {
            case "minLength": (node.String ??= new StringRules()).MinLength = tape.Number(value).ToInt64(); return true;
            case "maxLength": (node.String ??= new StringRules()).MaxLength = tape.Number(value).ToInt64(); return true;
            case "minItems": Items(node).MinItems = tape.Number(value).ToInt64(); return true;
            case "maxItems": Items(node).MaxItems = tape.Number(value).ToInt64(); return true;
            case "uniqueItems": Items(node).UniqueItems = tape.IsTrue(value); return true;
            case "minContains": Items(node).MinContains = tape.Number(value).ToInt64(); return true;
            case "maxContains": Items(node).MaxContains = tape.Number(value).ToInt64(); return true;
            case "minProperties": Members(node).MinProperties = tape.Number(value).ToInt64(); return true;
            case "maxProperties": Members(node).MaxProperties = tape.Number(value).ToInt64(); return true;
            case "required": Members(node).Required.AddRange(Slots(node, value)); return true;
            case "dependentRequired":
                foreach (var member in MembersOf(node, value)) Members(node).DependentRequired.Add((Members(node).Slot(tape.Raw(member)), Slots(node, member + 1)));
                return true;
            default: return false;
        }
    }

    void FillFormat(SchemaNode node, int value)
    {
        var name = node.Document.Tape.String(value);
        if (Format.Find(name) is { } format) (node.String ??= new StringRules()).Format = format;
        else refusals.Add(node.Document, value, "schema.format", $"The format {name} is not known, and this schema's dialect asserts formats; known are {Format.Names}.");
    }

    static NumberRules Numbers(SchemaNode node) => node.Number ??= new NumberRules();

    JsonNumber MultipleOf(SchemaNode node, int value)
    {
        var divisor = node.Document.Tape.Number(value);
        if (divisor.Magnitude < -SteleLimits.SchemaMultipleExponent.Value)
            refusals.Add(node.Document, value, "schema.multiple_of",
                $"A multipleOf is at least 1e-{SteleLimits.SchemaMultipleExponent.Value}: validators that compute with doubles read a smaller one as zero.");
        return divisor;
    }

    Pattern? Pattern(SchemaNode node, int value)
    {
        var pattern = Patterns.Pattern.Compile(node.Document.Tape.String(value), out var refusal);
        instructions += pattern?.Steps.Length ?? 0;
        if (pattern is not null && instructions > SteleLimits.PatternInstructions.Value)
            (pattern, refusal) = (null, $"together the schema's are longer than {SteleLimits.PatternInstructions.Value} instructions");
        if (pattern is null) refusals.Add(node.Document, value, "schema.pattern", $"This regular expression cannot be used: {refusal}.");
        return pattern;
    }

    static EnumRules Enum(JsonTape tape, int value)
    {
        var values = new List<int>();
        for (var item = value + 1; item < tape[value].Next; item = tape[item].Next) values.Add(item);
        if (values.Count <= FewValues) return new EnumRules([.. values], null);
        var steps = long.MaxValue;
        return new EnumRules([.. values], values.ToLookup(item => JsonEquality.Hash(tape, item, ref steps)));
    }

    static int[] Slots(SchemaNode node, int value)
    {
        var tape = node.Document.Tape;
        var slots = new List<int>();
        for (var item = value + 1; item < tape[value].Next; item = tape[item].Next) slots.Add(Members(node).Slot(tape.Raw(item)));
        return [.. slots];
    }

    static SchemaTypes Types(JsonTape tape, int value)
    {
        if (tape[value].Kind == JsonKind.String) return TypeOf(tape.String(value));
        var types = SchemaTypes.Any;
        for (var item = value + 1; item < tape[value].Next; item = tape[item].Next) types |= TypeOf(tape.String(item));
        return types;
    }

    static SchemaTypes TypeOf(string name) => name switch
    {
        "null" => SchemaTypes.Null,
        "boolean" => SchemaTypes.Boolean,
        "number" => SchemaTypes.Number,
        "string" => SchemaTypes.String,
        "array" => SchemaTypes.Array,
        "object" => SchemaTypes.Object,
        _ => SchemaTypes.Integer,
    };
}
