using System.Buffers.Text;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Server.Database;
using Stele.Server.Gateway;

namespace Stele.Server.Secrets.Keys;

/// <summary>One version in a key file.</summary>
/// <param name="Version">From 1, without gaps but for those that were retired.</param>
/// <param name="Id">The first 16 digits of a hash of it: by which what it wrapped names it.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="Key">The 32 bytes.</param>
internal sealed record FileKey(int Version, string Id, DateTimeOffset CreatedAt, SecretBuffer Key);

/// <summary>
/// The file of the local provider: one key a line, <c>VERSION TIME BASE64</c>, mode 600 and of the server's own user, else it is
/// refused. It is replaced whole, under its name, so that nobody reads half of it.
/// </summary>
internal static class KeyFile
{
    const string Head = "# Keys of Stele's secrets. Who has this file and the database can read every secret: keep a copy, and keep it apart from the database's backups.\n";
    const string FileName = "secret-keys";
    const int VersionsMax = 1_000, BytesMax = 1 << 20, TextBytes = 44;
    const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    const UnixFileMode Others = ~(Mine | UnixFileMode.UserExecute);

    /// <summary>Where it is unless another place is given.</summary>
    public static string PathIn(string data) => Path.Combine(data, FileName);

    /// <summary>Makes a file with one new key; does nothing if there is one.</summary>
    public static void MakeIfMissing(string path)
    {
        if (File.Exists(path)) return;
        using var key = NewKey();
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Write(path, [new FileKey(1, "", TimeProvider.System.GetUtcNow(), key)], overwrite: false);
    }

    /// <summary>Its keys, the oldest first. Throws <see cref="DatabaseSetupException"/> for a file that is not as it must be.</summary>
    public static IReadOnlyList<FileKey> Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (!OperatingSystem.IsWindows()) CheckOwner(path, file.SafeFileHandle);
            if (file.Length > BytesMax) throw Refused(path, "is no key file: it is too long");
            using var bytes = new SecretBuffer((int)file.Length);
            file.ReadExactly(bytes.Span);
            return Parse(path, bytes.Span);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatabaseSetupException($"The key file of secrets cannot be read: {e.Message}");
        }
    }

    /// <summary>Adds a version; of two processes that do so at once, one after the other.</summary>
    public static void Add(string path)
    {
        using var held = Lock(path);
        using var key = NewKey();
        var keys = Read(path);
        var version = keys[^1].Version + 1;
        if (version > VersionsMax) throw Refused(path, $"has had {VersionsMax} keys, which is as many as it may");
        Write(path, [.. keys, new FileKey(version, "", TimeProvider.System.GetUtcNow(), key)], overwrite: true);
    }

    /// <summary>Takes a version out. The newest stays.</summary>
    public static void Remove(string path, int version)
    {
        using var held = Lock(path);
        var keys = Read(path);
        if (keys[^1].Version == version) throw Refused(path, "keeps its newest key");
        Write(path, [.. keys.Where(key => key.Version != version)], overwrite: true);
    }

    static FileStream Lock(string path) => new(path + ".lock", new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = Mine });

    static void Write(string path, IReadOnlyList<FileKey> keys, bool overwrite)
    {
        var unfinished = $"{path}.{Guid.NewGuid():N}";
        // unbuffered: no copy of a key stays behind in a buffer that nobody zeroes
        using (var file = new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Mine, BufferSize = 0 }))
        {
            file.Write(Encoding.ASCII.GetBytes(Head));
            using var text = new SecretBuffer(TextBytes + 1);
            foreach (var key in keys)
            {
                file.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{key.Version} {key.CreatedAt:yyyy-MM-dd'T'HH:mm:ss'Z'} ")));
                Base64.EncodeToUtf8(key.Key.Span, text.Span, out _, out _);
                text.Span[TextBytes] = (byte)'\n';
                file.Write(text.Span);
            }
            file.Flush(flushToDisk: true);
        }
        try
        {
            File.Move(unfinished, path, overwrite);
        }
        catch (IOException) when (!overwrite && File.Exists(path))
        {
            // another process was faster, and its key is the one
            File.Delete(unfinished);
        }
    }

    static SecretBuffer NewKey()
    {
        var key = new SecretBuffer(KeyProvider.DataKeyBytes);
        RandomNumberGenerator.Fill(key.Span);
        return key;
    }

    static List<FileKey> Parse(string path, ReadOnlySpan<byte> bytes)
    {
        var keys = new List<FileKey>();
        foreach (var range in bytes.Split((byte)'\n'))
        {
            var line = bytes[range].Trim((byte)' ');
            if (line.Length == 0 || line[0] == '#') continue;
            var number = keys.Count + 1;
            var (first, second) = (line.IndexOf((byte)' '), line.LastIndexOf((byte)' '));
            if (first < 0 || first == second) throw Refused(path, $"has a line that is none, for key {number}: a line is VERSION TIME BASE64");
            if (!int.TryParse(line[..first], NumberStyles.None, CultureInfo.InvariantCulture, out var version) || version < 1 || version > VersionsMax || (keys.Count > 0 && version <= keys[^1].Version))
                throw Refused(path, $"has a version that does not follow the one before it, for key {number}");
            if (!DateTimeOffset.TryParse(Encoding.ASCII.GetString(line[(first + 1)..second]), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
                throw Refused(path, $"has a time that is none, for version {version}");
            var key = new SecretBuffer(KeyProvider.DataKeyBytes);
            var text = line[(second + 1)..];
            if (text.Length != TextBytes || Base64.DecodeFromUtf8(text, key.Span, out _, out var written) != System.Buffers.OperationStatus.Done || written != KeyProvider.DataKeyBytes)
                throw Refused(path, $"has a key of the wrong length, version {version}: a key is 32 bytes in base64");
            keys.Add(new FileKey(version, IdOf(key.Span), at, key));
        }
        return keys.Count > 0 ? keys : throw Refused(path, "holds no key");
    }

    static string IdOf(ReadOnlySpan<byte> key) => Convert.ToHexStringLower(HMACSHA256.HashData(key, "stele/key-id/1"u8).AsSpan(0, 8));

    static DatabaseSetupException Refused(string path, string why) => new($"The key file of secrets, {path}, {why}.");

    static void CheckOwner(string path, SafeFileHandle file)
    {
        if (StatX((int)file.DangerousGetHandle(), "", EmptyPath, BasicStats, out var found) != 0) throw new IOException($"{path} cannot be looked at");
        if (((UnixFileMode)(found.Mode & 0xFFF) & Others) != 0) throw Refused(path, $"may be read or written by others than its owner: chmod 600 {path}");
        if (found.Uid != EffectiveUser()) throw Refused(path, $"belongs to user {found.Uid}, and the server runs as {EffectiveUser()}: it must be the server's own");
    }

    const int EmptyPath = 0x1000;
    const uint BasicStats = 0x7ff;

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    struct Found
    {
        [FieldOffset(20)]
        public uint Uid;
        [FieldOffset(28)]
        public ushort Mode;
    }

    // .NET tells no owner; this call's layout is the same on every architecture
    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    static extern int StatX(int directory, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, out Found found);

    [DllImport("libc", EntryPoint = "geteuid")]
    static extern uint EffectiveUser();
}
