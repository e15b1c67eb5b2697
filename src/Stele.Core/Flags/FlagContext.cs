using Stele.Core.Faults;
using Stele.Core.Flags.Rules;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>
/// Who asks, prepared: the attributes of an evaluation context (OpenFeature, section 3), parsed once for any number of
/// flags. Immutable, and safe to use from any thread.
/// </summary>
/// <remarks>Numbers are doubles, as in JavaScript: one beyond 2^53 is the nearest that there is. Strings may hold U+0000.</remarks>
public sealed class FlagContext
{
    const string TargetingKeyName = "targetingKey";

    FlagContext(RuleData data)
    {
        Data = RuleValue.Of(RuleKind.Object, data, 0);
        var key = data.Tape.Member(0, "targetingKey"u8);
        if (key >= 0 && data.Tape[key].Kind == JsonKind.String && data.String(key) is { Length: > 0 } text) TargetingKey = text;
    }

    /// <summary>A context without attributes.</summary>
    public static FlagContext Empty { get; } = new(new RuleData(JsonTape.Keep("{}"u8.ToArray())));

    /// <summary>The id of the subject; null if there is none, or an empty one.</summary>
    public string? TargetingKey { get; }

    internal RuleValue Data { get; }

    /// <summary>Reads a context.</summary>
    /// <param name="utf8">A JSON object.</param>
    /// <param name="pointer">Its JSON pointer in what the caller was sent.</param>
    /// <returns>The context, or the fault <see cref="FaultCode.Invalid"/>, which OFREP calls INVALID_CONTEXT: rules <c>flag.context_bytes</c>,
    /// <c>flag.context</c> (no object, or a targeting key that is no string), and those of <see cref="CanonicalJson.TryCanonicalize"/>.</returns>
    public static Outcome<FlagContext> Parse(ReadOnlySpan<byte> utf8, string pointer)
    {
        if (utf8.Length > SteleLimits.FlagContextBytes.Value)
            return Fault.Invalid(Problem.Body(pointer, "flag.context_bytes", $"A context has at most {SteleLimits.FlagContextBytes.Value} bytes; this one has {utf8.Length}."));
        var problems = new List<Problem>();
        var scanner = new JsonScanner(utf8, pointer, problems) { AllowsNul = true };
        var sound = scanner.ScanValue(out var value, out var canonical);
        scanner.End();
        if (!sound || scanner.Refused) return Fault.Invalid(problems);
        var tape = JsonTape.Keep(canonical ? value.ToArray() : CanonicalJson.Respell(value));
        if (Refusal(tape) is { } message) return Fault.Invalid(Problem.Body(message.Pointer is { } below ? $"{pointer}/{below}" : pointer, "flag.context", message.Message));
        return new FlagContext(new RuleData(tape));
    }

    static (string? Pointer, string Message)? Refusal(JsonTape tape)
    {
        if (tape[0].Kind != JsonKind.Object) return (null, "A context is an object.");
        if (tape.Depth > RuleArray.TextDepth) return (null, $"A context has at most {RuleArray.TextDepth} levels.");
        var key = tape.Member(0, "targetingKey"u8);
        return key >= 0 && tape[key].Kind is not (JsonKind.String or JsonKind.Null) ? (TargetingKeyName, "The targeting key is a string.") : null;
    }
}
