using System.Text;
using Stele.Core.Collections;
using Stele.Core.Json;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Core.Configs;

/// <summary>What kind of JSON a value is, declared: <c>json</c> may be anything.</summary>
public enum ConfigValueType : byte
{
    /// <summary>A JSON string.</summary>
    String,
    /// <summary>A JSON number, whose text is kept exactly.</summary>
    Number,
    /// <summary>true or false.</summary>
    Boolean,
    /// <summary>Any JSON value.</summary>
    Json,
}

/// <summary>The names of value types on the wire and in SQL.</summary>
public static class ConfigValueTypes
{
    static readonly string[] Names = ["string", "number", "boolean", "json"];

    /// <summary>The name on the wire.</summary>
    public static string Name(this ConfigValueType type) => Names[(int)type];

    /// <summary>The type of a name, or false.</summary>
    public static bool TryParse(string? name, out ConfigValueType type)
    {
        var index = Array.IndexOf(Names, name);
        type = (ConfigValueType)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>The type that a value has when none is named: null, arrays and objects are <c>json</c>.</summary>
    public static ConfigValueType Of(ReadOnlySpan<byte> canonical) => canonical[0] switch
    {
        (byte)'"' => ConfigValueType.String,
        (byte)'t' or (byte)'f' => ConfigValueType.Boolean,
        (byte)'n' or (byte)'[' or (byte)'{' => ConfigValueType.Json,
        _ => ConfigValueType.Number,
    };

    /// <summary>Whether a value may be of a declared type.</summary>
    public static bool Fits(this ConfigValueType type, ReadOnlySpan<byte> canonical) => type == ConfigValueType.Json || type == Of(canonical);

    /// <summary>A value as its column holds it: a string without quotes and escapes, anything else as it is.</summary>
    public static ReadOnlySpan<byte> Bare(this ConfigValueType type, ReadOnlySpan<byte> canonical) =>
        type == ConfigValueType.String ? Encoding.UTF8.GetBytes(CanonicalJson.ToBareString(canonical)) : canonical;
}

/// <summary>
/// One key with its value, in one environment: the current one, which the state holds, or a version of the past. Values
/// over <see cref="SteleLimits.InlineValueBytes"/> are not in the state: it holds a <see cref="ValueReference"/> instead.
/// </summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Canonical JSON bytes; null when this version is a deletion, or its value is kept by reference.</param>
/// <param name="ValueType">The declared type.</param>
/// <param name="Version">Counts the changes of the key, deletions included.</param>
/// <param name="Revision">The revision that last changed it.</param>
/// <param name="UpdatedAt">When that was.</param>
/// <param name="UpdatedBy">Who did it.</param>
/// <param name="ChangeLog">Why, or null.</param>
/// <param name="CreatedAt">When the key was first created (or created anew after a deletion).</param>
/// <param name="Id">Row id of the event that first created the key; stays over deletion and re-creation.</param>
public sealed record ConfigEntry(
    string Key, byte[]? Value, ConfigValueType ValueType, int Version, long Revision, Timestamp UpdatedAt, string UpdatedBy,
    string? ChangeLog, Timestamp CreatedAt, long Id) : IKeyed
{
    // header, references and numbers; the headers of key and value; a slot in a leaf that is two thirds full
    const int EntryBytes = 96 + 24 + 24 + 12, ReferenceBytes = 40;

    // bytes or reference, never both: one field of the million
    readonly object? content = Value;

    /// <summary>Canonical JSON bytes; null when this version is a deletion, or its value is kept by reference.</summary>
    public byte[]? Value
    {
        get => content as byte[];
        init => content = value;
    }

    /// <summary>What is known of a value that is too large to be kept here; null when it is here, or this is a deletion.</summary>
    public ValueReference? Reference
    {
        get => content as ValueReference;
        init => content = value;
    }

    /// <summary>Whether this version is a deletion.</summary>
    public bool Deleted => content is null;

    /// <summary>Bytes of the value, wherever it is; 0 of a deletion.</summary>
    public int ValueBytes => Value?.Length ?? Reference?.Bytes ?? 0;

    /// <summary>What <see cref="ValueBytes"/> will be of a value.</summary>
    public static int CountedBytes(ReadOnlySpan<byte> canonical, ConfigValueType type)
    {
        if (canonical.Length <= SteleLimits.InlineValueBytes.Value) return canonical.Length;
        var text = type.Bare(canonical).Length;
        return text <= SteleLimits.InlineValueBytes.Value ? canonical.Length : text;
    }

    /// <summary>About how many bytes of memory this takes; the same on every node and however it came there. A change log counts with each key that it changed.</summary>
    public long MemoryBytes => EntryBytes + 2 * Key.Length + (Value?.Length ?? ReferenceBytes) + 2 * (ChangeLog?.Length ?? 0);

    /// <summary>Whether the value is this one.</summary>
    public bool Holds(byte[]? value, ConfigValueType type) => type == ValueType && content switch
    {
        byte[] bytes => bytes.AsSpan().SequenceEqual(value),
        ValueReference reference => value is not null && reference == ValueReference.Of(value, type),
        _ => value is null,
    };

    /// <summary>Whether two versions have the same value of the same type.</summary>
    public bool SameValue(ConfigEntry other) => other.Reference is { } reference
        ? ValueType == other.ValueType && (Reference ?? (Value is null ? null : ValueReference.Of(Value, ValueType))) == reference
        : Holds(other.Value, other.ValueType);

    /// <summary>As the state keeps it: without its value if that is large.</summary>
    public ConfigEntry ForState() => Value is { } value && ValueReference.IfLarge(value, ValueType) is { } reference ? this with { Reference = reference } : this;
}

/// <summary>What the state holds of a large value: enough to tell whether another is equal, and whether what is read later is this one.</summary>
/// <param name="Hash">The first 16 bytes of the SHA-256 of the value's text as its column holds it: a string bare, anything else as canonical JSON.</param>
/// <param name="Bytes">Bytes of that text, in UTF-8.</param>
public sealed record ValueReference(UInt128 Hash, int Bytes)
{
    /// <summary>The reference of a value.</summary>
    public static ValueReference Of(ReadOnlySpan<byte> canonical, ConfigValueType type) => OfText(type.Bare(canonical));

    /// <summary>The reference of a text.</summary>
    public static ValueReference OfText(ReadOnlySpan<byte> text) => new(Hash128.Of(text), text.Length);

    /// <summary>The reference of a text whose SHA-256 is known.</summary>
    public static ValueReference Read(ReadOnlySpan<byte> sha256, int bytes) => new(Hash128.Read(sha256), bytes);

    /// <summary>The reference, if the value's text has more bytes than are kept in memory.</summary>
    public static ValueReference? IfLarge(ReadOnlySpan<byte> canonical, ConfigValueType type)
    {
        // what is written bare is never longer than its canonical form
        if (canonical.Length <= SteleLimits.InlineValueBytes.Value) return null;
        var text = type.Bare(canonical);
        return text.Length <= SteleLimits.InlineValueBytes.Value ? null : OfText(text);
    }
}
