using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Core.Schemas;

/// <summary>What became of a check.</summary>
public enum SchemaVerdict
{
    /// <summary>The value keeps to the schema.</summary>
    Valid,
    /// <summary>It does not.</summary>
    Invalid,
    /// <summary>To find out takes more than <see cref="SteleLimits.SchemaSteps"/> allows.</summary>
    TooMuchWork,
    /// <summary>To find out nests deeper than <see cref="SteleLimits.SchemaLevels"/> allows.</summary>
    TooDeep,
}

/// <summary>
/// One check of a value. Without errors to collect it ends at the first broken rule; with them it goes on. Each schema that
/// is applied, member that is looked at and instruction of a pattern is a step of a budget, and nesting is bounded, so no
/// schema and no value can make it long or deep. A reason that is given is text, which takes steps by its length: otherwise a
/// value whose check is long could have more text made, and thrown away, than a machine has memory.
/// </summary>
/// <remarks>
/// What has been evaluated (for the unevaluated keywords) is a row of bits, one for each child of the value, on a stack of
/// rows: a subschema that may fail gets a row of its own, which is merged into its caller's when it holds. A row is named
/// by its offset; negative: nobody asks.
/// </remarks>
sealed partial class SchemaEvaluation(JsonTape tape, bool needsScope)
{
    const int NoMarks = -1;

    // what a reason takes at least, and how many of its characters are one more: its two places and its sentence are written anew each time
    const int ReasonSteps = 32, CharactersAStep = 2;

    readonly int levels = (int)SteleLimits.SchemaLevels.Value;
    SchemaErrors? errors;
    SchemaResource[] scope = [];
    ulong[] marks = [];
    int marked;
    int scopes;
    int depth;
    int choices;
    long steps = SteleLimits.SchemaSteps.Value;
    bool tooDeep;

    /// <summary>Checks the value against a schema.</summary>
    public SchemaVerdict Run(SchemaNode schema, SchemaErrors? collected)
    {
        errors = collected;
        steps -= tape.Count;
        tooDeep = tape.Depth > levels;
        var valid = !tooDeep && Evaluate(schema, 0, NoMarks);
        return tooDeep ? SchemaVerdict.TooDeep : steps < 0 ? SchemaVerdict.TooMuchWork : valid ? SchemaVerdict.Valid : SchemaVerdict.Invalid;
    }

    bool Evaluate(SchemaNode schema, int node, int row)
    {
        if (schema.Constant is { } constant) return constant || Fail("", "No value is allowed here.");
        if (--steps < 0) return false;
        if (depth == levels)
        {
            // every evaluation from here on is over at once
            tooDeep = true;
            steps = -1;
            return false;
        }
        depth++;
        var entered = needsScope && Enter(schema.Resource);
        var valid = schema.AsksUnevaluated ? EvaluateMarked(schema, node, row) : EvaluateRules(schema, node, row);
        if (entered) scopes--;
        depth--;
        return valid;
    }

    /// <summary>A schema with unevaluated keywords sees what its own parts looked at, and not what others did.</summary>
    bool EvaluateMarked(SchemaNode schema, int node, int row)
    {
        var own = Reserve(node);
        var valid = EvaluateRules(schema, node, own);
        if (valid || errors is not null) valid &= EvaluateUnevaluated(schema, node, own);
        if (valid && row >= 0) Merge(own, row, node);
        marked = own;
        return valid;
    }

    bool EvaluateRules(SchemaNode schema, int node, int row)
    {
        var valid = EvaluateOwn(schema, node);
        if (!valid && errors is null) return false;
        if (schema.HasInPlace)
        {
            valid &= EvaluateInPlace(schema, node, row);
            if (!valid && errors is null) return false;
        }
        return valid & tape[node].Kind switch
        {
            JsonKind.Object when schema.Object is { } rules => EvaluateObject(rules, node, row),
            JsonKind.Array when schema.Array is { } rules => EvaluateArray(rules, node, row),
            JsonKind.String when schema.String is { } rules => EvaluateString(rules, node),
            JsonKind.Number when schema.Number is { } rules => EvaluateNumber(rules, node),
            _ => true,
        };
    }

    bool EvaluateInPlace(SchemaNode schema, int node, int row)
    {
        var valid = true;
        if (schema.Reference is { } reference) valid = Into(reference, node, row, "$ref");
        if (schema.Dynamic is { } dynamic && (valid || errors is not null)) valid &= Into(Outermost(dynamic), node, row, "$dynamicRef");
        for (var i = 0; i < schema.AllOf.Length && (valid || errors is not null); i++) valid &= Into(schema.AllOf[i], node, row, "allOf", i);
        if (schema.AnyOf.Length > 0 && (valid || errors is not null)) valid &= EvaluateAnyOf(schema.AnyOf, node, row);
        if (schema.OneOf.Length > 0 && (valid || errors is not null)) valid &= EvaluateOneOf(schema.OneOf, node, row);
        if (schema.Not is { } not && (valid || errors is not null) && Holds(not, node, NoMarks)) valid = Fail("not", "The value must not keep to this schema, and does.");
        if (schema.If is { } condition && (valid || errors is not null)) valid &= EvaluateIf(condition, schema, node, row);
        return valid;
    }

    bool EvaluateAnyOf(SchemaNode[] options, int node, int row)
    {
        var (valid, before) = (false, errors?.Count ?? 0);
        if (errors is not null) Fail("anyOf", $"The value keeps to none of the {options.Length} schemas of which it must keep to one.");
        choices++;
        for (var i = 0; i < options.Length; i++)
        {
            // what each looks at counts, so all are tried if somebody asks
            if (valid && row < 0) break;
            valid |= Try(options[i], node, row, "anyOf", i);
        }
        choices--;
        // one that was not looked at to its end may be the one
        if (valid || steps < 0) errors?.Truncate(before);
        return valid;
    }

    bool EvaluateOneOf(SchemaNode[] options, int node, int row)
    {
        var (first, second, before) = (-1, -1, errors?.Count ?? 0);
        if (errors is not null) Fail("oneOf", $"The value keeps to none of the {options.Length} schemas of which it must keep to exactly one.");
        choices++;
        for (var i = 0; i < options.Length && second < 0; i++)
            if (!Try(options[i], node, row, "oneOf", i)) continue;
            else if (first < 0) first = i;
            else second = i;
        choices--;
        if (first >= 0 || steps < 0) errors?.Truncate(before);
        return first >= 0 && (second < 0 || (errors is not null && Fail("oneOf", $"The value must keep to exactly one of these schemas, and keeps to those at {first} and {second}.")));
    }

    bool EvaluateIf(SchemaNode condition, SchemaNode schema, int node, int row)
    {
        var holds = Holds(condition, node, row);
        if (steps < 0) return false;
        return (holds ? schema.Then : schema.Else) is not { } next || Into(next, node, row, holds ? "then" : "else");
    }

    /// <summary>Whether a subschema holds, whose errors do not matter.</summary>
    bool Holds(SchemaNode schema, int node, int row)
    {
        var kept = errors;
        errors = null;
        var own = row < 0 ? NoMarks : Reserve(node);
        var holds = Evaluate(schema, node, own);
        errors = kept;
        if (row < 0) return holds;
        if (holds) Merge(own, row, node);
        marked = own;
        return holds;
    }

    /// <summary>Whether a subschema holds that may fail.</summary>
    bool Try(SchemaNode schema, int node, int row, string keyword, int index)
    {
        if (row < 0) return Into(schema, node, row, keyword, index);
        var own = Reserve(node);
        var holds = Into(schema, node, own, keyword, index);
        if (holds) Merge(own, row, node);
        marked = own;
        return holds;
    }

    bool Into(SchemaNode schema, int node, int row, string keyword, int index = -1)
    {
        if (errors is null) return Evaluate(schema, node, row);
        var mark = errors.Mark();
        errors.IntoKeyword(keyword);
        if (index >= 0) errors.IntoKeyword(index);
        var valid = Evaluate(schema, node, row);
        errors.Return(mark);
        return valid;
    }

    bool Fail(string keyword, string message)
    {
        // without steps nothing was looked at, and so there is nothing to say of it
        if (errors is null || steps < 0) return false;
        steps -= ReasonSteps + (errors.PlaceCharacters + message.Length) / CharactersAStep;
        errors.Add(keyword, message);
        // no branch that holds after all can take one of them back
        if (choices == 0 && errors.IsFull) steps = -1;
        return false;
    }

    /// <summary>The bearer of a dynamic anchor in the outermost resource through which the evaluation came.</summary>
    SchemaNode Outermost(DynamicReference reference)
    {
        if (reference.Anchor is { } anchor)
            for (var i = 0; i < scopes; i++)
                if (scope[i].DynamicAnchors.TryGetValue(anchor, out var bearer) && bearer is not null) return bearer;
        return reference.Target;
    }

    bool Enter(SchemaResource resource)
    {
        if (scopes > 0 && scope[scopes - 1] == resource) return false;
        if (scopes == scope.Length) Array.Resize(ref scope, Math.Max(8, 2 * scopes));
        scope[scopes++] = resource;
        return true;
    }

    /// <summary>A row without marks on top of the stack.</summary>
    int Reserve(int node)
    {
        var (row, words) = (marked, Words(node));
        if (marked + words > marks.Length) Array.Resize(ref marks, Math.Max(marked + words, Math.Max(8, 2 * marks.Length)));
        marks.AsSpan(row, words).Clear();
        marked += words;
        steps -= words / 8;
        return row;
    }

    void Merge(int from, int to, int node)
    {
        for (var i = 0; i < Words(node); i++) marks[to + i] |= marks[from + i];
    }

    void Mark(int row, int child)
    {
        if (row >= 0) marks[row + (child >> 6)] |= 1UL << (child & 63);
    }

    bool IsMarked(int row, int child) => (marks[row + (child >> 6)] >> (child & 63) & 1) != 0;

    int Words(int node) => (tape[node].Count + 63) >> 6;
}
