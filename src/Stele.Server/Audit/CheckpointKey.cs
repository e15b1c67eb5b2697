using System.Security.Cryptography;
using Stele.Server.Database;

namespace Stele.Server.Audit;

/// <summary>An ECDSA key on P-256 in a PEM file: that of checkpoints, or the public half of it.</summary>
internal sealed class CheckpointKey : IDisposable
{
    const string FileName = "checkpoint-key.pem";
    const string P256 = "1.2.840.10045.3.1.7";
    const UnixFileMode OthersMode = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    const DSASignatureFormat Format = DSASignatureFormat.Rfc3279DerSequence;

    readonly ECDsa key;

    CheckpointKey(ECDsa key) => this.key = key;

    /// <summary>Which key it is: the first 16 digits of the SHA-256 of its public half.</summary>
    public string Id => Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()).AsSpan(0, 8));

    /// <summary>The public half, to be kept elsewhere.</summary>
    public string PublicPem => key.ExportSubjectPublicKeyInfoPem();

    /// <summary>Where the key is unless another is given.</summary>
    public static string PathIn(string data) => Path.Combine(data, FileName);

    /// <summary>The key of the data directory, made when there is none.</summary>
    public static CheckpointKey Own(string data)
    {
        var path = PathIn(data);
        if (!File.Exists(path)) Make(path);
        return Private(path);
    }

    /// <summary>A key that can sign. Throws <see cref="DatabaseSetupException"/> when the file holds none, or others may read it.</summary>
    public static CheckpointKey Private(string path)
    {
        var loaded = Load(path);
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & OthersMode) != 0)
            throw new DatabaseSetupException($"{path} holds a private key, and others than its owner may read it: chmod 600 {path}");
        try
        {
            loaded.Sign([]);
            return loaded;
        }
        catch (CryptographicException)
        {
            throw new DatabaseSetupException($"{path} holds the public half of a key only, which cannot sign.");
        }
    }

    /// <summary>A key that can verify: a public one, or a private one.</summary>
    public static CheckpointKey Load(string path)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != P256) throw new CryptographicException("another curve");
            return new CheckpointKey(key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new DatabaseSetupException($"{path} is not a key of ECDSA on P-256 in PEM.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            throw new DatabaseSetupException($"The key of checkpoints cannot be read: {e.Message}");
        }
    }

    /// <summary>Signs; in DER, as openssl takes it.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data) => key.SignData(data, HashAlgorithmName.SHA256, Format);

    /// <summary>Whether a signature is this key's.</summary>
    public bool Verifies(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) => key.VerifyData(data, signature, HashAlgorithmName.SHA256, Format);

    /// <inheritdoc/>
    public void Dispose() => key.Dispose();

    /// <summary>Under another name first: whoever is killed midway leaves no half of a key, and of two at once the first one's stays.</summary>
    static void Make(string path)
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var temporary = $"{path}.{Guid.NewGuid():N}";
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(temporary, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem() + "\n"));
            file.Flush(flushToDisk: true);
        }
        try
        {
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }
}
