using System.Globalization;

namespace Stele.Server.Database.Embedded;

/// <summary>The lock on a cluster: the kernel lets go of it when its holder ends, however that ends.</summary>
static class PostgresLock
{
    // errno of a lock that another process has: EWOULDBLOCK on Linux, on macOS
    const int HeldOnLinux = 11, HeldOnMac = 35;

    /// <summary>Null when another process has it.</summary>
    public static FileStream? Take(PostgresPlace place)
    {
        try
        {
            // FileShare.None is flock(LOCK_EX | LOCK_NB)
            var held = new FileStream(place.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            // beside the lock and not in it: opening a locked file to read it is refused too
            File.WriteAllText(place.LockHolder, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return held;
        }
        catch (UnauthorizedAccessException failure)
        {
            throw new EmbeddedPostgresException($"{place.Root} belongs to another user. Start as that user, or give STELE_DATA another directory.", failure);
        }
        catch (IOException failure) when (failure.HResult is HeldOnLinux or HeldOnMac)
        {
            return null;
        }
    }

    public static EmbeddedPostgresException Held(PostgresPlace place) =>
        new($"The database in {place.Root} is in use by {Holder(place)}. Stop that one first (./stele down, or kill -TERM), or give STELE_DATA another directory.");

    public static string Holder(PostgresPlace place) =>
        File.Exists(place.LockHolder) && File.ReadAllText(place.LockHolder).Trim() is { Length: > 0 } pid ? $"process {pid}" : "another process";
}
