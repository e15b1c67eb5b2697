using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Identity;

/// <summary>
/// The rules by which a JWT is believed (RFC 7519, RFC 8725), in their order: what decides before the signature is only which
/// key to try; nothing of the claims is used until the signature is that key's.
/// </summary>
internal static class JwtVerifier
{
    /// <summary>Reads what names the key: algorithm, key id and issuer.</summary>
    public static bool TryPlace(JwtText token, IReadOnlyDictionary<string, KeySource> issuers, out JwtPlace place, out JwtRefusal refusal)
    {
        place = default;
        var header = token.Header;
        if (header.TryGetProperty("enc", out _)) return Refuse(JwtRefusal.Encrypted, out refusal);
        // RFC 7515, 4.1.11: whoever does not understand what is critical must refuse, and we understand no extension
        if (header.TryGetProperty("crit", out _)) return Refuse(JwtRefusal.Critical, out refusal);
        if (Text(header, "alg") is not { } algorithm) return Refuse(JwtRefusal.Algorithm, out refusal);
        var id = Text(header, "kid");
        if (id is null && header.TryGetProperty("kid", out _) || header.TryGetProperty("cty", out _) || header.TryGetProperty("typ", out _) && !IsTokenType(Text(header, "typ")))
            return Refuse(JwtRefusal.Malformed, out refusal);
        if (Text(token.Claims, "iss") is not { } iss || !issuers.TryGetValue(iss, out var source)) return Refuse(JwtRefusal.Issuer, out refusal);
        // by the issuer's list, so that the header chooses among what the operator allowed, and never none nor HS256
        if (!source.Issuer.Algorithms.Contains(algorithm, StringComparer.Ordinal)) return Refuse(JwtRefusal.Algorithm, out refusal);
        place = new JwtPlace(source, algorithm, id);
        refusal = default;
        return true;
    }

    /// <summary>Proves the signature by the keys given and reads the claims.</summary>
    public static bool TryVerify(JwtText token, JwtPlace place, KeySet keys, DateTimeOffset now, [NotNullWhen(true)] out JwtIdentity? identity, out JwtRefusal refusal)
    {
        identity = null;
        if (keys.Find(place.KeyId, place.Algorithm) is not { } key)
            return Refuse(place.KeyId is { } id && keys.Has(id) ? JwtRefusal.Algorithm : JwtRefusal.Key, out refusal);
        if (!key.Verifies(place.Algorithm, token.Signed, token.Signature)) return Refuse(JwtRefusal.Signature, out refusal);
        return TryRead(token.Claims, place.Source.Issuer, now, out identity, out refusal);
    }

    static bool TryRead(JsonElement claims, TokenIssuer issuer, DateTimeOffset now, [NotNullWhen(true)] out JwtIdentity? identity, out JwtRefusal refusal)
    {
        identity = null;
        if (!IsForUs(claims, issuer.Audiences)) return Refuse(JwtRefusal.Audience, out refusal);
        if (!TryTime(claims, "exp", out var expires) || !TryTime(claims, "nbf", out var notBefore) || !TryTime(claims, "iat", out var issued)) return Refuse(JwtRefusal.Malformed, out refusal);
        if (expires is not { } end || now - issuer.ClockSkew >= end) return Refuse(JwtRefusal.Expired, out refusal);
        if (notBefore > now + issuer.ClockSkew || issued > now + issuer.ClockSkew) return Refuse(JwtRefusal.NotYetValid, out refusal);
        if (Text(claims, "sub") is not { Length: > 0 } subject || subject.Length > IdentityLimits.JwtSubjectCharacters.Value) return Refuse(JwtRefusal.Subject, out refusal);
        var actor = JwtIdentity.ActorOf(issuer.Issuer, subject);
        identity = new JwtIdentity(issuer.Issuer, subject, actor, ClaimGrants.Of(claims, issuer.Grants, actor), end);
        refusal = default;
        return true;
    }

    static bool IsForUs(JsonElement claims, IReadOnlyList<string> audiences)
    {
        if (!claims.TryGetProperty("aud", out var aud)) return false;
        return aud.ValueKind switch
        {
            JsonValueKind.String => audiences.Contains(aud.GetString()!, StringComparer.Ordinal),
            JsonValueKind.Array => aud.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String && audiences.Contains(one.GetString()!, StringComparer.Ordinal)),
            _ => false,
        };
    }

    // RFC 7519, 2: seconds since 1970, with or without a fraction; null when the claim is absent
    static bool TryTime(JsonElement claims, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!claims.TryGetProperty(name, out var value)) return true;
        if (value.ValueKind != JsonValueKind.Number || !double.TryParse(value.GetRawText(), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) || seconds is not (>= 0 and <= SecondsMax)) return false;
        time = DateTimeOffset.UnixEpoch.AddSeconds(seconds);
        return true;
    }

    // of the types that are tokens by RFC 7519, RFC 9068 and their issuers; a type is compared without case
    static bool IsTokenType(string? type) => type is not null && (type.Equals("JWT", StringComparison.OrdinalIgnoreCase) || type.Equals("at+jwt", StringComparison.OrdinalIgnoreCase) || type.Equals("application/at+jwt", StringComparison.OrdinalIgnoreCase));

    static string? Text(JsonElement at, string member) => at.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static bool Refuse(JwtRefusal why, out JwtRefusal refusal)
    {
        refusal = why;
        return false;
    }

    // the year 9000
    const double SecondsMax = 221_845_392_000;
}

/// <summary>Which key a token asks for.</summary>
/// <param name="Source">Its issuer's keys.</param>
/// <param name="Algorithm">One that the issuer may use.</param>
/// <param name="KeyId">Its <c>kid</c>, if it has one.</param>
internal readonly record struct JwtPlace(KeySource Source, string Algorithm, string? KeyId);
