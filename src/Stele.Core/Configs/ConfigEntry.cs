using Stele.Core.Collections;
using Stele.Core.Journal;

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
}

/// <summary>The current state of one key in one environment; also of a deleted one, whose version number must not be used again.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Canonical JSON bytes, or null when deleted.</param>
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
    /// <summary>Whether the key is deleted.</summary>
    public bool Deleted => Value is null;
}
