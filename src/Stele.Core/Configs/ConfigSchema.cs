using Stele.Core.Collections;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Configs;

/// <summary>The schema of a key: its text, which the journal and the state hold, and its compiled form, which is made when it is used and kept for a while.</summary>
public sealed class ConfigSchema
{
    static readonly CompiledSchemas compiled = new();

    readonly UInt128 hash;

    ConfigSchema(byte[] text)
    {
        Text = text;
        hash = Hash128.Of(text);
    }

    /// <summary>Canonical JSON bytes.</summary>
    public byte[] Text { get; }

    /// <summary>A schema that somebody gave, checked; null if it cannot be used, with the reasons among the problems.</summary>
    /// <param name="canonical">Canonical JSON bytes, which are kept.</param>
    /// <param name="pointer">Its JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets the reasons (<see cref="JsonSchema.Compile(byte[], string, List{Problem})"/>).</param>
    public static ConfigSchema? Parse(byte[] canonical, string pointer, List<Problem> problems)
    {
        var schema = new ConfigSchema(canonical);
        return compiled.Get(schema.hash, canonical, pointer, problems) is null ? null : schema;
    }

    /// <summary>A schema that the journal or a table holds.</summary>
    public static ConfigSchema Stored(byte[] canonical) => new(canonical);

    /// <summary>Whether two have the same text.</summary>
    public bool Is(ConfigSchema other) => hash == other.hash;

    /// <summary>Checks a value.</summary>
    /// <param name="value">Canonical JSON bytes.</param>
    public SchemaCheck Check(byte[] value)
    {
        var problems = new List<Problem>();
        // what was accepted once can only fail to compile if a limit was lowered since
        if (compiled.Get(hash, Text, "", problems) is not { } schema)
            return new SchemaCheck(this, value, [.. problems.Select(problem => new SchemaError("", problem.Name, $"The key's schema cannot be used here: {problem.Message}"))]);
        var errors = new List<SchemaError>();
        return schema.Validate(value, errors) == SchemaVerdict.Valid ? new SchemaCheck(this, value, []) : new SchemaCheck(this, value, errors);
    }
}

/// <summary>What came of checking a value. Worked out before a command is decided, so that the one queue of an org does not wait for it, and good as long as schema and value are these.</summary>
/// <param name="Schema">The schema.</param>
/// <param name="Value">The value.</param>
/// <param name="Errors">What the value breaks, or why there is no answer; empty: it keeps to the schema.</param>
public sealed record SchemaCheck(ConfigSchema Schema, byte[] Value, IReadOnlyList<SchemaError> Errors);

/// <summary>A key with its schema.</summary>
/// <param name="Key">The key.</param>
/// <param name="Schema">Its schema.</param>
public sealed record KeySchema(string Key, ConfigSchema Schema) : IKeyed
{
    const int EachBytes = 160;

    /// <summary>About how many bytes of memory this takes, as if no other key had the same schema.</summary>
    public long MemoryBytes => EachBytes + Schema.Text.Length;
}

/// <summary>
/// Compiled schemas by the hash of their text: those that were used lately, within a bound of bytes. Two halves: what is
/// used moves to the new one, and when that is full it becomes the old one, whose rest is forgotten.
/// </summary>
sealed class CompiledSchemas
{
    readonly Lock gate = new();
    Dictionary<UInt128, JsonSchema> recent = [], older = [];
    long recentBytes;

    public JsonSchema? Get(UInt128 hash, byte[] text, string pointer, List<Problem> problems)
    {
        lock (gate)
        {
            if (recent.TryGetValue(hash, out var known)) return known;
            if (older.Remove(hash, out known)) return Keep(hash, known);
        }
        if (JsonSchema.Compile(text, pointer, problems) is not { } schema) return null;
        lock (gate) return recent.TryGetValue(hash, out var other) ? other : Keep(hash, schema);
    }

    JsonSchema Keep(UInt128 hash, JsonSchema schema)
    {
        if (recentBytes + schema.MemoryBytes > SteleLimits.SchemaCacheBytes.Value / 2)
        {
            older = recent;
            (recent, recentBytes) = ([], 0);
        }
        recent[hash] = schema;
        recentBytes += schema.MemoryBytes;
        return schema;
    }
}
