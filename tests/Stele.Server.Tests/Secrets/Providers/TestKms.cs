using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>
/// A stand-in for AWS KMS, written to its published API: the signature of every request is computed anew (SigV4), and a target, a member or an encryption
/// context that is not as the API says is refused and remembered in <see cref="Breaches"/>. Its AES-GCM is real.
/// </summary>
sealed class TestKms : IAsyncDisposable
{
    public const string Region = "eu-central-1", Arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Alias = "alias/stele";
    static readonly TimeSpan skewMax = TimeSpan.FromMinutes(5);

    readonly WebApplication app;
    readonly ConcurrentQueue<string> asked = new();

    TestKms(WebApplication app) => this.app = app;

    public Uri Address { get; private set; } = null!;

    public string AccessKey { get; set; } = "AKIAEXAMPLEOFSTELE01";

    public string SecretKey { get; set; } = "a/secret+key/that/nobody/sees/0123456789";

    /// <summary>The token that must come with credentials of a role; null: they are a user's.</summary>
    public string? SessionToken { get; set; }

    /// <summary>What the next requests are answered by: a code and a status.</summary>
    public ConcurrentQueue<(string Code, int Status)> Failures { get; } = new();

    /// <summary>What all requests are answered by; null: as they should be.</summary>
    public (string Code, int Status)? Failure { get; set; }

    /// <summary>Actions that the caller's policy does not have.</summary>
    public HashSet<string> Denied { get; } = [];

    public ConcurrentDictionary<string, KmsKey> Keys { get; } = new();

    public ConcurrentDictionary<string, string> Aliases { get; } = new();

    /// <summary>What no client of the API does.</summary>
    public ConcurrentQueue<string> Breaches { get; } = new();

    public IReadOnlyCollection<string> Asked => asked;

    public int Count(string action) => asked.Count(one => one == action);

    public sealed class KmsKey
    {
        public List<byte[]> Materials { get; } = [RandomNumberGenerator.GetBytes(32)];

        /// <summary>Rotations that were asked for and are not completed.</summary>
        public int Begun { get; set; }

        public string State { get; set; } = "Enabled";

        public string Spec { get; set; } = "SYMMETRIC_DEFAULT";

        public void Complete()
        {
            for (; Begun > 0; Begun--) Materials.Add(RandomNumberGenerator.GetBytes(32));
        }
    }

    public static async Task<TestKms> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var kms = new TestKms(builder.Build());
        kms.Keys[Arn] = new KmsKey();
        kms.Aliases[Alias] = Arn;
        kms.app.Run(kms.Answer);
        await kms.app.StartAsync();
        kms.Address = new Uri(kms.app.Urls.First());
        return kms;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    async Task Answer(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var (status, answer) = Decide(context.Request, body.ToArray());
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/x-amz-json-1.1";
        context.Response.Headers["x-amzn-RequestId"] = Guid.NewGuid().ToString();
        await context.Response.WriteAsync(answer.ToJsonString());
    }

    (int Status, JsonObject Body) Decide(HttpRequest request, byte[] body)
    {
        if (request is not { Method: "POST", Path.Value: "/", QueryString.HasValue: false, ContentType: "application/x-amz-json-1.1" }) return Breach($"{request.Method} {request.Path} {request.ContentType}");
        if (Signature.Problem(request, body, this) is { } problem) return Refused(problem.Code, 400, problem.Message);
        if (request.Headers["X-Amz-Target"] is not [{ } target] || !target.StartsWith("TrentService.", StringComparison.Ordinal)) return Breach($"target {request.Headers["X-Amz-Target"]}");
        var action = target["TrentService.".Length..];
        asked.Enqueue(action);
        if (Failure is { } always) return Refused(always.Code, always.Status, "");
        if (Failures.TryDequeue(out var once)) return Refused(once.Code, once.Status, "");
        if (Denied.Contains(action)) return Refused("AccessDeniedException", 400, $"User is not authorized to perform: kms:{action}");
        JsonObject? json;
        try
        {
            json = JsonNode.Parse(body) as JsonObject;
        }
        catch (JsonException)
        {
            json = null;
        }
        return json is null ? Breach($"{action} with a body that is no object") : action switch
        {
            "DescribeKey" => Describe(json),
            "ListKeyRotations" => Rotations(json),
            "RotateKeyOnDemand" => Rotate(json),
            "GenerateDataKey" => Generate(json),
            "Encrypt" => EncryptOne(json),
            "Decrypt" => DecryptOne(json),
            "ReEncrypt" => ReEncrypt(json),
            _ => Breach($"target {target}"),
        };
    }

    (int, JsonObject) Describe(JsonObject body)
    {
        if (!Has(body, ["KeyId"], "GrantTokens")) return Breach($"DescribeKey with {Names(body)}");
        if (Found((string?)body["KeyId"], out var arn) is not { } key) return NotFound(body);
        return (200, new JsonObject
        {
            ["KeyMetadata"] = new JsonObject
            {
                ["AWSAccountId"] = "111122223333", ["Arn"] = arn, ["KeyId"] = arn[(arn.LastIndexOf('/') + 1)..], ["CreationDate"] = 1_700_000_000.123, ["Enabled"] = key.State == "Enabled", ["Description"] = "",
                ["KeyManager"] = "CUSTOMER", ["KeyState"] = key.State, ["KeyUsage"] = key.Spec == "HMAC_256" ? "GENERATE_VERIFY_MAC" : "ENCRYPT_DECRYPT", ["KeySpec"] = key.Spec, ["CustomerMasterKeySpec"] = key.Spec,
                ["EncryptionAlgorithms"] = new JsonArray("SYMMETRIC_DEFAULT"), ["MultiRegion"] = false, ["Origin"] = "AWS_KMS",
            },
        });
    }

    // one a page, so that the pages are turned
    (int, JsonObject) Rotations(JsonObject body)
    {
        if (!Has(body, ["KeyId"], "Limit", "Marker", "IncludeKeyMaterial") || (int?)body["Limit"] is < 1 or > 1000) return Breach($"ListKeyRotations with {Names(body)}");
        if (Found((string?)body["KeyId"], out var arn) is not { } key || arn != (string?)body["KeyId"]) return NotFound(body);
        var at = (string?)body["Marker"] is { } marker ? int.Parse(marker, CultureInfo.InvariantCulture) : 1;
        var page = new JsonArray();
        if (at < key.Materials.Count) page.Add(new JsonObject { ["KeyId"] = arn, ["RotationDate"] = 1_700_000_000 + 1_000 * at, ["RotationType"] = "ON_DEMAND" });
        var more = at + 1 < key.Materials.Count;
        var answer = new JsonObject { ["Rotations"] = page, ["Truncated"] = more };
        if (more) answer["NextMarker"] = (at + 1).ToString(CultureInfo.InvariantCulture);
        return (200, answer);
    }

    (int, JsonObject) Rotate(JsonObject body)
    {
        if (!Has(body, ["KeyId"])) return Breach($"RotateKeyOnDemand with {Names(body)}");
        if (Found((string?)body["KeyId"], out var arn) is not { } key) return NotFound(body);
        if (Unusable(key) is { } refused) return refused;
        if (key.Begun > 0) return Refused("ConflictException", 400, "a rotation is in progress");
        key.Begun++;
        return (200, new JsonObject { ["KeyId"] = arn });
    }

    (int, JsonObject) Generate(JsonObject body)
    {
        if (!Has(body, ["KeyId", "KeySpec", "EncryptionContext"], "GrantTokens") || (string?)body["KeySpec"] != "AES_256") return Breach($"GenerateDataKey with {Names(body)}");
        var plain = RandomNumberGenerator.GetBytes(32);
        return WithKey(body, "KeyId", "EncryptionContext", (arn, key, context) => (200, new JsonObject
            { ["KeyId"] = arn, ["Plaintext"] = Convert.ToBase64String(plain), ["CiphertextBlob"] = Convert.ToBase64String(Seal(arn, key, context, plain)), ["KeyMaterialId"] = Material(key.Materials[^1]) }));
    }

    (int, JsonObject) EncryptOne(JsonObject body)
    {
        if (!Has(body, ["KeyId", "Plaintext", "EncryptionContext"], "GrantTokens", "EncryptionAlgorithm")) return Breach($"Encrypt with {Names(body)}");
        return WithKey(body, "KeyId", "EncryptionContext", (arn, key, context) => (200, new JsonObject
            { ["KeyId"] = arn, ["CiphertextBlob"] = Convert.ToBase64String(Seal(arn, key, context, Convert.FromBase64String((string)body["Plaintext"]!))), ["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT" }));
    }

    (int, JsonObject) DecryptOne(JsonObject body)
    {
        if (!Has(body, ["KeyId", "CiphertextBlob", "EncryptionContext"], "GrantTokens", "EncryptionAlgorithm")) return Breach($"Decrypt with {Names(body)}");
        return WithKey(body, "KeyId", "EncryptionContext", (arn, key, context) =>
        {
            var (code, plain) = Open(arn, key, context, Convert.FromBase64String((string)body["CiphertextBlob"]!));
            return code is not null ? Refused(code, 400, "") : (200, new JsonObject { ["KeyId"] = arn, ["Plaintext"] = Convert.ToBase64String(plain), ["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT" });
        });
    }

    (int, JsonObject) ReEncrypt(JsonObject body)
    {
        if (!Has(body, ["CiphertextBlob", "SourceKeyId", "SourceEncryptionContext", "DestinationKeyId", "DestinationEncryptionContext"], "GrantTokens", "SourceEncryptionAlgorithm", "DestinationEncryptionAlgorithm"))
            return Breach($"ReEncrypt with {Names(body)}");
        return WithKey(body, "SourceKeyId", "SourceEncryptionContext", (source, key, context) =>
        {
            var (code, plain) = Open(source, key, context, Convert.FromBase64String((string)body["CiphertextBlob"]!));
            return code is not null ? Refused(code, 400, "") : WithKey(body, "DestinationKeyId", "DestinationEncryptionContext", (arn, to, bound) => (200, new JsonObject
                { ["KeyId"] = arn, ["SourceKeyId"] = source, ["CiphertextBlob"] = Convert.ToBase64String(Seal(arn, to, bound, plain)), ["SourceEncryptionAlgorithm"] = "SYMMETRIC_DEFAULT", ["DestinationEncryptionAlgorithm"] = "SYMMETRIC_DEFAULT" }));
        });
    }

    (int, JsonObject) WithKey(JsonObject body, string name, string contextName, Func<string, KmsKey, byte[], (int, JsonObject)> use)
    {
        // it may be left out of a call, but then nothing would be bound
        if (body[contextName] is not JsonObject { Count: > 0 } context || context.Any(pair => pair.Value?.GetValueKind() != JsonValueKind.String || pair.Key.StartsWith("aws:", StringComparison.Ordinal)))
            return Breach($"a context {body[contextName]?.ToJsonString()}");
        if (Found((string?)body[name], out var arn) is not { } key) return NotFound(body);
        if (Unusable(key) is { } refused) return refused;
        return use(arn, key, Encoding.UTF8.GetBytes(string.Join('\n', context.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"))));
    }

    static (int, JsonObject)? Unusable(KmsKey key) => key.State switch
    {
        "Enabled" => null,
        "Disabled" => Refused("DisabledException", 400, "the key is disabled"),
        _ => Refused("KMSInvalidStateException", 400, $"the key is {key.State}"),
    };

    KmsKey? Found(string? name, out string arn)
    {
        arn = name is null ? "" : Aliases.GetValueOrDefault(name, name);
        return Keys.GetValueOrDefault(arn);
    }

    // which key and which of its materials, nonce, ciphertext, tag
    static byte[] Seal(string arn, KmsKey key, byte[] context, byte[] plain)
    {
        var blob = new byte[33 + 12 + plain.Length + 16];
        blob[0] = (byte)(key.Materials.Count - 1);
        SHA256.HashData(Encoding.UTF8.GetBytes(arn), blob.AsSpan(1));
        RandomNumberGenerator.Fill(blob.AsSpan(33, 12));
        using var aes = new AesGcm(key.Materials[^1], 16);
        aes.Encrypt(blob.AsSpan(33, 12), plain, blob.AsSpan(45, plain.Length), blob.AsSpan(45 + plain.Length), [.. blob.AsSpan(0, 33), .. context]);
        return blob;
    }

    static (string? Code, byte[] Plain) Open(string arn, KmsKey key, byte[] context, byte[] blob)
    {
        if (blob.Length < 61 || blob[0] >= key.Materials.Count) return ("InvalidCiphertextException", []);
        if (!blob.AsSpan(1, 32).SequenceEqual(SHA256.HashData(Encoding.UTF8.GetBytes(arn)))) return ("IncorrectKeyException", []);
        var plain = new byte[blob.Length - 61];
        try
        {
            using var aes = new AesGcm(key.Materials[blob[0]], 16);
            aes.Decrypt(blob.AsSpan(33, 12), blob.AsSpan(45, plain.Length), blob.AsSpan(45 + plain.Length), plain, [.. blob.AsSpan(0, 33), .. context]);
            return (null, plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return ("InvalidCiphertextException", []);
        }
    }

    static string Material(byte[] material) => Convert.ToHexStringLower(SHA256.HashData(material));

    static bool Has(JsonObject body, string[] required, params string[] optional) =>
        required.All(body.ContainsKey) && body.All(member => required.Contains(member.Key) || optional.Contains(member.Key));

    static string Names(JsonObject body) => string.Join(",", body.Select(member => member.Key));

    static (int, JsonObject) NotFound(JsonObject body) => Refused("NotFoundException", 400, $"{body["KeyId"]} does not exist");

    (int, JsonObject) Breach(string what)
    {
        Breaches.Enqueue(what);
        return Refused("ValidationException", 400, what);
    }

    static (int, JsonObject) Refused(string code, int status, string message) => (status, new JsonObject { ["__type"] = code, ["message"] = message });

    /// <summary>Signature Version 4, computed from the request as it came.</summary>
    static class Signature
    {
        public static (string Code, string Message)? Problem(HttpRequest request, byte[] body, TestKms kms)
        {
            var headers = request.Headers;
            if (headers.Authorization is not [{ } authorization] || !authorization.StartsWith("AWS4-HMAC-SHA256 ", StringComparison.Ordinal)) return ("MissingAuthenticationTokenException", "no signature");
            var parts = authorization["AWS4-HMAC-SHA256 ".Length..].Split(',').Select(part => part.Trim().Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
            var scope = parts["Credential"].Split('/');
            if (scope is not [var access, var day, Region, "kms", "aws4_request"]) return ("IncompleteSignatureException", $"scope {parts["Credential"]}");
            if (access != kms.AccessKey) return ("UnrecognizedClientException", "unknown access key");
            var names = parts["SignedHeaders"].Split(';');
            if (!names.SequenceEqual(names.Order(StringComparer.Ordinal)) || names.Distinct().Count() != names.Length) return ("IncompleteSignatureException", "signed headers without order");
            string[] needed = kms.SessionToken is null ? ["host", "x-amz-date", "x-amz-target"] : ["host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
            if (needed.Except(names).Any()) return ("IncompleteSignatureException", $"not signed: {string.Join(',', needed.Except(names))}");
            if (kms.SessionToken is { } token && headers["X-Amz-Security-Token"] != token) return ("UnrecognizedClientException", "another session");
            var date = headers["X-Amz-Date"].ToString();
            if (!DateTimeOffset.TryParseExact(date, "yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) || !date.StartsWith(day, StringComparison.Ordinal)
                || (TimeProvider.System.GetUtcNow() - at).Duration() > skewMax) return ("InvalidSignatureException", $"date {date}");
            var canonical = string.Join('\n', ["POST", "/", "", .. names.Select(name => $"{name}:{headers[name].ToString().Trim()}"), "", string.Join(';', names), Hex(SHA256.HashData(body))]);
            var text = $"AWS4-HMAC-SHA256\n{date}\n{day}/{Region}/kms/aws4_request\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
            var key = Encoding.UTF8.GetBytes("AWS4" + kms.SecretKey);
            foreach (var part in (string[])[day, Region, "kms", "aws4_request"]) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
            return Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text))) == parts["Signature"] ? null : ("InvalidSignatureException", "the signature does not match");
        }

        static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
    }
}
