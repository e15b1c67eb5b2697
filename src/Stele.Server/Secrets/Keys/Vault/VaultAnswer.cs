using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>What came of one item of a batch: a ciphertext, a data key for the caller to dispose of, or why there is neither.</summary>
internal readonly record struct VaultItem(string? Ciphertext, SecretBuffer? Plain, string? Error);

/// <summary>What Vault lends: a token, for some seconds (0: for ever).</summary>
internal sealed record VaultLease(string Token, long Seconds, bool IsRenewable);

/// <summary>What Vault says of a Transit key.</summary>
internal sealed record VaultKey(int Latest, int MinDecryption, int MinEncryption, bool IsDerived, bool IsConvergent, bool Encrypts, IReadOnlyList<ProviderKey> Versions);

/// <summary>What KV says of a version: its value, for the caller to dispose of, or why there is none.</summary>
internal readonly record struct VaultEntry(SecretBuffer? Value, bool IsDeleted, bool IsDestroyed);

/// <summary>An answer of Vault's, in memory that is zeroed. A member that is not as Vault's API says makes a part of it null, and never an exception.</summary>
internal sealed class VaultAnswer : IDisposable
{
    readonly SecretBuffer body;
    readonly JsonDocument? json;

    /// <param name="status">HTTP's.</param>
    /// <param name="body">From here on the answer's own.</param>
    public VaultAnswer(int status, SecretBuffer body)
    {
        Status = status;
        this.body = body;
        try
        {
            // over the buffer itself: JsonDocument makes no copy of it
            json = body.Length == 0 ? null : JsonDocument.Parse(body.Memory);
        }
        catch (JsonException)
        {
            json = null;
        }
    }

    /// <summary>HTTP's.</summary>
    public int Status { get; }

    /// <summary>Whether it did what it was asked.</summary>
    public bool IsSuccess => Status is >= 200 and < 300;

    /// <summary>Vault's own words for what is wrong, in which there are no secrets.</summary>
    public string Errors => Member(Root, "errors") is { ValueKind: JsonValueKind.Array } errors ? string.Join("; ", errors.EnumerateArray().Where(error => error.ValueKind == JsonValueKind.String).Select(error => error.GetString()).Take(5)) : "";

    /// <summary>What became of a batch; null: this is no answer to one of so many items.</summary>
    public VaultItem[]? Items(int count)
    {
        if (Member(Data, "batch_results") is not { ValueKind: JsonValueKind.Array } results || results.GetArrayLength() != count) return null;
        return [.. results.EnumerateArray().Select(item => new VaultItem(Text(item, "ciphertext"), Member(item, "plaintext") is { ValueKind: JsonValueKind.String } plain ? DataKey(plain) : null,
            Text(item, "error") is { Length: > 0 } error ? error : null))];
    }

    /// <summary>The token of a login or a renewal.</summary>
    public VaultLease? Login() =>
        Member(Root, "auth") is { ValueKind: JsonValueKind.Object } auth && Text(auth, "client_token") is { Length: > 0 } token && Number(auth, "lease_duration") is { } seconds
            ? new VaultLease(token, seconds, IsTrue(auth, "renewable")) : null;

    /// <summary>What auth/token/lookup-self says of a token.</summary>
    public VaultLease? Lookup(string token) => Number(Data, "ttl") is { } seconds ? new VaultLease(token, seconds, IsTrue(Data, "renewable")) : null;

    /// <summary>A Transit key.</summary>
    public VaultKey? Key(string id)
    {
        if (Number(Data, "latest_version") is not { } latest || Number(Data, "min_decryption_version") is not { } least || Member(Data, "keys") is not { ValueKind: JsonValueKind.Object } keys) return null;
        var versions = new List<ProviderKey>();
        foreach (var key in keys.EnumerateObject())
            if (int.TryParse(key.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version >= least) versions.Add(new ProviderKey(id, version, MadeAt(key.Value)));
        return new VaultKey((int)latest, (int)least, (int)(Number(Data, "min_encryption_version") ?? 0), IsTrue(Data, "derived"), IsTrue(Data, "convergent_encryption"), IsTrue(Data, "supports_encryption"),
            [.. versions.OrderBy(key => key.Version)]);
    }

    /// <summary>The version that a write to KV made.</summary>
    public long? WrittenVersion => Number(Data, "version");

    /// <summary>After how long KV ends versions by itself, as Go writes durations; null: this is no configuration of KV's version 2.</summary>
    public string? EndsVersionsAfter => Number(Data, "max_versions") is not null && Member(Data, "cas_required") is { ValueKind: JsonValueKind.True or JsonValueKind.False } && Text(Data, "delete_version_after") is { Length: > 0 } after ? after : null;

    /// <summary>What KV says of version 1 of a path; null: it is no answer to that. A value that is none of ours is no value.</summary>
    public VaultEntry? Entry()
    {
        if (Member(Data, "metadata") is not { ValueKind: JsonValueKind.Object } about || Number(about, "version") != 1) return null;
        var value = IsSuccess && Member(Data, "data") is { ValueKind: JsonValueKind.Object } data && data.EnumerateObject().ToList() is [{ Value.ValueKind: JsonValueKind.String } only] ? Value(only) : null;
        return new VaultEntry(value, Text(about, "deletion_time") is { Length: > 0 }, IsTrue(about, "destroyed"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        json?.Dispose();
        body.Dispose();
    }

    JsonElement? Root => json?.RootElement;

    JsonElement? Data => Member(Root, "data");

    static JsonElement? Member(JsonElement? at, string name) => at is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out var member) ? member : null;

    static string? Text(JsonElement? at, string name) => Member(at, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    static long? Number(JsonElement? at, string name) => Member(at, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var value) && value is >= 0 and <= int.MaxValue ? value : null;

    static bool IsTrue(JsonElement? at, string name) => Member(at, name) is { ValueKind: JsonValueKind.True };

    // symmetric keys have seconds of the epoch, others an object
    static DateTimeOffset? MadeAt(JsonElement key) => key.ValueKind == JsonValueKind.Number && key.TryGetInt64(out var seconds) && seconds is >= 0 and <= int.MaxValue ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    static SecretBuffer? Value(JsonProperty member)
    {
        if (member.Name is not ("value" or "value_base64")) return null;
        var text = SecretBodies.Unescaped(JsonMarshal.GetRawUtf8Value(member.Value));
        if (member.Name == "value") return text;
        using (text)
        {
            var value = new SecretBuffer(Base64.GetMaxDecodedFromUtf8Length(text.Length));
            if (Base64.DecodeFromUtf8(text.Span, value.Span, out _, out var written) == OperationStatus.Done)
            {
                value.Resize(written);
                return value;
            }
            value.Dispose();
            return null;
        }
    }

    // from the bytes, because a string could not be zeroed
    static SecretBuffer? DataKey(JsonElement plain)
    {
        var quoted = JsonMarshal.GetRawUtf8Value(plain);
        using var text = new SecretBuffer(quoted.Length);
        using var room = new SecretBuffer(Base64.GetMaxDecodedFromUtf8Length(quoted.Length));
        // a proxy, or another version's encoder, may write a + as an escape
        var reader = new Utf8JsonReader(quoted);
        if (!reader.Read() || Base64.DecodeFromUtf8(text.Span[..reader.CopyString(text.Span)], room.Span, out _, out var written) != OperationStatus.Done || written != KeyProvider.DataKeyBytes) return null;
        var key = new SecretBuffer(written);
        room.Span[..written].CopyTo(key.Span);
        return key;
    }
}
