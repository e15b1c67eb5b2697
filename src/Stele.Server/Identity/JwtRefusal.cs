using Stele.Core.Faults;

namespace Stele.Server.Identity;

/// <summary>Why a JWT was refused: a label of the metric, and whether its bearer is told.</summary>
internal enum JwtRefusal
{
    /// <summary>Not three parts of base64url, not JSON, a member twice, or claims of the wrong kind.</summary>
    Malformed,
    /// <summary>Past the limit jwt.bytes.</summary>
    TooLarge,
    /// <summary>Five parts, or a header that says so.</summary>
    Encrypted,
    /// <summary>A header's <c>crit</c>, of which nothing is understood.</summary>
    Critical,
    /// <summary><c>alg</c> is not one of the issuer's, or does not fit the key.</summary>
    Algorithm,
    /// <summary><c>iss</c> is nobody's.</summary>
    Issuer,
    /// <summary>No key of the issuer's has this <c>kid</c>.</summary>
    Key,
    /// <summary>The signature does not fit.</summary>
    Signature,
    /// <summary>The issuer's keys cannot be had, nor kept any longer.</summary>
    KeysAway,
    /// <summary>None of the audiences is ours.</summary>
    Audience,
    /// <summary><c>exp</c> has passed, or is missing.</summary>
    Expired,
    /// <summary><c>nbf</c> or <c>iat</c> is yet to come.</summary>
    NotYetValid,
    /// <summary>No <c>sub</c>, or one that is too long.</summary>
    Subject,
}

/// <summary>What the bearer is told.</summary>
internal static class JwtRefusals
{
    /// <summary>All of them, for the metric.</summary>
    public static IReadOnlyList<JwtRefusal> All { get; } = Enum.GetValues<JwtRefusal>();

    /// <summary>
    /// Before the signature is proved, a refusal says no more than that of any unknown token, so that nobody learns which
    /// issuers, keys and algorithms there are. Whoever holds a signed token is told what is wrong with it.
    /// </summary>
    public static Fault Fault(this JwtRefusal refusal) => refusal switch
    {
        JwtRefusal.Audience => Unauthenticated("This token is for another audience."),
        JwtRefusal.Expired => Unauthenticated("This token has expired."),
        JwtRefusal.NotYetValid => Unauthenticated("This token is not valid yet."),
        JwtRefusal.Subject => Unauthenticated("This token has no subject that can be used."),
        JwtRefusal.KeysAway => Core.Faults.Fault.Unavailable("Tokens of this kind cannot be verified now.", KeysAwaySeconds),
        _ => Unauthenticated("This token is not known."),
    };

    /// <summary>As the metric's label.</summary>
    public static string Label(this JwtRefusal refusal) => refusal switch
    {
        JwtRefusal.Malformed => "malformed",
        JwtRefusal.TooLarge => "too_large",
        JwtRefusal.Encrypted => "encrypted",
        JwtRefusal.Critical => "critical",
        JwtRefusal.Algorithm => "algorithm",
        JwtRefusal.Issuer => "issuer",
        JwtRefusal.Key => "key",
        JwtRefusal.Signature => "signature",
        JwtRefusal.KeysAway => "keys_away",
        JwtRefusal.Audience => "audience",
        JwtRefusal.Expired => "expired",
        JwtRefusal.NotYetValid => "not_yet_valid",
        JwtRefusal.Subject => "subject",
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "a refusal without a label"),
    };

    static Fault Unauthenticated(string detail) => new(FaultCode.Unauthenticated, detail);

    const int KeysAwaySeconds = 5;
}
