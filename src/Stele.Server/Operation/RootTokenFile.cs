using System.Buffers.Text;
using System.Security.Cryptography;

namespace Stele.Server.Operation;

/// <summary>The file in which a generated root token is kept for its owner, mode 600, whole or absent.</summary>
internal sealed class RootTokenFile(string directory)
{
    const string Prefix = "stele_root_";
    const int RandomBytes = 32;

    /// <summary>Where.</summary>
    public string Path { get; } = System.IO.Path.Combine(directory, "root-token");

    /// <summary>The token in it, or null.</summary>
    public string? Read() => File.Exists(Path) ? File.ReadAllText(Path).Trim() : null;

    /// <summary>A new token of 256 random bits.</summary>
    public static string NewToken() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>Puts a token there: on disk, under its name, with no moment in which others could read it.</summary>
    public void Write(string token)
    {
        const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (!Directory.Exists(directory)) Directory.CreateDirectory(directory, Mine | UnixFileMode.UserExecute);
        var unfinished = Path + ".new";
        File.Delete(unfinished);
        using (var file = new FileStream(unfinished, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Mine }))
        {
            using var writer = new StreamWriter(file, leaveOpen: true);
            writer.Write(token + "\n");
            writer.Flush();
            file.Flush(flushToDisk: true);
        }
        File.Move(unfinished, Path, overwrite: true);
    }

    /// <summary>Removes it.</summary>
    public void Remove() => File.Delete(Path);
}
