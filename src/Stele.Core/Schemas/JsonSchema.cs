using System.Collections.Frozen;
using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Core.Schemas;

/// <summary>
/// A JSON Schema of draft 2020-12 (json-schema.org/draft/2020-12), compiled. All keywords of its core, applicator,
/// unevaluated, validation and meta-data vocabularies; formats and contents annotate, unless the schema's <c>$schema</c>
/// is <c>urn:stele:schema:assert-formats</c>, where formats are asserted. Numbers are exact, and so is <c>multipleOf</c>;
/// lengths count code points. Immutable, and safe to use from any thread.
/// </summary>
/// <remarks>
/// Schema and value may come from anyone. Patterns run in time proportional to text × pattern (no back references);
/// references that lead in circles without going into the value are refused; every check has a budget of steps and of
/// nesting (<see cref="SteleLimits.SchemaSteps"/>, <see cref="SteleLimits.SchemaLevels"/>). No reference is ever fetched.
/// </remarks>
public sealed class JsonSchema
{
    static readonly Lazy<JsonSchema> draft = new(() => MetaSchema(MetaSchemas.Draft));
    static readonly Lazy<JsonSchema> assertFormats = new(() => MetaSchema(MetaSchemas.AssertFormats));

    readonly SchemaNode root;
    readonly bool needsScope;

    JsonSchema(SchemaNode root, bool needsScope, long memoryBytes)
    {
        MemoryBytes = memoryBytes;
        this.root = root;
        this.needsScope = needsScope;
    }

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes { get; }

    /// <summary>Compiles a schema, after it has been checked against its meta-schema.</summary>
    /// <param name="canonical">Canonical JSON bytes (<see cref="Json.CanonicalJson"/>), which are kept.</param>
    /// <param name="pointer">The JSON pointer of the schema in what the caller was sent; problems are named below it.</param>
    /// <param name="problems">Gets every broken rule: <c>schema.bytes</c>, <c>schema.keyword</c> (the meta-schema says so), <c>schema.dialect</c>,
    /// <c>schema.vocabulary</c>, <c>schema.id</c>, <c>schema.anchor</c>, <c>schema.reference</c>, <c>schema.endless</c>, <c>schema.pattern</c>,
    /// <c>schema.multiple_of</c>, <c>schema.format</c>, <c>schema.steps</c>.</param>
    /// <returns>The schema, or null if a rule is broken.</returns>
    public static JsonSchema? Compile(byte[] canonical, string pointer, List<Problem> problems) =>
        Compile(canonical, pointer, problems, FrozenDictionary<string, byte[]>.Empty);

    /// <summary>The same, with documents at hand that references and <c>$schema</c> may name.</summary>
    internal static JsonSchema? Compile(byte[] canonical, string pointer, List<Problem> problems, IReadOnlyDictionary<string, byte[]> documents)
    {
        if (canonical.Length > SteleLimits.SchemaBytes.Value)
        {
            problems.Add(Problem.Body(pointer, "schema.bytes", $"A schema has at most {SteleLimits.SchemaBytes.Value} bytes as canonical JSON; this one has {canonical.Length}."));
            return null;
        }
        var document = new SchemaDocument(canonical);
        var refusals = new SchemaRefusals(document, pointer, problems);
        MetaSchemaOf(document, documents)?.Check(canonical, refusals);
        return refusals.Any ? null : Compile(document, documents, refusals);
    }

    /// <summary>Whether a value keeps to the schema.</summary>
    /// <param name="canonical">Canonical JSON bytes.</param>
    public SchemaVerdict Validate(byte[] canonical)
    {
        using var tape = JsonTape.Parse(canonical);
        return new SchemaEvaluation(tape, needsScope).Run(root, null);
    }

    /// <summary>Whether a value keeps to the schema, and if not, every rule that it breaks, up to the limit <c>body.problems</c>.</summary>
    /// <param name="canonical">Canonical JSON bytes.</param>
    /// <param name="errors">Gets them; nothing if the value is valid.</param>
    public SchemaVerdict Validate(byte[] canonical, List<SchemaError> errors)
    {
        using var tape = JsonTape.Parse(canonical);
        var verdict = new SchemaEvaluation(tape, needsScope).Run(root, null);
        if (verdict != SchemaVerdict.Invalid)
        {
            if (Unanswered(verdict) is { } reason) errors.Add(new SchemaError("", "", reason));
            return verdict;
        }
        // the second look is for people: it goes on where the first one ended
        var before = errors.Count;
        new SchemaEvaluation(tape, needsScope).Run(root, new SchemaErrors(errors));
        // it looks at more than the first, and gives reasons, so it may come to the end of its steps before any that counts
        if (errors.Count == before) errors.Add(new SchemaError("", "", $"The value does not keep to its schema; to say where takes more than {SteleLimits.SchemaSteps.Value} steps (the limit {SteleLimits.SchemaSteps.Name})."));
        return verdict;
    }

    /// <summary>Why there is no answer, or null if there is one.</summary>
    static string? Unanswered(SchemaVerdict verdict) => verdict switch
    {
        SchemaVerdict.TooMuchWork => $"To check this value against its schema takes more than {SteleLimits.SchemaSteps.Value} steps (the limit {SteleLimits.SchemaSteps.Name}).",
        SchemaVerdict.TooDeep => $"To check this value against its schema nests deeper than {SteleLimits.SchemaLevels.Value} levels (the limit {SteleLimits.SchemaLevels.Name}): "
            + "the value is nested too deep, or the schema refers to itself without end.",
        _ => null,
    };

    static JsonSchema? Compile(SchemaDocument document, IReadOnlyDictionary<string, byte[]> documents, SchemaRefusals refusals)
    {
        var index = new SchemaIndex(refusals, documents);
        var resource = index.Add(document, SchemaUri.Root);
        if (refusals.Any) return null;
        var compiler = new SchemaCompiler(index, refusals);
        var root = compiler.Compile(resource);
        return refusals.Any ? null : new JsonSchema(root, compiler.NeedsScope, compiler.MemoryBytes);
    }

    /// <summary>The meta-schema that a document names, or the draft's own where it is none that is known, which the index refuses.</summary>
    static JsonSchema? MetaSchemaOf(SchemaDocument document, IReadOnlyDictionary<string, byte[]> documents)
    {
        var dialect = document.Tape.Member(0, "$schema"u8);
        var name = dialect >= 0 && document.Tape[dialect].Kind == Json.JsonKind.String ? document.Tape.String(dialect) : "";
        return name == MetaSchemas.AssertFormats ? assertFormats.Value
            : documents.TryGetValue(name, out var text) ? Compile(new SchemaDocument(text), documents, new SchemaRefusals(document, "", []))
            : draft.Value;
    }

    /// <summary>Says where a schema breaks its meta-schema.</summary>
    void Check(byte[] canonical, SchemaRefusals refusals)
    {
        var errors = new List<SchemaError>();
        var verdict = Validate(canonical, errors);
        foreach (var error in errors)
            refusals.Add(error.InstanceLocation, verdict == SchemaVerdict.Invalid ? "schema.keyword" : "schema.steps", $"Not a schema of draft 2020-12: {error.Message}");
    }

    static JsonSchema MetaSchema(string uri)
    {
        var problems = new List<Problem>();
        var document = new SchemaDocument(System.Text.Encoding.UTF8.GetBytes($$"""{"$ref":"{{uri}}"}"""));
        return Compile(document, FrozenDictionary<string, byte[]>.Empty, new SchemaRefusals(document, "", problems))
            ?? throw new InvalidOperationException($"the built-in meta-schema {uri} does not compile: {problems[0].Message}");
    }
}
