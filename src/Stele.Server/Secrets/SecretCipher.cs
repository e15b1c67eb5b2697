using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets;

/// <summary>
/// How values are encrypted: AES-256-GCM with a data key and a nonce of their own, a tag of 16 bytes, and as additional data the
/// format, the org, the environment, the path and the value's random id, each with its length before it. So a ciphertext is
/// read in its own place or nowhere.
/// </summary>
internal static class SecretCipher
{
    const string Format = "stele/secret/1";
    const int NonceBytes = 12, TagBytes = 16;

    /// <summary>Bytes that a ciphertext has more than its value.</summary>
    public const int Overhead = NonceBytes + TagBytes;

    /// <summary>Nonce, ciphertext and tag of a value.</summary>
    public static byte[] Encrypt(ReadOnlySpan<byte> dataKey, OrgId org, string environment, string path, Guid valueId, ReadOnlySpan<byte> value)
    {
        var sealedBytes = new byte[Overhead + value.Length];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(dataKey, TagBytes);
        aes.Encrypt(sealedBytes.AsSpan(0, NonceBytes), value, sealedBytes.AsSpan(NonceBytes, value.Length), sealedBytes.AsSpan(NonceBytes + value.Length), Bound(org, environment, path, valueId));
        return sealedBytes;
    }

    /// <summary>The value, for the caller to dispose of; integrity if any bit of it, or of where it stands, is not as it was.</summary>
    public static Outcome<SecretBuffer> Decrypt(ReadOnlySpan<byte> dataKey, OrgId org, string environment, string path, Guid valueId, ReadOnlySpan<byte> sealedBytes)
    {
        if (sealedBytes.Length < Overhead) return Broken("A ciphertext is cut short.");
        var value = new SecretBuffer(sealedBytes.Length - Overhead);
        try
        {
            using var aes = new AesGcm(dataKey, TagBytes);
            aes.Decrypt(sealedBytes[..NonceBytes], sealedBytes[NonceBytes..^TagBytes], sealedBytes[^TagBytes..], value.Span, Bound(org, environment, path, valueId));
            return value;
        }
        catch (AuthenticationTagMismatchException)
        {
            value.Dispose();
            return Broken("A ciphertext fails its check.");
        }
    }

    /// <summary>The fault of bytes that are not what was stored.</summary>
    public static Fault Broken(string what) => new(FaultCode.Integrity, $"{what} It was not given out; the audit log has it, and 'stele verify' looks at the journal.");

    /// <summary>Fields with their lengths before them, so that no two lists of fields are the same bytes.</summary>
    public static byte[] Fields(params ReadOnlySpan<object> fields)
    {
        using var bytes = new MemoryStream(128);
        Span<byte> number = stackalloc byte[4];
        foreach (var field in fields)
        {
            byte[] one;
            switch (field)
            {
                case string text:
                    one = Encoding.UTF8.GetBytes(text);
                    break;
                case int value:
                    one = new byte[4];
                    BinaryPrimitives.WriteInt32BigEndian(one, value);
                    break;
                default:
                    one = ((Guid)field).ToByteArray(bigEndian: true);
                    break;
            }
            BinaryPrimitives.WriteInt32BigEndian(number, one.Length);
            bytes.Write(number);
            bytes.Write(one);
        }
        return bytes.ToArray();
    }

    static byte[] Bound(OrgId org, string environment, string path, Guid valueId) => Fields(Format, org.Value, environment, path, valueId);
}
