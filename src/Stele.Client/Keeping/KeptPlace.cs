using System.Security.Cryptography;
using Stele.Client.Following;

namespace Stele.Client.Keeping;

/// <summary>Where what was last known lies, and the secret beside it, which is made once and outlives every token.</summary>
internal static class KeptPlace
{
    const int SecretBytes = 32;

    internal static LastKnown? For(SteleClientOptions client, FollowPlan plan, FollowOptions options, Action<SteleNotice> say)
    {
        if (options.LastKnown is not { } wish || (plan.Kind == "secret" && !wish.Secrets)) return null;
        if (wish.Secret is { Length: < 16 }) throw new ArgumentException("LastKnown.Secret has at least 16 bytes.", nameof(options));
        var identity = Identity.Of(client, plan, wish.Application);
        var directory = wish.Directory ?? ProcessSettings.Given("STELE_CACHE") ?? Home("XDG_CACHE_HOME", ".cache", "stele");
        var keys = wish.KeyDirectory ?? ProcessSettings.Given("STELE_CACHE_KEYS") ?? (wish.Directory is { } own ? Path.Combine(own, "keys") : Home("XDG_STATE_HOME", Path.Combine(".local", "state"), Path.Combine("stele", "keys")));
        var made = new Lazy<byte[]>(() => Made(Path.Combine(keys, identity)), LazyThreadSafetyMode.PublicationOnly);
        return new LastKnown(directory, wish.Secret is { } given ? given.ToArray : () => made.Value, identity, wish, client.Clock, say);
    }

    // of two processes that make one at once, the second takes the first's
    static byte[] Made(string path)
    {
        if (File.Exists(path)) return Read(path);
        var directory = Path.GetDirectoryName(path)!;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(directory);
        else Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var temporary = $"{path}.{Environment.ProcessId}";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(temporary, options))
        {
            file.Write(RandomNumberGenerator.GetBytes(SecretBytes));
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
        return Read(path);
    }

    static byte[] Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        return bytes.Length == SecretBytes ? bytes : throw new InvalidDataException($"{path} is no secret of Stele's: delete it, and another is made.");
    }

    static string Home(string variable, string below, string name)
    {
        if (ProcessSettings.Given(variable) is { } given) return Path.Combine(given, name);
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length > 0 ? Path.Combine(home, below, name) : Path.Combine(Path.GetTempPath(), $"stele-{Environment.UserName}", name);
    }
}
