using System.Runtime.InteropServices;
using Stele.Server.Database;
using Stele.Server.Secrets.Keys;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>The key file is read by its owner alone, and only as it must be.</summary>
public sealed class KeyFileTests : IDisposable
{
    readonly string directory = Directory.CreateTempSubdirectory("stele-key-file-").FullName;

    string FilePath => Path.Combine(directory, "keys");

    [Fact]
    public void A_file_that_was_made_holds_one_key_for_its_owner_alone_and_stays()
    {
        KeyFile.MakeIfMissing(FilePath);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        var key = Assert.Single(KeyFile.Read(FilePath));
        Assert.Equal((1, 32), (key.Version, key.Key.Length));
        KeyFile.MakeIfMissing(FilePath);
        Assert.Equal(key.Id, Assert.Single(KeyFile.Read(FilePath)).Id);
        KeyFile.Add(FilePath);
        Assert.Equal([1, 2], KeyFile.Read(FilePath).Select(one => one.Version));
        KeyFile.Remove(FilePath, 1);
        KeyFile.Add(FilePath);
        Assert.Equal([2, 3], KeyFile.Read(FilePath).Select(one => one.Version));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        Assert.Contains("keeps its newest key", Assert.Throws<DatabaseSetupException>(() => KeyFile.Remove(FilePath, 3)).Message);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void A_file_that_others_may_touch_is_refused(UnixFileMode mode)
    {
        KeyFile.MakeIfMissing(FilePath);
        File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | mode);
        Assert.Contains("chmod 600", Assert.Throws<DatabaseSetupException>(() => new LocalKeys(FilePath)).Message);
    }

    [Fact]
    public void A_file_of_another_owner_is_refused()
    {
        KeyFile.MakeIfMissing(FilePath);
        // only root can give a file away
        if (ChangeOwner(FilePath, 65_534, 65_534) != 0) return;
        Assert.Contains("belongs to user 65534", Assert.Throws<DatabaseSetupException>(() => new LocalKeys(FilePath)).Message);
    }

    [Theory]
    [InlineData("", "holds no key")]
    [InlineData("1 2026-01-01T00:00:00Z AAAA\n", "of the wrong length")]
    [InlineData("1 2026-01-01T00:00:00Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n", "of the wrong length")]
    [InlineData("1 2026-01-01T00:00:00Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", "of the wrong length")]
    [InlineData("1 2026-01-01T00:00:00Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n1 2026-01-01T00:00:00Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "does not follow")]
    [InlineData("x 2026-01-01T00:00:00Z AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "does not follow")]
    [InlineData("1 yesterday AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "a time that is none")]
    [InlineData("nonsense\n", "a line that is none")]
    public void A_file_that_is_none_is_refused(string text, string why)
    {
        File.WriteAllText(FilePath, text);
        File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var refusal = Assert.Throws<DatabaseSetupException>(() => new LocalKeys(FilePath)).Message;
        Assert.Contains(why, refusal);
        Assert.DoesNotContain("AAAA", refusal);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [DllImport("libc", EntryPoint = "chown", SetLastError = true)]
    static extern int ChangeOwner([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint owner, uint group);
}
