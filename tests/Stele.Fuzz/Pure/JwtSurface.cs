using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Server.Identity;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>JWTs and the keys of issuers: none is believed but what our issuer signed, as it signed it.</summary>
internal sealed class JwtSurface
{
    const string Issuer = "https://issuer.example", KeysMark = "jwks\n";

    static readonly DateTimeOffset now = DateTimeOffset.FromUnixTimeSeconds(1_796_000_000);

    // the surface's own key: what it signs is believed, and nothing else
    readonly ECDsa elliptic = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    readonly KeySet keys;
    readonly Dictionary<string, KeySource> sources;
    readonly HashSet<string> signed = new(StringComparer.Ordinal);
    readonly string[] tokens;

    JwtSurface()
    {
        var point = elliptic.ExportParameters(false).Q;
        Jwks = $$"""{"keys":[{"kty":"EC","kid":"ec-1","use":"sig","alg":"ES256","crv":"P-256","x":"{{Part(point.X!)}}","y":"{{Part(point.Y!)}}"}]}""";
        keys = KeySet.Parse(Encoding.UTF8.GetBytes(Jwks)) ?? throw new InvalidOperationException("our own keys are not read");
        var issuer = new TokenIssuer
        {
            Issuer = Issuer, Audiences = ["stele"], Algorithms = ["RS256", "ES256"], Discovery = new Uri(Issuer), ClockSkew = TimeSpan.FromSeconds(30), Refresh = TimeSpan.FromMinutes(10), RefreshFloor = TimeSpan.FromSeconds(30), KeysStale = TimeSpan.FromHours(24),
            Grants = [new ClaimGrant("groups", "admins", false, "default", null, ["admin"]), new ClaimGrant("/realm/roles", "a", true, null, "org", ["viewer"])],
        };
        sources = new(StringComparer.Ordinal) { [Issuer] = new KeySource(issuer, TimeProvider.System, new IdentityMetrics(new Metrics()), NullLogger<KeySource>.Instance) };
        tokens = [.. Enumerable.Range(0, 16).Select(i => Sign("""{"alg":"ES256","kid":"ec-1","typ":"JWT"}""",
            $$"""{"iss":"{{Issuer}}","aud":"stele","sub":"alice-{{i}}","iat":{{now.ToUnixTimeSeconds()}},"exp":{{now.ToUnixTimeSeconds() + 300}},"groups":["staff","admins"],"org":"default","realm":{"roles":["a","b"]} }"""))];
        signed.UnionWith(tokens);
    }

    string Jwks { get; }

    public static ISurface Surface()
    {
        var surface = new JwtSurface();
        return new PureSurface("jwt", "tokens, some signed and then changed, and key sets: none is believed but what the issuer signed; nothing throws", surface.Make, surface.Accepts);
    }

    byte[] Make(Dice dice)
    {
        var json = new JsonMaker(dice);
        if (dice.Next(8) == 0) return [.. Encoding.ASCII.GetBytes(KeysMark), .. dice.Chance(0.5) ? Mutation.Of(dice, Encoding.UTF8.GetBytes(Jwks)) : json.Bytes(KeySetText(json))];
        return Encoding.Latin1.GetBytes(dice.Next(6) switch
        {
            0 => dice.Pick(tokens),
            1 => Encoding.Latin1.GetString(Mutation.Of(dice, Encoding.Latin1.GetBytes(dice.Pick(tokens)))),
            2 => Swapped(dice),
            // signed with the right key, whatever it says: what is claimed is to be refused, not believed
            3 => Sign(Header(json), Claims(json), isOurs: false),
            4 => $"{Part(json.Bytes(Header(json)))}.{Part(json.Bytes(Claims(json)))}.{Part(json.Bytes(json.Text()))}",
            _ => string.Join('.', Enumerable.Range(0, dice.Next(7)).Select(_ => Nasty.Text(dice))),
        });
    }

    bool Accepts(byte[] input)
    {
        if (input.AsSpan().StartsWith("jwks\n"u8)) return KeySet.Parse(input[KeysMark.Length..]) is not null;
        var token = Encoding.Latin1.GetString(input);
        JwtText.HasForm(token);
        if (!JwtText.TryParse(token, out var parsed, out var refusal))
        {
            FuzzFinding.Unless(Enum.IsDefined(refusal), () => "refused for no reason");
            return false;
        }
        using (parsed)
        {
            if (!JwtVerifier.TryPlace(parsed, sources, out var place, out _) || !JwtVerifier.TryVerify(parsed, place, keys, now, out var identity, out _)) return false;
            FuzzFinding.Unless(signed.Contains(token) || IsSound(parsed), () => "a token is believed that the issuer did not sign so");
            FuzzFinding.Unless(identity.Issuer == Issuer && identity.Subject.Length is > 0 and <= 255 && identity.ExpiresAt > now - TimeSpan.FromSeconds(31), () => $"believed as {identity.Subject} until {identity.ExpiresAt}");
            return true;
        }
    }

    // one that was made by another's hand with our key, and says all that it must
    bool IsSound(JwtText token) => elliptic.VerifyData(token.Signed, token.Signature, HashAlgorithmName.SHA256) && token.Header.GetProperty("alg").GetString() == "ES256";

    string Swapped(Dice dice)
    {
        var (one, other) = (dice.Pick(tokens).Split('.'), dice.Pick(tokens).Split('.'));
        return dice.Next(4) switch
        {
            0 => $"{one[0]}.{other[1]}.{one[2]}",
            1 => $"{Part("""{"alg":"none"}"""u8.ToArray())}.{one[1]}.",
            2 => $"{Part("""{"alg":"HS256","kid":"ec-1"}"""u8.ToArray())}.{one[1]}.{one[2]}",
            _ => $"{one[0]}.{one[1]}.{one[2]}{dice.Pick<string>(["=", "A", ".", " ", "\n", ".a.b"])}",
        };
    }

    string Sign(string header, string claims, bool isOurs = true)
    {
        var text = $"{Part(Encoding.UTF8.GetBytes(header))}.{Part(Encoding.UTF8.GetBytes(claims))}";
        return $"{text}.{Part(isOurs || header.Length % 2 == 0 ? elliptic.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256) : new byte[64])}";
    }

    static string Header(JsonMaker json) => json.Object(
        ("alg", () => json.Quote(json.Dice.Pick<string>(["ES256", "ES256", "ES256", "RS256", "none", "None", "HS256", "PS256", "ES512", ""]))), ("kid", () => json.Quote(json.Dice.Chance(0.8) ? "ec-1" : Nasty.Text(json.Dice))),
        (json.Dice.Pick<string>(["typ", "cty", "crit", "enc", "jwk", "x5c"]), () => json.Dice.Chance(0.7) ? "\"JWT\"" : json.Any(2)));

    static string Claims(JsonMaker json) => json.Object(
        ("iss", () => $"\"{Issuer}\""), ("aud", () => json.Dice.Chance(0.6) ? "\"stele\"" : json.List(json.Dice.Next(4), () => json.Dice.Chance(0.5) ? "\"stele\"" : json.Any(1))), ("sub", () => json.Dice.Chance(0.6) ? "\"alice\"" : json.Text()),
        ("exp", () => json.Dice.Chance(0.6) ? "1796000300" : Nasty.Number(json.Dice)), (json.Dice.Pick<string>(["nbf", "iat"]), () => json.Dice.Chance(0.5) ? "1796000000.5" : Nasty.Number(json.Dice)),
        ("groups", () => json.Dice.Chance(0.5) ? "[\"admins\"]" : json.Any(3)), ("realm", () => json.Dice.Chance(0.5) ? "{\"roles\":[\"a\"]}" : json.Any(4)), ("org", () => json.Text()));

    static string KeySetText(JsonMaker json) => json.Object(("keys", () => json.List(json.Dice.Pick<int>([0, 1, 3, 300]), () => json.Object(
        ("kty", () => json.Quote(json.Dice.Pick<string>(["EC", "RSA", "oct", "OKP"]))), ("kid", json.Text), ("alg", () => "\"ES256\""), ("use", () => "\"sig\""), ("crv", () => json.Quote(json.Dice.Pick<string>(["P-256", "P-384", "P-521", "secp256k1"]))),
        ("x", () => Coordinate(json)), ("y", () => Coordinate(json)), ("n", () => Coordinate(json)), ("e", () => json.Dice.Pick<string>(["\"AQAB\"", "\"AA\"", "\"AQ\"", "\"\"", "3"])), ("k", () => Coordinate(json)), ("key_ops", () => "[\"verify\"]")))));

    static string Coordinate(JsonMaker json)
    {
        var bytes = new byte[json.Dice.Pick<int>([0, 1, 31, 32, 33, 48, 66, 256, 2_048, 5_000])];
        for (var i = 0; i < bytes.Length; i++) bytes[i] = (byte)json.Dice.Next(256);
        return $"\"{Part(bytes)}\"";
    }

    static string Part(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
