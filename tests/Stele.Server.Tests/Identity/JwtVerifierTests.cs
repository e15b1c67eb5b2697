using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Stele.Core.Access;
using Stele.Server.Identity;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>Each way in which a JWT may lie, one at a time, against a token that is right otherwise.</summary>
public sealed class JwtVerifierTests(JwtBench bench) : IClassFixture<JwtBench>
{
    const string NotKnown = "This token is not known.";

    [Fact]
    public async Task A_token_of_each_algorithm_is_believed_by_a_key_that_fits()
    {
        string[] algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
        using var all = bench.Of(bench.Issuer.Configured() with { Algorithms = algorithms });
        var made = algorithms.Select(algorithm => algorithm[0] == 'E' ? TestKey.Elliptic("of-" + algorithm, algorithm) : TestKey.Rsa("of-" + algorithm, algorithm)).ToList();
        bench.Issuer.Keys.AddRange(made);
        try
        {
            foreach (var key in made)
            {
                var identity = (await all.Verify(key.Sign(bench.Issuer.Claims(bench.Now).ToJsonString()), CancellationToken.None)).Identity!;
                Assert.Equal(("alice", bench.Issuer.Url), (identity.Subject, identity.Issuer));
            }
        }
        finally
        {
            bench.Issuer.Keys.RemoveAll(made.Contains);
        }
    }

    [Fact]
    public async Task A_verified_token_is_found_without_asking_anybody()
    {
        var token = bench.Token(claims => claims["jti"] = "first");
        Assert.False(bench.Identities.TryFind(token, out _));
        var identity = await bench.Accept(token);
        Assert.True(bench.Identities.TryFind(token, out var found));
        Assert.Same(identity, found);
        Assert.Equal(["admin"], identity.In("default")!.Roles);
        Assert.Null(identity.In("another"));
    }

    [Fact]
    public async Task A_grant_may_name_a_service_account_which_wins_over_roles()
    {
        var account = Guid.CreateVersion7();
        using var node = bench.Of(bench.Issuer.Configured() with
        {
            Grants = [new ClaimGrant("groups", "admins", false, "default", null, ["admin"]), new ClaimGrant("sub", "ali", true, "default", null, [], account), new ClaimGrant("scope", "b", false, "acme", null, ["viewer"])],
        });
        var identity = (await node.Verify(bench.Token(claims => claims["scope"] = "a b c"), CancellationToken.None)).Identity!;
        Assert.Equal(Principal.ServiceAccount(account), identity.In("default"));
        Assert.Equal(Principal.External(identity.ActorId, ["viewer"]), identity.In("acme"));
    }

    [Fact]
    public async Task The_actor_is_opaque_and_the_same_for_every_token_of_a_subject()
    {
        var one = await bench.Accept(bench.Token(claims => claims["sub"] = "alice@example.com"));
        var other = await bench.Accept(bench.Token(claims => (claims["sub"], claims["jti"]) = ("alice@example.com", "2")));
        Assert.Equal(one.ActorId, other.ActorId);
        Assert.Matches("^oidc:[0-9a-f]{40}$", one.ActorId);
        Assert.NotEqual(one.ActorId, (await bench.Accept(bench.Token())).ActorId);
        Assert.NotEqual(JwtIdentity.ActorOf("https://a", "bc"), JwtIdentity.ActorOf("https://ab", "c"));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("nOnE")]
    public async Task None_is_no_algorithm(string none)
    {
        var text = $"{TestKey.Part($$"""{"alg":"{{none}}","kid":"rsa-1"}""")}.{TestKey.Part(bench.Issuer.Claims(bench.Now).ToJsonString())}";
        await bench.Refuse(text + ".", JwtRefusal.Malformed);
        await bench.Refuse(text + ".AAAA", JwtRefusal.Algorithm);
        await bench.Refuse(text, JwtRefusal.Malformed);
        Assert.False(JwtText.HasForm(text));
    }

    [Fact]
    public async Task A_public_key_is_no_secret_of_an_hmac()
    {
        // RFC 8725, 2.1: the public key, in each form in which a library might take it, as the secret of HS256
        var key = bench.Issuer.Keys[0];
        foreach (var kid in (string[])["rsa-1", "ec-1"])
            foreach (var secret in (string[])[key.PublicPem, key.PublicPem + "\n", key.Jwk().ToJsonString(), key.Jwk()["n"]!.GetValue<string>()])
            {
                var text = $"{TestKey.Part($$"""{"alg":"HS256","kid":"{{kid}}"}""")}.{TestKey.Part(bench.Issuer.Claims(bench.Now).ToJsonString())}";
                await bench.Refuse($"{text}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(text)))}", JwtRefusal.Algorithm);
            }
    }

    [Fact]
    public async Task An_algorithm_that_is_not_allowed_or_does_not_fit_the_key_is_refused()
    {
        var (rsa, elliptic) = (bench.Issuer.Keys[0], bench.Issuer.Keys[1]);
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["alg"] = "PS256", ["kid"] = "rsa-1" }, by: "PS256"), JwtRefusal.Algorithm);
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["alg"] = "RS512", ["kid"] = "rsa-1" }, by: "RS512"), JwtRefusal.Algorithm);
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["alg"] = "ES256", ["kid"] = "rsa-1" }), JwtRefusal.Algorithm);
        await bench.Refuse(elliptic.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "ec-1" }), JwtRefusal.Algorithm);
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["alg"] = "rs256", ["kid"] = "rsa-1" }), JwtRefusal.Algorithm);
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["kid"] = "rsa-1" }), JwtRefusal.Algorithm);
        await bench.Refuse(rsa.Sign(claims, new JsonObject { ["alg"] = 256, ["kid"] = "rsa-1" }), JwtRefusal.Algorithm);
    }

    [Fact]
    public async Task A_signature_by_another_key_is_refused()
    {
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        await bench.Refuse(TestKey.Rsa("rsa-1").Sign(claims), JwtRefusal.Signature);
        await bench.Refuse(TestKey.Elliptic("ec-1").Sign(claims), JwtRefusal.Signature);
        // its own key, sent along: RFC 7515, 4.1.3, is not how keys come to us
        var own = TestKey.Rsa("rsa-1");
        await bench.Refuse(own.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["jwk"] = own.Jwk(), ["jku"] = "https://127.0.0.1:1/keys" }), JwtRefusal.Signature);
        // DER instead of the two halves
        var token = bench.Issuer.Keys[1].Sign(claims);
        var der = ECDsa.Create(ECCurve.NamedCurves.nistP256).SignData("x"u8, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        await bench.Refuse(token[..(token.LastIndexOf('.') + 1)] + Base64Url.EncodeToString(der), JwtRefusal.Signature);
        await bench.Refuse(token[..(token.LastIndexOf('.') + 1)] + Base64Url.EncodeToString(new byte[64]), JwtRefusal.Signature);
    }

    [Fact]
    public async Task Every_flipped_bit_is_refused()
    {
        foreach (var key in bench.Issuer.Keys.ToList())
        {
            var token = key.Sign(bench.Issuer.Claims(bench.Now).ToJsonString());
            await bench.Accept(token);
            var flipped = token.ToCharArray();
            for (var at = 0; at < token.Length; at++)
            {
                flipped[at] = (char)(token[at] ^ 1);
                Assert.NotNull((await bench.Verify(new string(flipped))).Fault);
                flipped[at] = token[at];
            }
        }
    }

    [Fact]
    public async Task A_signature_has_one_spelling()
    {
        // 256 bytes leave four bits of the last character over: with another one of them set, the bytes are the same
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var token = bench.Token(claims => claims["jti"] = "spelt");
        await bench.Refuse(token[..^1] + alphabet[alphabet.IndexOf(token[^1], StringComparison.Ordinal) + 1], JwtRefusal.Malformed);
        await bench.Accept(token);
    }

    [Fact]
    public async Task Every_truncation_is_refused()
    {
        var token = bench.Token();
        for (var length = 0; length < token.Length; length++) Assert.NotNull((await bench.Verify(token[..length])).Fault);
        foreach (var longer in (string[])[token + "A", token + "=", token + ".", token + ".AAAA", " " + token, token + "\n"]) Assert.NotNull((await bench.Verify(longer)).Fault);
    }

    [Fact]
    public async Task Audience_issuer_and_subject()
    {
        await bench.Refuse(bench.Token(claims => claims["aud"] = "another"), JwtRefusal.Audience, "This token is for another audience.");
        await bench.Refuse(bench.Token(claims => claims["aud"] = "STELE"), JwtRefusal.Audience, "This token is for another audience.");
        await bench.Refuse(bench.Token(claims => claims["aud"] = new JsonArray("a", "b")), JwtRefusal.Audience, "This token is for another audience.");
        await bench.Refuse(bench.Token(claims => claims["aud"] = new JsonArray(new JsonArray("stele"))), JwtRefusal.Audience, "This token is for another audience.");
        await bench.Refuse(bench.Token(claims => claims.Remove("aud")), JwtRefusal.Audience, "This token is for another audience.");
        await bench.Accept(bench.Token(claims => claims["aud"] = new JsonArray("a", "stele")));
        await bench.Refuse(bench.Token(claims => claims["iss"] = bench.Issuer.Url + "/"), JwtRefusal.Issuer);
        await bench.Refuse(bench.Token(claims => claims.Remove("iss")), JwtRefusal.Issuer);
        await bench.Refuse(bench.Token(claims => claims["iss"] = new JsonArray(bench.Issuer.Url)), JwtRefusal.Issuer);
        const string subject = "This token has no subject that can be used.";
        await bench.Refuse(bench.Token(claims => claims.Remove("sub")), JwtRefusal.Subject, subject);
        await bench.Refuse(bench.Token(claims => claims["sub"] = ""), JwtRefusal.Subject, subject);
        await bench.Refuse(bench.Token(claims => claims["sub"] = 7), JwtRefusal.Subject, subject);
        await bench.Refuse(bench.Token(claims => claims["sub"] = new string('s', 256)), JwtRefusal.Subject, subject);
        await bench.Accept(bench.Token(claims => claims["sub"] = new string('s', 255)));
    }

    [Fact]
    public async Task Times_and_the_skew_between_two_clocks()
    {
        const string expired = "This token has expired.", early = "This token is not valid yet.";
        var now = bench.Now.ToUnixTimeSeconds();
        await bench.Accept(bench.Token(claims => claims["exp"] = now - 29));
        await bench.Refuse(bench.Token(claims => claims["exp"] = now - 30), JwtRefusal.Expired, expired);
        await bench.Refuse(bench.Token(claims => claims["exp"] = now - 86_400), JwtRefusal.Expired, expired);
        await bench.Refuse(bench.Token(claims => claims.Remove("exp")), JwtRefusal.Expired, expired);
        await bench.Accept(bench.Token(claims => claims["nbf"] = now + 30));
        await bench.Refuse(bench.Token(claims => claims["nbf"] = now + 31), JwtRefusal.NotYetValid, early);
        await bench.Refuse(bench.Token(claims => claims["iat"] = now + 31), JwtRefusal.NotYetValid, early);
        await bench.Accept(bench.Token(claims => { claims.Remove("nbf"); claims.Remove("iat"); }));
        await bench.Accept(bench.Token(claims => claims["exp"] = now + 1.5));
        foreach (var wrong in (JsonNode?[])["soon", null, true, -1, 1e300, new JsonArray(now)])
            await bench.Refuse(bench.Token(claims => claims["exp"] = wrong?.DeepClone()), JwtRefusal.Malformed);
        await bench.Refuse(bench.Token(claims => claims["nbf"] = "now"), JwtRefusal.Malformed);
    }

    [Fact]
    public async Task A_token_that_was_believed_ends_when_it_ends()
    {
        var token = bench.Token();
        await bench.Accept(token);
        bench.Clock.Turn(TimeSpan.FromSeconds(329));
        Assert.True(bench.Identities.TryFind(token, out _));
        bench.Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.False(bench.Identities.TryFind(token, out _));
        await bench.Refuse(token, JwtRefusal.Expired, "This token has expired.");
    }

    [Fact]
    public async Task Members_that_stand_twice_are_refused_wherever_they_do()
    {
        var key = bench.Issuer.Keys[0];
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        await bench.Refuse(key.Sign(claims[..^1] + ""","sub":"root"}"""), JwtRefusal.Malformed);
        await bench.Refuse(key.Sign(claims[..^1] + ""","s\u0075b":"root"}"""), JwtRefusal.Malformed);
        await bench.Refuse(key.Sign(claims[..^1] + ""","deep":{"a":[{"b":1,"b":2}]}}"""), JwtRefusal.Malformed);
        await bench.Refuse(key.SignText("""{"alg":"RS256","alg":"none","kid":"rsa-1"}""", claims), JwtRefusal.Malformed);
    }

    [Fact]
    public async Task What_is_no_json_object_is_refused()
    {
        var key = bench.Issuer.Keys[0];
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        foreach (var text in (string[])["", "{", "null", "[]", "\"x\"", "7", claims + "x", claims[..^1] + ",}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", new string('[', 1000)])
        {
            await bench.Refuse(key.Sign(text), JwtRefusal.Malformed);
            await bench.Refuse(key.SignText(text, claims), JwtRefusal.Malformed);
        }
        var invalid = $"{Base64Url.EncodeToString([(byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)':', (byte)'1', (byte)'}'])}.{TestKey.Part(claims)}.AAAA";
        await bench.Refuse(invalid, JwtRefusal.Malformed);
    }

    [Fact]
    public async Task Critical_extensions_encrypted_and_nested_tokens_are_refused()
    {
        var key = bench.Issuer.Keys[0];
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        await bench.Refuse(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["crit"] = new JsonArray("b64"), ["b64"] = false }), JwtRefusal.Critical);
        await bench.Refuse(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["crit"] = new JsonArray() }), JwtRefusal.Critical);
        await bench.Refuse("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.AAAA.AAAA.AAAA", JwtRefusal.Encrypted);
        await bench.Refuse(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["enc"] = "A256GCM" }), JwtRefusal.Encrypted);
        await bench.Refuse(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["cty"] = "JWT" }), JwtRefusal.Malformed);
        await bench.Refuse(key.Sign(bench.Token()), JwtRefusal.Malformed);
        await bench.Refuse(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["typ"] = "logout+jwt" }), JwtRefusal.Malformed);
        await bench.Accept(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1", ["typ"] = "at+JWT" }));
        await bench.Accept(key.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = "rsa-1" }));
    }

    [Fact]
    public async Task A_token_past_its_limit_is_not_looked_at()
    {
        await bench.Accept(bench.Token(claims => claims["pad"] = new string('p', 8_000)));
        var token = bench.Token(claims => claims["pad"] = new string('p', 16_384));
        Assert.InRange(token.Length, 16_385, int.MaxValue);
        await bench.Refuse(token, JwtRefusal.TooLarge);
    }

    [Fact]
    public async Task What_the_bearer_is_told_before_the_signature_is_proved_is_always_the_same()
    {
        var claims = bench.Issuer.Claims(bench.Now);
        (claims["aud"], claims["exp"], claims["sub"]) = ("another", 1, "");
        // wrong in every way, and not signed: nothing of it is answered
        await bench.Refuse(TestKey.Rsa("rsa-1").Sign(claims.ToJsonString()), JwtRefusal.Signature, NotKnown);
        await bench.Refuse(TestKey.Rsa("nobody's").Sign(claims.ToJsonString()), JwtRefusal.Key, NotKnown);
    }
}
