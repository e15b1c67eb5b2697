using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stele.Server.Options;

namespace Stele.Server.Tests.Identity;

/// <summary>An issuer with real keys: serves its discovery document and its JWKS, and signs whatever it is told to.</summary>
sealed class TestIssuer : IAsyncDisposable
{
    public const string Audience = "stele";

    readonly WebApplication app;
    readonly ConcurrentQueue<string> asked = new();
    readonly ConcurrentQueue<string> authorizations = new();

    TestIssuer(WebApplication app) => this.app = app;

    /// <summary>What its tokens have as iss.</summary>
    public string Url { get; private set; } = "";

    /// <summary>The keys that its JWKS shows.</summary>
    public List<TestKey> Keys { get; } = [TestKey.Shared, TestKey.Elliptic("ec-1")];

    /// <summary>What its JWKS is instead, if anything.</summary>
    public string? Jwks { get; set; }

    /// <summary>What its discovery document is instead, if anything.</summary>
    public string? Discovery { get; set; }

    /// <summary>Whether it answers 503.</summary>
    public bool Away { get; set; }

    /// <summary>What answers wait for.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Done when it was asked for anything.</summary>
    public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How often the JWKS was asked for.</summary>
    public int Fetches => asked.Count(path => path == "/keys");

    /// <summary>The Authorization headers it was sent, with the path.</summary>
    public IReadOnlyCollection<string> Authorizations => authorizations;

    /// <param name="certificate">Null: plain HTTP.</param>
    public static async Task<TestIssuer> Start(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        var issuer = new TestIssuer(builder.Build());
        issuer.app.Run(issuer.Answer);
        await issuer.app.StartAsync();
        issuer.Url = issuer.app.Urls.First();
        return issuer;
    }

    /// <summary>The same as an issuer that a node is configured with.</summary>
    public TokenIssuer Configured() => new()
    {
        Issuer = Url, Audiences = [Audience], Algorithms = ["RS256", "ES256"], Discovery = new Uri(Url + "/.well-known/openid-configuration"),
        ClockSkew = TimeSpan.FromSeconds(30), Refresh = TimeSpan.FromMinutes(10), RefreshFloor = TimeSpan.FromSeconds(30), KeysStale = TimeSpan.FromHours(24),
        Grants = [new ClaimGrant("groups", "admins", false, "default", null, ["admin"])],
    };

    /// <summary>Claims that are right, for five minutes from a moment.</summary>
    public JsonObject Claims(DateTimeOffset now) => new()
    {
        ["iss"] = Url, ["aud"] = Audience, ["sub"] = "alice", ["iat"] = now.ToUnixTimeSeconds(), ["nbf"] = now.ToUnixTimeSeconds(), ["exp"] = now.ToUnixTimeSeconds() + 300,
        ["groups"] = new JsonArray("staff", "admins"),
    };

    /// <summary>A token by the first key.</summary>
    public string Token(DateTimeOffset now, Action<JsonObject>? change = null)
    {
        var claims = Claims(now);
        change?.Invoke(claims);
        return Keys[0].Sign(claims.ToJsonString());
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    async Task Answer(HttpContext context)
    {
        Reached.TrySetResult();
        await Gate;
        asked.Enqueue(context.Request.Path.Value!);
        if (context.Request.Headers.Authorization is [{ } authorization]) authorizations.Enqueue($"{context.Request.Path} {authorization}");
        if (Away) context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        else if (context.Request.Path == "/keys") await context.Response.WriteAsync(Jwks ?? new JsonObject { ["keys"] = new JsonArray([.. Keys.Select(key => key.Jwk())]) }.ToJsonString());
        else if (context.Request.Path == "/.well-known/openid-configuration")
            await context.Response.WriteAsync(Discovery ?? new JsonObject { ["issuer"] = Url, ["jwks_uri"] = Url + "/keys" }.ToJsonString());
        else context.Response.StatusCode = StatusCodes.Status404NotFound;
    }
}

/// <summary>A key pair.</summary>
sealed class TestKey(string? id, string algorithm, RSA? rsa, ECDsa? elliptic)
{
    static readonly RSA SharedRsa = RSA.Create(2048);

    /// <summary>The first key of every issuer: making one takes a second of a busy machine.</summary>
    public static TestKey Shared => new("rsa-1", "RS256", SharedRsa, null);

    public static TestKey Rsa(string? id, string algorithm = "RS256", int bits = 2048) => new(id, algorithm, RSA.Create(bits), null);

    public static TestKey Elliptic(string? id, string algorithm = "ES256") => new(id, algorithm, null,
        ECDsa.Create(algorithm switch { "ES256" => ECCurve.NamedCurves.nistP256, "ES384" => ECCurve.NamedCurves.nistP384, _ => ECCurve.NamedCurves.nistP521 }));

    /// <summary>Members that its JWK has besides.</summary>
    public Dictionary<string, JsonNode> Besides { get; } = [];

    /// <summary>The public half as SubjectPublicKeyInfo, in PEM: what an HMAC confusion takes as its secret.</summary>
    public string PublicPem => rsa?.ExportSubjectPublicKeyInfoPem() ?? elliptic!.ExportSubjectPublicKeyInfoPem();

    /// <summary>The public half as a JWK.</summary>
    public JsonObject Jwk()
    {
        var jwk = new JsonObject();
        if (id is not null) jwk["kid"] = id;
        if (rsa is not null)
        {
            var parameters = rsa.ExportParameters(false);
            (jwk["kty"], jwk["n"], jwk["e"]) = ("RSA", Base64Url.EncodeToString(parameters.Modulus), Base64Url.EncodeToString(parameters.Exponent));
        }
        else
        {
            var point = elliptic!.ExportParameters(false).Q;
            (jwk["kty"], jwk["crv"], jwk["x"], jwk["y"]) = ("EC", $"P-{elliptic.KeySize}", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        }
        foreach (var (name, value) in Besides) jwk[name] = value.DeepClone();
        return jwk;
    }

    /// <summary>A token of claims, its header as given or right.</summary>
    public string Sign(string claims, JsonObject? header = null, string? by = null)
    {
        var head = header ?? new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT" };
        if (header is null && id is not null) head["kid"] = id;
        return SignText(head.ToJsonString(), claims, by);
    }

    /// <summary>A token whose header is any text.</summary>
    public string SignText(string header, string claims, string? by = null)
    {
        var text = $"{Part(header)}.{Part(claims)}";
        return $"{text}.{Base64Url.EncodeToString(Signature(Encoding.ASCII.GetBytes(text), by ?? algorithm))}";
    }

    public static string Part(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    byte[] Signature(byte[] text, string by)
    {
        var hash = by[2..] switch { "256" => HashAlgorithmName.SHA256, "384" => HashAlgorithmName.SHA384, _ => HashAlgorithmName.SHA512 };
        return rsa is null ? elliptic!.SignData(text, hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)
            : rsa.SignData(text, hash, by[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
    }
}

/// <summary>A clock that a test turns.</summary>
sealed class TurnedClock : TimeProvider
{
    static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    long turned;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(Volatile.Read(ref turned));

    public override long GetTimestamp() => Volatile.Read(ref turned);

    /// <summary>Whether who waits with a deadline finds it passed; else it never passes.</summary>
    public bool DeadlinesPass { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, DeadlinesPass ? TimeSpan.Zero : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public void Turn(TimeSpan by) => Interlocked.Add(ref turned, by.Ticks);
}
