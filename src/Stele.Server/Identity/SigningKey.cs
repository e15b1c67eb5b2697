using System.Security.Cryptography;
using System.Text.Json;

namespace Stele.Server.Identity;

/// <summary>
/// One public key of an issuer (RFC 7517, RFC 7518), and the algorithms it may be used with: an RSA key never verifies what
/// claims to be ES256, an elliptic key only the algorithm of its own curve, and nothing ever verifies by a shared secret,
/// so that no header can turn a public key into an HMAC's.
/// </summary>
internal sealed class SigningKey
{
    const int RsaBitsMin = 2_048, RsaBitsMax = 8_192;

    readonly RSA? rsa;
    readonly ECDsa? elliptic;
    readonly string? onlyFor;
    readonly Lock gate = new();

    SigningKey(string? id, string? onlyFor, RSA? rsa, ECDsa? elliptic) => (Id, this.onlyFor, this.rsa, this.elliptic) = (id, onlyFor, rsa, elliptic);

    /// <summary>Its <c>kid</c>; null when it has none.</summary>
    public string? Id { get; }

    /// <summary>Whether a signature of that algorithm may be this key's.</summary>
    public bool Fits(string algorithm) => (onlyFor is null || onlyFor == algorithm) && (algorithm[0] == 'E' ? elliptic?.KeySize == CurveBits(algorithm) : rsa is not null);

    /// <summary>Whether the signature is this key's. <see cref="Fits"/> was asked.</summary>
    public bool Verifies(string algorithm, byte[] signed, byte[] signature)
    {
        var hash = algorithm[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, _ => HashAlgorithmName.SHA512 };
        // a key object is not promised to serve two threads; each token takes this once, and is then found by its hash
        lock (gate)
        {
            try
            {
                // RFC 7518, 3.4: the two halves side by side, not DER
                if (algorithm[0] == 'E') return elliptic!.VerifyData(signed, signature, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
                return rsa!.VerifyData(signed, signature, hash, algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
            }
            catch (CryptographicException)
            {
                // a signature of another length, where a platform throws
                return false;
            }
        }
    }

    /// <summary>A key of a JWKS, or null when it is none that may sign: encryption keys, secrets, weak keys, unknown kinds.</summary>
    public static SigningKey? Of(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object) return null;
        if (Text(jwk, "use") is { } use && use != "sig") return null;
        if (jwk.TryGetProperty("key_ops", out var operations) && !(operations.ValueKind == JsonValueKind.Array && operations.EnumerateArray().Any(operation => operation.ValueKind == JsonValueKind.String && operation.ValueEquals("verify")))) return null;
        try
        {
            return Text(jwk, "kty") switch
            {
                "RSA" => Rsa(jwk),
                "EC" => Elliptic(jwk),
                _ => null,
            };
        }
        catch (CryptographicException)
        {
            // a point that is not on its curve, a modulus that is none
            return null;
        }
    }

    static SigningKey? Rsa(JsonElement jwk)
    {
        if (Number(jwk, "n") is not { } modulus || Number(jwk, "e") is not { } exponent) return null;
        var rsa = RSA.Create(new RSAParameters { Modulus = modulus, Exponent = exponent });
        if (rsa.KeySize is >= RsaBitsMin and <= RsaBitsMax) return new SigningKey(Text(jwk, "kid"), Text(jwk, "alg"), rsa, null);
        rsa.Dispose();
        return null;
    }

    static SigningKey? Elliptic(JsonElement jwk)
    {
        ECCurve? curve = Text(jwk, "crv") switch { "P-256" => ECCurve.NamedCurves.nistP256, "P-384" => ECCurve.NamedCurves.nistP384, "P-521" => ECCurve.NamedCurves.nistP521, _ => null };
        if (curve is not { } named || Number(jwk, "x") is not { } x || Number(jwk, "y") is not { } y) return null;
        return new SigningKey(Text(jwk, "kid"), Text(jwk, "alg"), null, ECDsa.Create(new ECParameters { Curve = named, Q = new ECPoint { X = x, Y = y } }));
    }

    static int CurveBits(string algorithm) => algorithm switch { "ES256" => 256, "ES384" => 384, _ => 521 };

    static string? Text(JsonElement jwk, string member) => jwk.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static byte[]? Number(JsonElement jwk, string member) => Text(jwk, member) is { } text ? JwtText.Bytes(text) : null;
}
