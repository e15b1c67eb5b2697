using System.Text;
using System.Text.Json;
using Stele.Core.Flags;

namespace Stele.Client;

/// <summary>For whom a flag is evaluated: a targeting key and attributes. Immutable; make it once for each user or request, and ask any number of flags with it.</summary>
public sealed class FlagSubject
{
    readonly Dictionary<string, object?> attributes;
    FlagContext? context;

    FlagSubject(Dictionary<string, object?> attributes) => this.attributes = attributes;

    /// <summary>Nobody in particular.</summary>
    public static FlagSubject Nobody { get; } = new([]);

    /// <summary>Somebody, by the id that rules bucket by.</summary>
    public static FlagSubject Of(string targetingKey) => new(new() { ["targetingKey"] = targetingKey });

    /// <summary>The same with a text attribute.</summary>
    public FlagSubject With(string name, string? value) => Plus(name, value);

    /// <summary>The same with a number.</summary>
    public FlagSubject With(string name, double value) => Plus(name, value);

    /// <summary>The same with true or false.</summary>
    public FlagSubject With(string name, bool value) => Plus(name, value);

    /// <summary>The same with any JSON.</summary>
    public FlagSubject With(string name, JsonElement value) => Plus(name, value);

    /// <summary>What Core evaluates with; an attribute that it does not take leaves nobody in particular.</summary>
    internal FlagContext Context => context ??= attributes.Count == 0 ? FlagContext.Empty : FlagContext.Parse(Json(), "").TryGet(out var parsed, out _) ? parsed : FlagContext.Empty;

    FlagSubject Plus(string name, object? value) => new(new(attributes) { [name] = value });

    byte[] Json()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (var (name, value) in attributes)
                switch (value)
                {
                    case string text: json.WriteString(name, text); break;
                    case bool truth: json.WriteBoolean(name, truth); break;
                    case double number when double.IsFinite(number): json.WriteNumber(name, number); break;
                    case JsonElement element: json.WritePropertyName(name); element.WriteTo(json); break;
                    default: json.WriteNull(name); break;
                }
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }
}

/// <summary>What a flag answered.</summary>
/// <typeparam name="T">The type of the value.</typeparam>
/// <param name="Value">The value, or the caller's own default.</param>
/// <param name="Variant">Its name; null: the caller's own default.</param>
/// <param name="Reason">Why, in OpenFeature's words: <c>STATIC</c>, <c>TARGETING_MATCH</c>, <c>SPLIT</c>, <c>DEFAULT</c>, <c>DISABLED</c>, <c>ERROR</c>.</param>
/// <param name="Error">OpenFeature's error code, with <c>ERROR</c>; else null.</param>
public readonly record struct FlagEvaluation<T>(T Value, string? Variant, string Reason, string? Error);
