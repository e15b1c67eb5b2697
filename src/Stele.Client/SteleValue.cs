using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stele.Client.Following;

namespace Stele.Client;

/// <summary>A value as this process holds it: parsed once when it came, so that reading it costs a look-up. Immutable.</summary>
public sealed class SteleValue
{
    object? typed;

    internal SteleValue(string key, JsonElement value, string? valueType, long version, bool killed, SecretLink? link = null)
    {
        (Key, Value, ValueType, Version, Killed, Link) = (key, value, valueType, version, killed, link);
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

    /// <summary>Whether the value is a secret's: not for logs, pages or files. Bytes that are no text are in base64.</summary>
    public bool IsSecret => Link is not null;

    internal bool Killed { get; }

    /// <summary>The secret that it stands for.</summary>
    internal SecretLink? Link { get; }

    /// <summary>Whether the secret is not read yet: it is not given to anybody so.</summary>
    internal bool IsMissing => Link is not null && Value.ValueKind != JsonValueKind.String;

    /// <summary>A secret that is followed itself, not read yet.</summary>
    internal static SteleValue Secret(string path, long version) => new(path, default, "string", version, false, new SecretLink(path, version, default));

    /// <summary>The same, to be read again.</summary>
    internal SteleValue Again(long? secretVersion) => new(Key, Link!.Raw, ValueType, Version, Killed, SecretLink.Of(Link.Raw, secretVersion));

    /// <summary>The same, with the secret's value.</summary>
    internal SteleValue Resolved(JsonElement secret) => new(Key, secret, "string", Version, Killed, Link);

    /// <summary>The value as a type of the caller's, read once and then kept; <see cref="JsonException"/> if it is none.</summary>
    public T? As<T>(JsonTypeInfo<T> type) where T : class
    {
        if (Volatile.Read(ref typed) is T known) return known;
        var read = Value.Deserialize(type);
        Volatile.Write(ref typed, read);
        return read;
    }
}
