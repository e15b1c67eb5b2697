using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stele.Server.Options;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>
/// A stand-in for Vault, written to the published API of Transit, AppRole, Kubernetes and tokens, and stricter than Vault: a member or a verb that the
/// API does not have is refused and remembered in <see cref="Breaches"/>, where Vault would look away. Its AES-GCM is real.
/// </summary>
sealed partial class TestVault : IAsyncDisposable
{
    public const string Policy = "permission denied";

    readonly WebApplication app;
    readonly ConcurrentQueue<string> asked = new();

    TestVault(WebApplication app) => this.app = app;

    public Uri Address { get; private set; } = null!;

    /// <summary>By which leases end.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    public bool IsSealed { get; set; }

    /// <summary>How many requests to come are answered by 429.</summary>
    public int Busy { get; set; }

    /// <summary>The one namespace that there is.</summary>
    public string? Namespace { get; set; }

    public string RoleId { get; set; } = "role-of-stele";

    public string SecretId { get; set; } = "secret-id-that-nobody-sees";

    public string ServiceAccountToken { get; set; } = "header.payload.signature";

    public TimeSpan Lease { get; set; } = TimeSpan.FromHours(1);

    /// <summary>For how long a token may be renewed.</summary>
    public TimeSpan LeaseMax { get; set; } = TimeSpan.FromHours(24);

    public ConcurrentDictionary<string, TransitKey> Keys { get; } = new();

    public ConcurrentDictionary<string, Lent> Tokens { get; } = new();

    /// <summary>All tokens are revoked when the next request comes whose path has this in it.</summary>
    public string? Revoke { get; set; }

    /// <summary>What no client of Vault's API does.</summary>
    public ConcurrentQueue<string> Breaches { get; } = new();

    /// <summary>Method and path of every request.</summary>
    public IReadOnlyCollection<string> Asked => asked;

    public int Count(string request) => asked.Count(one => one == request);

    public sealed record Lent(DateTimeOffset Ends, DateTimeOffset Last, bool IsRenewable);

    public sealed class TransitKey
    {
        public SortedDictionary<int, byte[]> Versions { get; } = new() { [1] = RandomNumberGenerator.GetBytes(32) };

        public bool IsDerived { get; init; } = true;

        public int MinDecryption { get; set; } = 1;

        public int MinEncryption { get; set; }

        public int MinAvailable { get; set; }

        public int Latest => Versions.Keys.Max();
    }

    public static async Task<TestVault> Start(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        var vault = new TestVault(builder.Build());
        vault.Keys["stele"] = new TransitKey();
        vault.app.Run(vault.Answer);
        await vault.app.StartAsync();
        vault.Address = new Uri(vault.app.Urls.First());
        return vault;
    }

    /// <summary>A token that is good for a while.</summary>
    public string NewToken(TimeSpan? lease = null, bool isRenewable = true)
    {
        var token = $"hvs.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}";
        var now = Time.GetUtcNow();
        Tokens[token] = new Lent(now + (lease ?? Lease), now + LeaseMax, isRenewable);
        return token;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    async Task Answer(HttpContext context)
    {
        var request = context.Request;
        var path = request.Path.Value![1..];
        asked.Enqueue($"{request.Method} {path}");
        var (status, body) = await Decide(request, path);
        context.Response.StatusCode = status;
        if (body is null) return;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString());
    }

    async Task<(int Status, JsonObject? Body)> Decide(HttpRequest request, string path)
    {
        if (IsSealed) return Errors(503, "Vault is sealed");
        if (Busy > 0)
        {
            Busy--;
            return Errors(429, "request path \"transit\": rate limit quota exceeded");
        }
        if (request.Headers["X-Vault-Request"] != "true") return Breach(400, "no X-Vault-Request");
        if (request.QueryString.HasValue && !(path.StartsWith("v1/secret/data/", StringComparison.Ordinal) && request is { Method: "GET", QueryString.Value: "?version=1" })) return Breach(400, "a query");
        JsonObject? body = null;
        if (request.Method == "DELETE" && request.ContentLength > 0) return Breach(400, "a DELETE with a body");
        if (request.Method is not ("GET" or "DELETE"))
        {
            if (request.ContentType != "application/json") return Breach(400, $"Content-Type {request.ContentType}");
            try
            {
                body = await JsonNode.ParseAsync(request.Body) as JsonObject;
            }
            catch (JsonException)
            {
                return Breach(400, "a body that is no JSON");
            }
            if (body is null) return Breach(400, "a body that is no object");
        }
        if (Namespace != (request.Headers["X-Vault-Namespace"] is [{ } name] ? name : null)) return Errors(403, Policy);
        if (path is "v1/auth/approle/login" or "v1/auth/kubernetes/login")
            return request.Method == "POST" ? LogIn(path, body!) : Breach(405, $"{request.Method} {path}");
        if (request.Headers["X-Vault-Token"] is not [{ } token]) return Breach(403, "no token");
        if (!Tokens.TryGetValue(token, out var lent) || lent.Ends <= Time.GetUtcNow()) return Errors(403, Policy);
        if (Revoke is { } cut && path.Contains(cut, StringComparison.Ordinal))
        {
            Revoke = null;
            Tokens.Clear();
            return Errors(403, Policy);
        }
        return (request.Method, path.Split('/')) switch
        {
            (var method, ["v1", KvMount, .. var rest]) => Kv(method, rest, body),
            ("GET", ["v1", "auth", "token", "lookup-self"]) => Data(new JsonObject
                { ["id"] = token, ["ttl"] = (long)(lent.Ends - Time.GetUtcNow()).TotalSeconds, ["renewable"] = lent.IsRenewable, ["policies"] = new JsonArray("default", "stele"), ["type"] = "service" }),
            ("POST", ["v1", "auth", "token", "renew-self"]) => Renew(token, lent, body!),
            ("GET", ["v1", "transit", "keys", var key]) => Keys.TryGetValue(key, out var found) ? Data(Shown(key, found)) : (404, new JsonObject { ["errors"] = new JsonArray() }),
            ("POST", ["v1", "transit", "keys", var key, var verb]) => Change(key, verb, body!),
            ("POST", ["v1", "transit", "encrypt" or "decrypt" or "rewrap", _]) => Batch(path.Split('/')[2], path.Split('/')[3], body!),
            _ => Breach(405, $"{request.Method} {path}"),
        };
    }

    (int, JsonObject?) LogIn(string path, JsonObject body)
    {
        var isAppRole = path.Contains("approle", StringComparison.Ordinal);
        if (!Has(body, isAppRole ? ["role_id", "secret_id"] : ["role", "jwt"])) return Breach(400, $"{path} with {Names(body)}");
        var isGood = isAppRole ? (string?)body["role_id"] == RoleId && (string?)body["secret_id"] == SecretId : (string?)body["role"] == RoleId && (string?)body["jwt"] == ServiceAccountToken;
        return isGood ? Auth(NewToken()) : Errors(isAppRole ? 400 : 403, isAppRole ? "invalid role or secret ID" : Policy);
    }

    (int, JsonObject?) Renew(string token, Lent lent, JsonObject body)
    {
        if (!Has(body, [], "increment")) return Breach(400, $"renew-self with {Names(body)}");
        if (!lent.IsRenewable) return Errors(400, "lease is not renewable");
        var ends = Time.GetUtcNow() + Lease;
        Tokens[token] = lent with { Ends = ends < lent.Last ? ends : lent.Last };
        return Auth(token);
    }

    (int, JsonObject?) Auth(string token) => (200, Envelope(null, new JsonObject
    {
        ["client_token"] = token, ["accessor"] = "accessor", ["policies"] = new JsonArray("default", "stele"), ["token_policies"] = new JsonArray("default", "stele"), ["metadata"] = null,
        ["lease_duration"] = (long)(Tokens[token].Ends - Time.GetUtcNow()).TotalSeconds, ["renewable"] = Tokens[token].IsRenewable, ["entity_id"] = "", ["token_type"] = "service", ["orphan"] = true,
    }));

    static JsonObject Shown(string name, TransitKey key) => new()
    {
        ["type"] = "aes256-gcm96", ["deletion_allowed"] = false, ["derived"] = key.IsDerived, ["exportable"] = false, ["allow_plaintext_backup"] = false, ["name"] = name,
        ["keys"] = new JsonObject(key.Versions.Keys.Where(version => version >= key.MinDecryption).Select(version => KeyValuePair.Create(version.ToString(CultureInfo.InvariantCulture), (JsonNode?)1_700_000_000))),
        ["min_decryption_version"] = key.MinDecryption, ["min_encryption_version"] = key.MinEncryption, ["min_available_version"] = key.MinAvailable, ["latest_version"] = key.Latest,
        ["supports_encryption"] = true, ["supports_decryption"] = true, ["supports_derivation"] = true, ["supports_signing"] = false, ["kdf"] = "hkdf_sha256",
    };

    (int, JsonObject?) Change(string name, string verb, JsonObject body)
    {
        if (!Keys.TryGetValue(name, out var key)) return Errors(verb == "trim" ? 400 : 404, "no existing key named " + name + " could be found");
        switch (verb)
        {
            case "rotate" when body.Count == 0:
                key.Versions[key.Latest + 1] = RandomNumberGenerator.GetBytes(32);
                return Data(Shown(name, key));
            case "config" when Has(body, [], "min_decryption_version", "min_encryption_version"):
                var (decrypt, encrypt) = ((int?)body["min_decryption_version"] ?? key.MinDecryption, (int?)body["min_encryption_version"] ?? key.MinEncryption);
                if (decrypt > key.Latest || encrypt > key.Latest) return Errors(400, "cannot set min version higher than the latest key version");
                if (encrypt > 0 && encrypt < decrypt) return Errors(400, "cannot set min decryption version greater than min encryption version");
                if (decrypt < key.MinAvailable) return Errors(400, "min decryption version should not be less then min available version");
                (key.MinDecryption, key.MinEncryption) = (decrypt, encrypt);
                return Data(Shown(name, key));
            case "trim" when Has(body, ["min_available_version"]):
                var least = (int)body["min_available_version"]!;
                if (key.MinEncryption == 0) return Errors(400, "minimum available version cannot be set when minimum encryption version is not set");
                if (least > key.MinEncryption || least > key.MinDecryption || least < key.MinAvailable) return Errors(400, "minimum available version cannot be greater than minimum decryption version");
                key.MinAvailable = least;
                foreach (var gone in key.Versions.Keys.Where(version => version < least).ToList()) key.Versions.Remove(gone);
                return (204, null);
            default:
                return Breach(400, $"keys/{verb} with {Names(body)}");
        }
    }

    (int, JsonObject?) Batch(string verb, string name, JsonObject body)
    {
        if (!Has(body, ["batch_input"], "partial_failure_response_code") || body["batch_input"] is not JsonArray { Count: > 0 } items) return Breach(400, $"{verb} with {Names(body)}");
        // who may only update a key cannot make it by encrypting
        if (!Keys.TryGetValue(name, out var key)) return verb == "encrypt" ? Errors(403, Policy) : Errors(400, "encryption key not found");
        var results = new JsonArray();
        foreach (var item in items)
        {
            if (item is not JsonObject one || !Has(one, [verb == "encrypt" ? "plaintext" : "ciphertext"], verb == "decrypt" ? ["context"] : ["context", "key_version"])) return Breach(400, $"an item of {verb} with {Names(item as JsonObject)}");
            results.Add(One(verb, key, one));
        }
        return (results.All(result => result!["error"] is null) ? 200 : 400, Envelope(new JsonObject { ["batch_results"] = results }, null));
    }

    static JsonObject One(string verb, TransitKey key, JsonObject item)
    {
        if (key.IsDerived && (string?)item["context"] is not { Length: > 0 }) return Error("missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included");
        var context = key.IsDerived ? Convert.FromBase64String((string)item["context"]!) : [];
        var plain = verb == "encrypt" ? Convert.FromBase64String((string)item["plaintext"]!) : [];
        if (verb != "encrypt")
        {
            if (((string)item["ciphertext"]!).Split(':') is not ["vault", ['v', .. var number], var text] || !int.TryParse(number, CultureInfo.InvariantCulture, out var from)) return Error("invalid ciphertext: no prefix");
            if (from > key.Latest) return Error("invalid ciphertext: version is too new");
            if (from < key.MinDecryption) return Error("ciphertext or signature version is disallowed by policy (too old)");
            var bytes = Convert.FromBase64String(text);
            if (bytes.Length < 28) return Error("invalid ciphertext: length is less than the minimum");
            plain = new byte[bytes.Length - 28];
            try
            {
                using var aes = new AesGcm(Derive(key.Versions[from], context), 16);
                aes.Decrypt(bytes.AsSpan(0, 12), bytes.AsSpan(12, plain.Length), bytes.AsSpan(12 + plain.Length), plain);
            }
            catch (AuthenticationTagMismatchException)
            {
                return Error("cipher: message authentication failed");
            }
            if (verb == "decrypt") return new JsonObject { ["plaintext"] = Convert.ToBase64String(plain), ["reference"] = "" };
        }
        var version = (int?)item["key_version"] is { } wanted and not 0 ? wanted : key.Latest;
        if (version > key.Latest) return Error("requested version for encryption is higher than the latest key version");
        if (version < key.MinEncryption) return Error("requested version for encryption is less than the minimum encryption key version");
        var wrapped = new byte[28 + plain.Length];
        RandomNumberGenerator.Fill(wrapped.AsSpan(0, 12));
        using var cipher = new AesGcm(Derive(key.Versions[version], context), 16);
        cipher.Encrypt(wrapped.AsSpan(0, 12), plain, wrapped.AsSpan(12, plain.Length), wrapped.AsSpan(12 + plain.Length));
        return new JsonObject { ["ciphertext"] = $"vault:v{version}:{Convert.ToBase64String(wrapped)}", ["key_version"] = version, ["reference"] = "" };
    }

    static byte[] Derive(byte[] key, byte[] context) => HKDF.DeriveKey(HashAlgorithmName.SHA256, key, 32, [], context);

    static bool Has(JsonObject body, string[] required, params string[] optional) =>
        required.All(body.ContainsKey) && body.All(member => required.Contains(member.Key) || optional.Contains(member.Key));

    static string Names(JsonObject? body) => body is null ? "no object" : string.Join(",", body.Select(member => member.Key));

    static JsonObject Error(string text) => new() { ["error"] = text, ["reference"] = "" };

    (int, JsonObject?) Breach(int status, string what)
    {
        Breaches.Enqueue(what);
        return Errors(status, what);
    }

    static (int, JsonObject?) Errors(int status, string text) => (status, new JsonObject { ["errors"] = new JsonArray(text) });

    static (int, JsonObject?) Data(JsonObject data) => (200, Envelope(data, null));

    static JsonObject Envelope(JsonObject? data, JsonObject? auth) => new()
    {
        ["request_id"] = Guid.NewGuid().ToString(), ["lease_id"] = "", ["renewable"] = false, ["lease_duration"] = 0, ["data"] = data, ["wrap_info"] = null, ["warnings"] = null, ["auth"] = auth, ["mount_type"] = "transit",
    };
}

/// <summary>A clock that a test turns, whose timers are the machine's.</summary>
sealed class LeaseClock : TimeProvider
{
    long turned;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).AddTicks(Volatile.Read(ref turned));

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref turned);

    public void Turn(TimeSpan by) => Interlocked.Add(ref turned, by.Ticks);
}
