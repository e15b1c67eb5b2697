using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Stele.Server.Identity;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Identity;

/// <summary>An issuer that rotates its keys, is away, hangs, or answers nonsense; and who makes up key ids.</summary>
public sealed class KeySourceTests : IAsyncLifetime
{
    readonly JwtBench bench = new();

    public ValueTask InitializeAsync() => bench.InitializeAsync();

    public ValueTask DisposeAsync() => bench.DisposeAsync();

    [Fact]
    public async Task A_rotated_key_is_fetched_when_the_first_token_names_it_and_the_old_one_goes()
    {
        var old = bench.Token();
        await bench.Accept(old);
        Assert.Equal(1, bench.Issuer.Fetches);
        bench.Issuer.Keys[0] = TestKey.Rsa("rsa-2");
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        var young = bench.Token();
        await bench.Accept(young);
        Assert.Equal(2, bench.Issuer.Fetches);
        // its key is withdrawn, so it holds no longer, though it was believed and is not expired
        Assert.False(bench.Identities.TryFind(old, out _));
        await bench.Refuse(old, JwtRefusal.Key);
        Assert.True(bench.Identities.TryFind(young, out _));
    }

    [Fact]
    public async Task The_same_keys_fetched_anew_leave_verified_tokens_alone()
    {
        var token = bench.Token();
        await bench.Accept(token);
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await bench.Identities.Sources.Single().Refresh();
        Assert.Equal(2, bench.Issuer.Fetches);
        Assert.True(bench.Identities.TryFind(token, out _));
    }

    [Fact]
    public async Task Made_up_key_ids_cost_one_fetch_in_the_issuers_floor_whatever_their_number()
    {
        await bench.Accept(bench.Token());
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        var forger = TestKey.Rsa(null);
        async Task Flood() => await Parallel.ForAsync(0, 200, async (i, _) =>
            Assert.NotNull((await bench.Verify(forger.Sign(claims, new JsonObject { ["alg"] = "RS256", ["kid"] = $"made-up-{i}" }))).Fault));
        await Flood();
        Assert.Equal(1, bench.Issuer.Fetches);
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await Flood();
        Assert.Equal(2, bench.Issuer.Fetches);
    }

    [Fact]
    public async Task Keys_hold_while_the_issuer_is_away_and_no_longer_than_they_may()
    {
        await bench.Accept(bench.Token());
        bench.Issuer.Away = true;
        bench.Clock.Turn(TimeSpan.FromHours(23));
        await bench.Identities.Sources.Single().Refresh();
        await bench.Accept(bench.Token());
        Assert.Equal(1, bench.Metric("""stele_jwks_fetches_total{outcome="failed"}"""));
        Assert.Equal(TimeSpan.FromHours(23).TotalSeconds, bench.Metric("stele_jwks_age_seconds"));
        bench.Clock.Turn(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        await bench.Refuse(bench.Token(), JwtRefusal.KeysAway, "Tokens of this kind cannot be verified now.");
        bench.Issuer.Away = false;
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await bench.Accept(bench.Token());
        // said once when it went, and once when it came back
        Assert.Single(bench.Logged, line => line.Contains("could not be fetched", StringComparison.Ordinal));
        Assert.Equal(2, bench.Logged.Count(line => line.Contains("has 2 keys", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_issuer_that_was_never_there_is_unavailable_and_not_unauthenticated()
    {
        bench.Issuer.Away = true;
        var fault = (await bench.Verify(bench.Token())).Fault!;
        Assert.Equal(5, fault.RetryAfterSeconds);
        await bench.Refuse(bench.Token(), JwtRefusal.KeysAway, "Tokens of this kind cannot be verified now.");
    }

    [Fact]
    public async Task Who_waits_for_an_issuer_that_hangs_is_answered_and_all_share_one_question()
    {
        var gate = new TaskCompletionSource();
        bench.Issuer.Gate = gate.Task;
        var patient = bench.Verify(bench.Token());
        await bench.Issuer.Reached.Task;
        bench.Clock.DeadlinesPass = true;
        foreach (var one in Enumerable.Range(0, 50).Select(_ => bench.Verify(bench.Token())).ToList()) Assert.Equal(JwtRefusal.KeysAway.Fault(), (await one).Fault);
        Assert.False(patient.IsCompleted);
        gate.SetResult();
        Assert.Null((await patient).Fault);
        Assert.Equal(1, bench.Issuer.Fetches);
    }

    [Fact]
    public async Task An_issuer_that_hangs_counts_as_away()
    {
        var gate = new TaskCompletionSource();
        bench.Issuer.Gate = gate.Task;
        bench.Clock.DeadlinesPass = true;
        await bench.Identities.Sources.Single().Refresh();
        Assert.Equal(1, bench.Metric("""stele_jwks_fetches_total{outcome="failed"}"""));
        Assert.Null(bench.Identities.Sources.Single().Current);
        gate.SetResult();
    }

    [Fact]
    public async Task Keys_are_fetched_when_they_are_due_and_not_before()
    {
        var refresh = new KeyRefresh(bench.Identities, bench.Clock);
        await refresh.RunOnce();
        await refresh.RunOnce();
        Assert.Equal(1, bench.Issuer.Fetches);
        bench.Clock.Turn(TimeSpan.FromMinutes(10));
        await refresh.RunOnce();
        Assert.Equal(2, bench.Issuer.Fetches);
        // away: tried as often as the floor lets
        bench.Issuer.Away = true;
        bench.Clock.Turn(TimeSpan.FromMinutes(10));
        for (var i = 0; i < 5; i++) await refresh.RunOnce();
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await refresh.RunOnce();
        Assert.Equal(2, bench.Metric("""stele_jwks_fetches_total{outcome="failed"}"""));
    }

    [Theory]
    [InlineData("""{"issuer":"https://evil.example","jwks_uri":"URL/keys"}""")]
    [InlineData("""{"jwks_uri":"URL/keys"}""")]
    [InlineData("""{"issuer":"URL"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"http://192.0.2.1/keys"}""")]
    [InlineData("""{"issuer":"URL","jwks_uri":"file:///etc/passwd"}""")]
    [InlineData("""{"issuer":"URL","issuer":"URL","jwks_uri":"URL/keys"}""")]
    [InlineData("[]")]
    [InlineData("<html>")]
    public async Task A_discovery_document_that_is_none_gives_no_keys(string document)
    {
        bench.Issuer.Discovery = document.Replace("URL", bench.Issuer.Url, StringComparison.Ordinal);
        await bench.Refuse(bench.Token(), JwtRefusal.KeysAway, "Tokens of this kind cannot be verified now.");
        Assert.Equal(0, bench.Issuer.Fetches);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"keys":{}}""")]
    [InlineData("""{"keys":[]}""")]
    [InlineData("""{"keys":[{"kty":"oct","kid":"rsa-1","k":"AAAA"},7,null,{"kty":"RSA"},{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}""")]
    [InlineData("nonsense")]
    public async Task A_jwks_without_a_key_that_may_sign_leaves_the_keys_that_were_there(string jwks)
    {
        await bench.Accept(bench.Token());
        bench.Issuer.Jwks = jwks;
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await bench.Identities.Sources.Single().Refresh();
        Assert.Equal(1, bench.Metric("""stele_jwks_fetches_total{outcome="failed"}"""));
        await bench.Accept(bench.Token());
    }

    [Fact]
    public async Task A_jwks_past_its_limit_is_not_read()
    {
        bench.Issuer.Jwks = new string(' ', 600 << 10);
        await bench.Refuse(bench.Token(), JwtRefusal.KeysAway, "Tokens of this kind cannot be verified now.");
    }

    [Fact]
    public async Task Keys_for_other_uses_weak_ones_and_those_of_another_algorithm_verify_nothing()
    {
        TestKey[] wrong = [TestKey.Rsa("encryption"), TestKey.Rsa("weak", bits: 1024), TestKey.Rsa("operations"), TestKey.Rsa("algorithm")];
        wrong[0].Besides["use"] = "enc";
        wrong[2].Besides["key_ops"] = new JsonArray("encrypt");
        wrong[3].Besides["alg"] = "RS512";
        bench.Issuer.Keys.AddRange(wrong);
        await bench.Accept(bench.Token());
        foreach (var key in wrong) await bench.Refuse(key.Sign(bench.Issuer.Claims(bench.Now).ToJsonString()), key == wrong[3] ? JwtRefusal.Algorithm : JwtRefusal.Key);
    }

    [Fact]
    public async Task A_token_without_a_key_id_is_believed_only_where_one_key_fits()
    {
        var claims = bench.Issuer.Claims(bench.Now).ToJsonString();
        var header = new JsonObject { ["alg"] = "RS256" };
        await bench.Accept(bench.Issuer.Keys[0].Sign(claims, header));
        bench.Issuer.Keys.Add(TestKey.Rsa("rsa-2"));
        bench.Clock.Turn(TimeSpan.FromSeconds(30));
        await bench.Identities.Sources.Single().Refresh();
        await bench.Refuse(bench.Issuer.Keys[0].Sign(claims, header), JwtRefusal.Key);
    }

    [Fact]
    public async Task An_issuer_over_tls_is_believed_by_its_authority_alone()
    {
        using var authority = TestCertificates.Authority("an authority");
        await using var issuer = await TestIssuer.Start(TestCertificates.Issue(authority, "issuer", IPAddress.Loopback));
        var directory = Directory.CreateTempSubdirectory("stele-oidc-");
        var (right, wrong, token) = (Path.Combine(directory.FullName, "right.pem"), Path.Combine(directory.FullName, "wrong.pem"), Path.Combine(directory.FullName, "token"));
        File.WriteAllText(right, authority.ExportCertificatePem());
        using var other = TestCertificates.Authority("an authority");
        File.WriteAllText(wrong, other.ExportCertificatePem());
        File.WriteAllText(token, "the-nodes-own-token\n");
        // as Kubernetes serves it: keys at the API server, by its own authority, to whoever has a token
        var kubernetes = issuer.Configured() with { CaFile = right, BearerTokenFile = token, Jwks = new Uri(issuer.Url + "/keys") };
        using var trusting = bench.Of(kubernetes);
        Assert.NotNull((await trusting.Verify(issuer.Token(bench.Now), CancellationToken.None)).Identity);
        Assert.Equal(["/keys Bearer the-nodes-own-token"], issuer.Authorizations);
        foreach (var distrusting in (string?[])[wrong, null])
        {
            using var node = bench.Of(kubernetes with { CaFile = distrusting });
            Assert.Equal((null, JwtRefusal.KeysAway), await node.Verify(issuer.Token(bench.Now), CancellationToken.None));
        }
        Assert.Single(issuer.Authorizations);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task The_nodes_own_token_goes_to_nobody_whom_only_a_document_names()
    {
        await using var elsewhere = await TestIssuer.Start();
        var token = Path.GetTempFileName();
        File.WriteAllText(token, "the-nodes-own-token");
        bench.Issuer.Discovery = new JsonObject { ["issuer"] = bench.Issuer.Url, ["jwks_uri"] = elsewhere.Url + "/keys" }.ToJsonString();
        using var node = bench.Of(bench.Issuer.Configured() with { BearerTokenFile = token });
        await node.Verify(bench.Token(), CancellationToken.None);
        Assert.Equal(1, elsewhere.Fetches);
        Assert.Empty(elsewhere.Authorizations);
        Assert.Equal(["/.well-known/openid-configuration Bearer the-nodes-own-token"], bench.Issuer.Authorizations);
        Assert.DoesNotContain(bench.Logged, line => line.Contains("the-nodes-own-token", StringComparison.Ordinal));
        File.Delete(token);
    }
}
