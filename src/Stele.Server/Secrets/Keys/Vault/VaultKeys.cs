using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Stele.Core.Faults;
using Stele.Server.Gateway;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>
/// Keys in Vault's Transit engine, which never leave it. Data keys travel to Vault to be wrapped and back when they are unwrapped; a
/// rewrap travels as ciphertext. The key must be a derived one: org and value are the <c>context</c> from which Vault derives a key for
/// each data key, so a wrap that is moved to another org or value opens nothing. Associated data would bind them as well, but rewrap takes
/// none. The version of the org's key is not in the context, because a rewrap has one context for both sides; the version of Vault's key
/// is in the ciphertext (<c>vault:vN:</c>), and is held against what is stored.
/// <list type="bullet">
/// <item>Away, sealed, asked too much: tried again for <see cref="VaultOptions.Timeout"/>, then <c>unavailable</c>, at once for those who come next.</item>
/// <item>Key deleted, version retired or lost, token refused: <c>unavailable</c>; somebody has to mend it, and the log says what.</item>
/// <item>A ciphertext that fails its check: <c>integrity</c>.</item>
/// <item>Limits: 500 data keys a request; more are several requests.</item>
/// </list>
/// </summary>
internal sealed class VaultKeys(VaultClient vault, VaultOptions options, ILogger<VaultKeys> log) : KeyProvider
{
    const int ItemsMax = 500, WrapBytesMax = 1_000;

    readonly string keyId = $"{options.Mount}/{options.Key}";

    /// <inheritdoc/>
    public override string Name => "vault";

    /// <inheritdoc/>
    public override bool IsRemote => true;

    /// <inheritdoc/>
    public override async ValueTask<Outcome<ProviderKey>> Newest(CancellationToken cancellation)
    {
        if (!(await Read(cancellation)).TryGet(out var key, out var fault)) return fault;
        return key.Versions.FirstOrDefault(version => version.Version == key.Latest) is { } newest ? newest : Refused(keyId, "its newest version is not there");
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<IReadOnlyList<ProviderKey>>> List(CancellationToken cancellation) =>
        (await Read(cancellation)).TryGet(out var key, out var fault) ? new Outcome<IReadOnlyList<ProviderKey>>(key.Versions) : fault;

    /// <inheritdoc/>
    public override async ValueTask<Outcome<byte[][]>> Wrap(OrgKey key, IReadOnlyList<PlainKey> keys, CancellationToken cancellation)
    {
        var wrapped = new List<byte[]>(keys.Count);
        foreach (var chunk in keys.Chunk(ItemsMax))
        {
            using var body = VaultBody.Encrypt(chunk.Select(one => (Context(key, one.ValueId), one.Key)), key.ProviderVersion);
            if (!(await Batch(key.KeyId, "encrypt", body, chunk.Length, cancellation)).TryGet(out var items, out var fault)) return fault;
            if (!Wrapped(items, key, wrapped)) return Strange;
        }
        return wrapped.ToArray();
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<SecretBuffer[]>> Unwrap(OrgKey key, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
    {
        if (!Texts(key, keys).TryGet(out var texts, out var fault)) return fault;
        var plain = new List<SecretBuffer>(keys.Count);
        foreach (var chunk in texts.Chunk(ItemsMax))
        {
            using var body = VaultBody.Ciphertexts(chunk, null);
            if ((await Batch(key.KeyId, "decrypt", body, chunk.Length, cancellation)).TryGet(out var items, out fault))
            {
                plain.AddRange(items.Where(item => item.Plain is not null).Select(item => item.Plain!));
                if (items.All(item => item.Plain is not null)) continue;
                fault = Strange;
            }
            foreach (var one in plain) one.Dispose();
            return fault;
        }
        return plain.ToArray();
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<byte[][]>> Rewrap(OrgKey from, OrgKey to, IReadOnlyList<WrappedKey> keys, CancellationToken cancellation)
    {
        if (from.KeyId != to.KeyId || from.Org != to.Org) return await base.Rewrap(from, to, keys, cancellation);
        if (!Texts(from, keys).TryGet(out var texts, out var fault)) return fault;
        var wrapped = new List<byte[]>(keys.Count);
        foreach (var chunk in texts.Chunk(ItemsMax))
        {
            using var body = VaultBody.Ciphertexts(chunk, to.ProviderVersion);
            if (!(await Batch(from.KeyId, "rewrap", body, chunk.Length, cancellation)).TryGet(out var items, out fault)) return fault;
            if (!Wrapped(items, to, wrapped)) return Strange;
        }
        return wrapped.ToArray();
    }

    /// <inheritdoc/>
    public override async ValueTask<Outcome<ProviderKey>> Rotate(CancellationToken cancellation)
    {
        if (await Post($"{options.Mount}/keys/{options.Key}/rotate", VaultBody.Strings(), cancellation) is { } fault) return fault;
        return await Newest(cancellation);
    }

    /// <summary>
    /// As its base says. Vault ends versions only together with all that are older; and raising <c>min_decryption_version</c> alone could
    /// be taken back, so that the key is trimmed as well, which cannot.
    /// </summary>
    public override async ValueTask<Fault?> Retire(int version, CancellationToken cancellation)
    {
        if (!(await Read(cancellation)).TryGet(out var key, out var fault)) return fault;
        if (key.Versions.All(one => one.Version != version)) return new Fault(FaultCode.NotFound, $"Vault's key {keyId} has no version {version}.");
        if (version == key.Latest) return new Fault(FaultCode.Conflict, $"Version {version} is the newest of Vault's key {keyId}, and stays.");
        if (key.Versions[0].Version < version) return new Fault(FaultCode.Conflict, $"Vault ends a version with all that are older: retire version {key.Versions[0].Version} first.");
        var least = version + 1;
        var path = $"{options.Mount}/keys/{options.Key}";
        return await Post($"{path}/config", VaultBody.Numbers(("min_decryption_version", least), ("min_encryption_version", Math.Max(least, key.MinEncryption))), cancellation)
            ?? await Post($"{path}/trim", VaultBody.Numbers(("min_available_version", least)), cancellation);
    }

    async ValueTask<Outcome<VaultKey>> Read(CancellationToken cancellation)
    {
        if (!(await vault.Ask(HttpMethod.Get, $"{options.Mount}/keys/{options.Key}", null, cancellation)).TryGet(out var answer, out var fault)) return fault;
        using (answer)
        {
            if (!answer.IsSuccess) return Refused(keyId, $"{answer.Status} {answer.Errors}");
            if (answer.Key(keyId) is not { } key) return Strange;
            if (!key.Encrypts) return Refused(keyId, "it is of a type that does not encrypt");
            // without derivation Vault ignores the context, and a wrap would open in any org
            if (!key.IsDerived) return Refused(keyId, "it is not derived: make it with derived=true");
            return key.IsConvergent ? Refused(keyId, "it is convergent: make it without convergent_encryption") : key;
        }
    }

    async ValueTask<Fault?> Post(string path, VaultBody body, CancellationToken cancellation)
    {
        using (body)
        {
            if (!(await vault.Ask(HttpMethod.Post, path, body, cancellation)).TryGet(out var answer, out var fault)) return fault;
            using (answer) return answer.IsSuccess ? null : Refused(keyId, $"{answer.Status} {answer.Errors}");
        }
    }

    // of items of which one failed, nothing is left behind
    async ValueTask<Outcome<VaultItem[]>> Batch(string key, string verb, VaultBody body, int count, CancellationToken cancellation)
    {
        var slash = key.LastIndexOf('/');
        if (slash <= 0) return SecretCipher.Broken("The name of the key that wrapped a secret's key is none.");
        if (!(await vault.Ask(HttpMethod.Post, $"{key[..slash]}/{verb}/{key[(slash + 1)..]}", body, cancellation)).TryGet(out var answer, out var fault)) return fault;
        using (answer)
        {
            // newer Vaults say 400 when an item fails, with the items all the same
            if (answer.Items(count) is not { } items) return answer.IsSuccess ? Strange : Refused(key, $"{answer.Status} {answer.Errors}");
            if (items.FirstOrDefault(item => item.Error is not null).Error is not { } error) return answer.IsSuccess ? items : Strange;
            foreach (var item in items) item.Plain?.Dispose();
            return IsBroken(error) ? SecretCipher.Broken("The wrapped key of a secret fails its check.") : Refused(key, error);
        }
    }

    // a version that Vault does not have any more is nothing that was altered here: the prefix was held against what is stored
    static bool IsBroken(string error) =>
        error.Contains("message authentication failed", StringComparison.Ordinal) || (error.Contains("invalid ciphertext", StringComparison.Ordinal) && !error.Contains("version is too new", StringComparison.Ordinal));

    Outcome<(string Context, string Ciphertext)[]> Texts(OrgKey key, IReadOnlyList<WrappedKey> keys)
    {
        var texts = new (string, string)[keys.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            if (!IsOf(key.ProviderVersion, keys[i].Wrapped)) return SecretCipher.Broken("The wrapped key of a secret is none of Vault's, or is of another version than is stored.");
            texts[i] = (Context(key, keys[i].ValueId), Encoding.ASCII.GetString(keys[i].Wrapped));
        }
        return texts;
    }

    static bool Wrapped(VaultItem[] items, OrgKey key, List<byte[]> into)
    {
        foreach (var item in items)
        {
            if (item.Ciphertext is null || Encoding.UTF8.GetBytes(item.Ciphertext) is not { } bytes || !IsOf(key.ProviderVersion, bytes)) return false;
            into.Add(bytes);
        }
        return true;
    }

    static bool IsOf(int version, ReadOnlySpan<byte> wrapped)
    {
        Span<byte> prefix = stackalloc byte[24];
        return System.Text.Unicode.Utf8.TryWrite(prefix, CultureInfo.InvariantCulture, $"vault:v{version}:", out var length) && wrapped.Length <= WrapBytesMax
            && wrapped.StartsWith(prefix[..length]) && Base64.IsValid(wrapped[length..], out var bytes) && bytes > 0;
    }

    static string Context(OrgKey key, Guid valueId) => Convert.ToBase64String(SecretCipher.Fields("stele/vault/1", key.Org.Value, valueId));

    Fault Refused(string key, string why)
    {
        log.KeyRefused(key, why);
        return VaultTrouble.Wrong($"does not do what is asked of its key {key}. The server's log says why.", why).Fault();
    }

    static Fault Strange => VaultTrouble.Strange("").Fault();
}
