using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Stele.Server.Database.Embedded;

/// <summary>
/// Where a cluster's files lie. <see cref="Root"/> is ours and holds what PostgreSQL must not write (lock, password,
/// settings); <see cref="Data"/> and <see cref="Sockets"/> belong to the user that PostgreSQL runs as.
/// </summary>
internal sealed partial record PostgresPlace(string Root, string Sockets)
{
    const string NoteName = "postgres-location";
    const string UnfinishedPrefix = "data.new.";

    // sockaddr_un holds 104 bytes on macOS, 108 on Linux, with a closing zero
    const int SocketPathBytesMax = 103;

    public string Data => Path.Combine(Root, "data");
    public string Lock => Path.Combine(Root, "lock");
    public string LockHolder => Path.Combine(Root, "lock.pid");
    public string Password => Path.Combine(Root, "password");
    public string Settings => Path.Combine(Root, "postgresql.conf");
    public string StartLog => Path.Combine(Data, "start.log");
    public string PidFile => Path.Combine(Data, "postmaster.pid");
    public string VersionFile => Path.Combine(Data, "PG_VERSION");

    /// <summary>
    /// In <c>.stele/postgres</c>, unless we are root and PostgreSQL's user cannot enter that; then outside, with the place
    /// noted in <c>.stele/postgres-location</c>. A note, once written, decides.
    /// </summary>
    public static async Task<PostgresPlace> Choose(EmbeddedPostgresOptions options, PostgresUser user, ILogger log, CancellationToken ct)
    {
        var stele = Path.GetFullPath(options.DataDirectory);
        try
        {
            Directory.CreateDirectory(stele);
            var note = Path.Combine(stele, NoteName);
            var root = File.Exists(note) ? (await File.ReadAllTextAsync(note, ct)).Trim() : null;
            if (root is null && (user.Name is null || await CanEnter(user, stele, ct)))
                root = Path.Combine(stele, "postgres");
            if (root is null)
            {
                root = Outside(options, stele, log);
                await File.WriteAllTextAsync(note, root + "\n", ct);
            }
            MakeRoot(root, user);
            var sockets = await MakeSockets(root, user, ct);
            return new PostgresPlace(root, sockets);
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new EmbeddedPostgresException($"{failure.Message} Stele's data was made by another user, or lies where we may not write: " +
                $"start as the owner of {stele}, or give STELE_DATA another directory.", failure);
        }
        catch (IOException failure) when (failure is not FileNotFoundException)
        {
            throw new EmbeddedPostgresException($"Stele's data directory {stele} cannot be used: {failure.Message}", failure);
        }
    }

    /// <summary>
    /// What initdb fills; renamed to <see cref="Data"/> when it is whole, so that a half-made cluster is never taken for one.
    /// Each is new: an initdb whose server was killed may still be writing to the last one.
    /// </summary>
    public string NewUnfinished() => Path.Combine(Root, UnfinishedPrefix + Guid.NewGuid().ToString("N")[..8]);

    public void RemoveUnfinished()
    {
        foreach (var unfinished in Directory.EnumerateDirectories(Root, UnfinishedPrefix + "*"))
            try
            {
                Directory.Delete(unfinished, recursive: true);
            }
            catch (IOException)
            {
                // still being written to: the next start removes it
            }
    }

    static async Task<bool> CanEnter(PostgresUser user, string directory, CancellationToken ct) =>
        (await user.Run("test", ["-x", directory], ct)).ExitCode == 0;

    /// <summary>A directory that no other note points to: a cluster left behind by a deleted <c>.stele</c> is not taken up, because its keys and token are gone.</summary>
    static string Outside(EmbeddedPostgresOptions options, string stele, ILogger log)
    {
        var first = Path.Combine(options.SystemDirectory, ShortHash(stele));
        var place = first;
        for (var number = 2; Directory.Exists(place); number++)
            place = $"{first}-{number}";
        if (place != first)
            log.LeftAside(first, place);
        return place;
    }

    /// <summary>PostgreSQL's user may pass through to what is its own, and list nothing; set again after creation, because a umask may take rights away.</summary>
    static void MakeRoot(string root, PostgresUser user)
    {
        const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        const UnixFileMode Pass = Mine | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        var parent = Path.GetDirectoryName(root)!;
        if (user.Name is not null && !Directory.Exists(parent))
            File.SetUnixFileMode(Directory.CreateDirectory(parent).FullName, Pass);
        Directory.CreateDirectory(root);
        File.SetUnixFileMode(root, user.Name is null ? Mine : Pass);
    }

    static async Task<string> MakeSockets(string root, PostgresUser user, CancellationToken ct)
    {
        var sockets = Path.Combine(root, "socket");
        // both sides take a list of directories there, each with its own quoting: only a plain path is safe
        if (!PlainPath().IsMatch(sockets) || sockets.Length + "/.s.PGSQL.65535".Length > SocketPathBytesMax)
        {
            // root's own places cannot be prepared by others; in /tmp the owner check below counts
            var parent = user.Name is not null ? "/run" : Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 and < 50 } own ? own : "/tmp";
            sockets = Path.Combine(parent, $"stele-{ShortHash(root)}");
        }
        await user.MakeDirectory(sockets, ct);
        if (new DirectoryInfo(sockets).LinkTarget is not null)
            throw new EmbeddedPostgresException($"{sockets}, the place for PostgreSQL's socket, is a link that somebody else may have made. Remove it and start again.");
        if (user.Name is null)
            // refused by the system unless the directory is ours
            File.SetUnixFileMode(sockets, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return sockets;
    }

    /// <summary>After the end: a directory in a shared place is not left behind.</summary>
    public void RemoveSockets()
    {
        if (Path.GetDirectoryName(Sockets) != Root && Directory.Exists(Sockets))
            Directory.Delete(Sockets, recursive: true);
    }

    [GeneratedRegex("^[A-Za-z0-9/._-]+$")]
    private static partial Regex PlainPath();

    static string ShortHash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..12];
}
