using System.Security.Cryptography;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Gateway;
using Stele.Server.Secrets;
using Stele.Server.Secrets.Keys;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>
/// Encrypts as the server does, but with nonces and keys from dice, since a seed must be one run: what it makes is read by the server's own <see cref="SecretCipher"/>.
/// Keys of orgs are derived from nothing but their names: nobody is kept out here.
/// </summary>
internal sealed class SecretMaker(Dice dice)
{
    const int NonceBytes = 12, TagBytes = 16;

    static readonly string[] paths = ["db/password", "mail/token"];

    /// <summary>The one that there is from the beginning.</summary>
    public SecretPath First => SecretPath.Parse(paths[0], null);

    /// <summary>One of the secrets that there may be.</summary>
    public SecretPath APath() => SecretPath.Parse(paths[dice.Chance(0.85) ? 0 : 1], null);

    /// <summary>Where: so few secrets that each has a past.</summary>
    public string AnEnvironment() => CommandMaker.Environments[dice.Chance(0.85) ? 0 : 1];

    /// <summary>A new value for a secret, encrypted under a data key of its own.</summary>
    public SecretChange Set(OrgId org, string environment, SecretPath path, string value, int keyVersion, int? expected)
    {
        var (id, dataKey) = (dice.Id(), Bytes(KeyProvider.DataKeyBytes));
        var ciphertext = Encrypt(dataKey, Encoding.UTF8.GetBytes(value), SecretCipher.Fields("stele/secret/1", org.Value, environment, path.Text, id));
        return new SecretChange
        {
            Op = ChangeOp.Set, Environment = EnvironmentName.Parse(environment, null), Path = path, ExpectedVersion = expected,
            Value = new SealedValue(id, ciphertext, SHA256.HashData(Encoding.UTF8.GetBytes(value)), true), Key = Wrap(org, keyVersion, id, dataKey),
        };
    }

    /// <summary>A data key under a version of an org's key.</summary>
    public SecretKeyRow Wrap(OrgId org, int keyVersion, Guid id, byte[] dataKey) => new(id, keyVersion, Encrypt(OrgKey(org, keyVersion), dataKey, Bound(org, keyVersion, id)));

    /// <summary>The data key again; null: it was wrapped by another key, for another org or another value.</summary>
    public static byte[]? Unwrap(OrgId org, SecretKeyRow row)
    {
        var plain = new byte[row.Wrapped.Length - NonceBytes - TagBytes];
        try
        {
            using var aes = new AesGcm(OrgKey(org, row.KeyVersion), TagBytes);
            aes.Decrypt(row.Wrapped.AsSpan(0, NonceBytes), row.Wrapped.AsSpan(NonceBytes, plain.Length), row.Wrapped.AsSpan(NonceBytes + plain.Length), plain, Bound(org, row.KeyVersion, row.Id));
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    /// <summary>The value of a ciphertext, by the server's own code.</summary>
    public static string? Open(byte[] dataKey, OrgId org, string environment, string path, Guid id, byte[] ciphertext)
    {
        if (!SecretCipher.Decrypt(dataKey, org, environment, path, id, ciphertext).TryGet(out var value, out _)) return null;
        using (value) return Encoding.UTF8.GetString(value.Span);
    }

    byte[] Encrypt(byte[] key, byte[] value, byte[] bound)
    {
        var sealedBytes = new byte[NonceBytes + value.Length + TagBytes];
        Bytes(NonceBytes).CopyTo(sealedBytes.AsSpan());
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(sealedBytes.AsSpan(0, NonceBytes), value, sealedBytes.AsSpan(NonceBytes, value.Length), sealedBytes.AsSpan(NonceBytes + value.Length), bound);
        return sealedBytes;
    }

    byte[] Bytes(int count) => [.. Enumerable.Range(0, (count + 15) / 16).SelectMany(_ => dice.Id().ToByteArray()).Take(count)];

    static byte[] OrgKey(OrgId org, int version) => SHA256.HashData(SecretCipher.Fields("simulated", org.Value, version));

    static byte[] Bound(OrgId org, int version, Guid id) => SecretCipher.Fields("simulated wrap", org.Value, version, id);
}
