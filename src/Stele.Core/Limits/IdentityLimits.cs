namespace Stele.Core.Limits;

/// <summary>The limits of identities that others vouch for, and of TLS.</summary>
public static class IdentityLimits
{
    /// <summary>Characters of a JWT.</summary>
    public static readonly Limit JwtCharacters = new("jwt.characters", 16 << 10, "characters", "a longer one is refused, unauthenticated; a request's headers have at most 32 KiB", true);
    /// <summary>Verified JWTs that a node keeps, so that each is proved once.</summary>
    public static readonly Limit JwtCachedTokens = new("jwt.cached_tokens", 20_000, "tokens", "those not used for longest are proved again", true);
    /// <summary>Organizations in which the claims of one JWT may give roles.</summary>
    public static readonly Limit JwtMemberships = new("jwt.memberships", 1_000, "organizations", "further ones are left out");
    /// <summary>Characters of a JWT's subject.</summary>
    public static readonly Limit JwtSubjectCharacters = new("jwt.subject_characters", 255, "characters", "a longer one is refused, unauthenticated");
    /// <summary>Bytes of an issuer's discovery document, and of its keys.</summary>
    public static readonly Limit JwksBytes = new("jwks.bytes", 512 << 10, "bytes", "a larger answer counts as none");
    /// <summary>Keys of an issuer.</summary>
    public static readonly Limit JwksKeys = new("jwks.keys", 256, "keys", "further ones are not used");
    /// <summary>Time in which an issuer is to give its keys.</summary>
    public static readonly Limit JwksFetchMilliseconds = new("jwks.fetch_ms", 5_000, "milliseconds", "it counts as away, and is asked again later");
    /// <summary>Time that a request waits for an issuer's keys.</summary>
    public static readonly Limit JwksWaitMilliseconds = new("jwks.wait_ms", 2_000, "milliseconds", "it is answered by the keys that are there");
    /// <summary>Time that a TLS handshake may take.</summary>
    public static readonly Limit TlsHandshakeSeconds = new("tls.handshake_seconds", 10, "seconds", "the connection is closed");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Limit> All { get; } =
        [JwtCharacters, JwtCachedTokens, JwtMemberships, JwtSubjectCharacters, JwksBytes, JwksKeys, JwksFetchMilliseconds, JwksWaitMilliseconds, TlsHandshakeSeconds];
}
