using System.Collections.Concurrent;
using System.Security.Cryptography;
using Stele.Core.Faults;
using Stele.Server.Database;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Keys;

/// <summary>
/// Keys in a file of this machine. From each key of the file every org's own key is derived (HKDF with SHA-256; the org, the version
/// and its salt go in), and that one wraps by AES-256-GCM with a random nonce; org, version, key and value are bound in. So no
/// key of the file encrypts anything itself, and what an org wraps is counted by itself. Nodes that share a database share the
/// file; one that meets a version it does not know reads the file again.
/// </summary>
internal sealed class LocalKeys : KeyProvider
{
    const int NonceBytes = 12, TagBytes = 16, WrapBytes = NonceBytes + DataKeyBytes + TagBytes;

    readonly string path;
    readonly ConcurrentDictionary<(int Org, int Version, string KeyId), SecretBuffer> derived = new();
    IReadOnlyList<FileKey> keys = [];

    /// <summary>With the keys of a file, if it is there. Throws <see cref="DatabaseSetupException"/> when the file is not as it must be.</summary>
    public LocalKeys(string path)
    {
        this.path = path;
        if (File.Exists(path)) keys = KeyFile.Read(path);
    }

    /// <inheritdoc/>
    public override string Name => "local";

    /// <inheritdoc/>
    public override bool IsRemote => false;

    /// <inheritdoc/>
    public override ValueTask<Outcome<ProviderKey>> Newest(CancellationToken cancellation)
    {
        if (keys.Count == 0) TryReload();
        return new(keys.Count == 0 ? Missing : Shown(keys[^1]));
    }

    /// <inheritdoc/>
    public override ValueTask<Outcome<IReadOnlyList<ProviderKey>>> List(CancellationToken cancellation)
    {
        TryReload();
        return new(keys.Count == 0 ? Missing : new Outcome<IReadOnlyList<ProviderKey>>([.. keys.Select(Shown)]));
    }

    /// <inheritdoc/>
    public override ValueTask<Outcome<byte[][]>> Wrap(OrgKey key, IReadOnlyList<PlainKey> plain, CancellationToken cancellation)
    {
        if (!Derived(key).TryGet(out var kek, out var fault)) return new(fault);
        using var aes = new AesGcm(kek.Span, TagBytes);
        var wrapped = new byte[plain.Count][];
        for (var i = 0; i < wrapped.Length; i++)
        {
            var bytes = wrapped[i] = new byte[WrapBytes];
            RandomNumberGenerator.Fill(bytes.AsSpan(0, NonceBytes));
            aes.Encrypt(bytes.AsSpan(0, NonceBytes), plain[i].Key.Span, bytes.AsSpan(NonceBytes, DataKeyBytes), bytes.AsSpan(NonceBytes + DataKeyBytes), Bound(key, plain[i].ValueId));
        }
        return new(wrapped);
    }

    /// <inheritdoc/>
    public override ValueTask<Outcome<SecretBuffer[]>> Unwrap(OrgKey key, IReadOnlyList<WrappedKey> wrapped, CancellationToken cancellation)
    {
        if (!Derived(key).TryGet(out var kek, out var fault)) return new(fault);
        using var aes = new AesGcm(kek.Span, TagBytes);
        var plain = new SecretBuffer[wrapped.Count];
        for (var i = 0; i < plain.Length; i++)
        {
            plain[i] = new SecretBuffer(DataKeyBytes);
            var bytes = wrapped[i].Wrapped.AsSpan();
            try
            {
                if (bytes.Length != WrapBytes) throw new AuthenticationTagMismatchException();
                aes.Decrypt(bytes[..NonceBytes], bytes[NonceBytes..^TagBytes], bytes[^TagBytes..], plain[i].Span, Bound(key, wrapped[i].ValueId));
            }
            catch (AuthenticationTagMismatchException)
            {
                foreach (var one in plain) one?.Dispose();
                return new(SecretCipher.Broken("The wrapped key of a secret fails its check."));
            }
        }
        return new(plain);
    }

    /// <inheritdoc/>
    public override ValueTask<Outcome<ProviderKey>> Rotate(CancellationToken cancellation)
    {
        if (keys.Count == 0) TryReload();
        if (keys.Count == 0) return new(Missing);
        KeyFile.Add(path);
        keys = Merged(KeyFile.Read(path));
        return new(Shown(keys[^1]));
    }

    /// <inheritdoc/>
    public override ValueTask<Fault?> Retire(int version, CancellationToken cancellation)
    {
        TryReload();
        if (keys.FirstOrDefault(key => key.Version == version) is not { } found) return new(new Fault(FaultCode.NotFound, $"The key file has no version {version}."));
        KeyFile.Remove(path, version);
        keys = Merged(KeyFile.Read(path));
        foreach (var (name, kek) in derived)
            if (name.KeyId == found.Id && derived.TryRemove(name, out _)) kek.Span.Clear();
        return new((Fault?)null);
    }

    Outcome<SecretBuffer> Derived(OrgKey key)
    {
        if (derived.TryGetValue((key.Org.Value, key.Version, key.KeyId), out var known)) return known;
        if (Find(key) is not { } root) return Fault.Unavailable($"The key file has no key {key.KeyId} (version {key.ProviderVersion}), by which this was encrypted.", 30);
        var kek = new SecretBuffer(DataKeyBytes);
        HKDF.DeriveKey(HashAlgorithmName.SHA256, root.Key.Span, kek.Span, key.Salt, SecretCipher.Fields("stele/kek/1", key.Org.Value, key.Version));
        return derived.GetOrAdd((key.Org.Value, key.Version, key.KeyId), kek);
    }

    FileKey? Find(OrgKey key)
    {
        if (keys.FirstOrDefault(one => one.Id == key.KeyId) is { } found) return found;
        TryReload();
        return keys.FirstOrDefault(one => one.Id == key.KeyId);
    }

    // a file that was good at the start and is bad now takes away nothing that is known
    void TryReload()
    {
        try
        {
            if (File.Exists(path)) keys = Merged(KeyFile.Read(path));
        }
        catch (DatabaseSetupException)
        {
            return;
        }
    }

    // what is known stays the object that others may be reading
    IReadOnlyList<FileKey> Merged(IReadOnlyList<FileKey> read)
    {
        var merged = new List<FileKey>(read.Count);
        foreach (var key in read)
        {
            var known = keys.FirstOrDefault(one => one.Id == key.Id && one.Version == key.Version);
            if (known is not null) key.Key.Dispose();
            merged.Add(known ?? key);
        }
        return merged;
    }

    static byte[] Bound(OrgKey key, Guid valueId) => SecretCipher.Fields("stele/wrap/1", key.Org.Value, key.Version, key.KeyId, key.ProviderVersion, valueId);

    static ProviderKey Shown(FileKey key) => new(key.Id, key.Version, key.CreatedAt);

    Fault Missing => Fault.Unavailable($"There is no key file at {path}: docs/guides/secrets.md says how one is made. Every node that shares the database needs the same.", 30);
}
