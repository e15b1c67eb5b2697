namespace Stele.Core.Flags;

/// <summary>Why a flag answered as it did: the reasons of OpenFeature (requirement 1.4.7).</summary>
public enum FlagReason : byte
{
    /// <summary>No rule was looked at: everybody gets this.</summary>
    Static,
    /// <summary>The rule chose the variant.</summary>
    TargetingMatch,
    /// <summary>The rule chose the variant by the bucket of the subject.</summary>
    Split,
    /// <summary>The rule chose none: the default variant, or the caller's own default.</summary>
    Default,
    /// <summary>The flag is disabled, or a kill switch is on.</summary>
    Disabled,
    /// <summary>See the error code.</summary>
    Error,
}

/// <summary>Why there is no answer: the error codes of OpenFeature (types, section "error code").</summary>
public enum FlagErrorCode : byte
{
    /// <summary>There is an answer.</summary>
    None,
    /// <summary>There is no such flag.</summary>
    FlagNotFound,
    /// <summary>The definition cannot be evaluated.</summary>
    ParseError,
    /// <summary>The value is of another type than the caller asked for.</summary>
    TypeMismatch,
    /// <summary>The rule buckets by the targeting key, and the context has none.</summary>
    TargetingKeyMissing,
    /// <summary>The context is not one.</summary>
    InvalidContext,
    /// <summary>Anything else: a variant that does not exist, too much work.</summary>
    General,
}

/// <summary>The names of reasons and error codes on the wire.</summary>
public static class FlagWords
{
    static readonly string[] reasons = ["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "ERROR"];
    static readonly string[] codes = ["", "FLAG_NOT_FOUND", "PARSE_ERROR", "TYPE_MISMATCH", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL"];

    /// <summary>The name of a reason.</summary>
    public static string Name(this FlagReason reason) => reasons[(int)reason];

    /// <summary>The name of an error code; empty for none.</summary>
    public static string Name(this FlagErrorCode code) => codes[(int)code];
}

/// <summary>What a flag answered for a context.</summary>
public readonly struct FlagAnswer
{
    /// <summary>The flag; null if there is none of that name.</summary>
    public Flag? Flag { get; init; }

    /// <summary>The variant, with its value. Null: the caller's own default counts (code default), or there is an error.</summary>
    public FlagVariant? Variant { get; init; }

    /// <summary>Why.</summary>
    public FlagReason Reason { get; init; }

    /// <summary>What went wrong, with <see cref="FlagReason.Error"/>.</summary>
    public FlagErrorCode Error { get; init; }

    /// <summary>A sentence about the error, or null.</summary>
    public string? Message { get; init; }

    /// <summary>The JSON pointer, in the definition that <see cref="FlagDefinition.Full"/> shows, of what the rule came out at; null if there is no rule or it came out nowhere.</summary>
    public string? Rule { get; init; }

    /// <summary>The total weight that <see cref="Bucket"/> is of; 0: the subject was not bucketed.</summary>
    public int BucketTotal { get; init; }

    readonly int bucket;

    /// <summary>The bucket of the subject, from 0 to below <see cref="BucketTotal"/>; null if it was not bucketed on the way to the answer.</summary>
    public int? Bucket
    {
        get => BucketTotal == 0 ? null : bucket;
        init => bucket = value ?? 0;
    }

    /// <summary>The same answer, or TYPE_MISMATCH if it has a value of another type than the caller asked for.</summary>
    public FlagAnswer Expect(FlagValueType type) => Variant is not { } variant || variant.Type == type ? this
        : new FlagAnswer { Flag = Flag, Reason = FlagReason.Error, Error = FlagErrorCode.TypeMismatch, Message = $"The flag's values are of type {variant.Type.Name()}, not {type.Name()}." };

    /// <summary>An answer that is none.</summary>
    internal static FlagAnswer Failed(Flag? flag, FlagErrorCode code, string message) => new() { Flag = flag, Reason = FlagReason.Error, Error = code, Message = message };
}
