using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Stele.Client;

/// <summary>A value as this process holds it: parsed once when it came, so that reading it costs a look-up. Immutable.</summary>
public sealed class SteleValue
{
    object? typed;

    internal SteleValue(string key, JsonElement value, string? valueType, long version, bool killed)
    {
        (Key, Value, ValueType, Version, Killed) = (key, value, valueType, version, killed);
        Text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.ValueKind == JsonValueKind.Undefined ? "" : value.GetRawText();
        Boolean = value.ValueKind is JsonValueKind.True ? true : value.ValueKind is JsonValueKind.False ? false : bool.TryParse(Text, out var truth) ? truth : null;
        Int64 = long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? whole : null;
        Double = double.TryParse(Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>The value as JSON.</summary>
    public JsonElement Value { get; }

    /// <summary><c>string</c>, <c>number</c>, <c>boolean</c> or <c>json</c>; null where it is not told.</summary>
    public string? ValueType { get; }

    /// <summary>Counts the changes of this key from 1.</summary>
    public long Version { get; }

    /// <summary>A text as it is, everything else as its JSON.</summary>
    public string Text { get; }

    /// <summary>True or false, also as text; null if it is neither.</summary>
    public bool? Boolean { get; }

    /// <summary>The whole number, also as text; null if it is none, or does not fit.</summary>
    public long? Int64 { get; }

    /// <summary>The number, also as text; null if it is none.</summary>
    public double? Double { get; }

    internal bool Killed { get; }

    /// <summary>The value as a type of the caller's, read once and then kept; <see cref="JsonException"/> if it is none.</summary>
    public T? As<T>(JsonTypeInfo<T> type) where T : class
    {
        if (Volatile.Read(ref typed) is T known) return known;
        var read = Value.Deserialize(type);
        Volatile.Write(ref typed, read);
        return read;
    }
}
