namespace Stele.Server.Database.Embedded;

/// <summary>What PostgreSQL's programs print when they fail, said again with what to do about it.</summary>
static class PostgresFailure
{
    const long DiskFullBytes = 1 << 20;
    const int LogLinesShown = 10;

    public static EmbeddedPostgresException Explain(string what, string output, PostgresPlace place, PostgresUser user)
    {
        var text = output + "\n" + Tail(place);
        var owner = user.Name ?? Environment.UserName;
        if (Has("No space left on device") || Has("Disk quota exceeded") || Has("Check free disk space") || FreeBytes(place.Root) < DiskFullBytes)
            return new($"{what}: the disk is full ({FreeBytes(place.Root) >> 20} MB are free for {place.Root}). Free some space and start again; nothing that was acknowledged is lost.");
        if (Has("has wrong ownership"))
            return new($"{what}: it belongs to another user than '{owner}', as whom PostgreSQL runs. Give it back (chown -R {owner} {place.Data}), or start Stele as the user who made it.");
        if (Has("has invalid permissions"))
            return new($"{what}: others may enter it, which PostgreSQL does not accept. Close it: chmod 700 {place.Data}");
        if (Has("Permission denied"))
            return new($"{what}: user '{owner}' may not read or write a file there. {First("Permission denied")} Give the files back (chown -R {owner} {place.Data}).");
        if (Has("could not bind") || Has("could not create any TCP/IP sockets"))
            return new($"{what}: its TCP port is taken. {First("could not bind")}");
        if (Has("could not map anonymous shared memory") || Has("Cannot allocate memory"))
            return new($"{what}: there is too little memory for it. ALTER SYSTEM SET shared_buffers, or give the machine more. {First("memory")}");
        if (Has("lock file \"postmaster.pid\" already exists"))
            return new($"{what}: {place.PidFile} says that it runs already. {First("Is another")} If that process is not PostgreSQL, remove the file.");
        return new($"{what}. PostgreSQL said:\n{string.Join('\n', Lines().TakeLast(LogLinesShown).Select(line => "  " + line))}" +
            (Directory.Exists(place.Data) ? $"\nIts log is in {place.Data}/log." : ""));

        bool Has(string words) => text.Contains(words, StringComparison.Ordinal);
        IEnumerable<string> Lines() => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        string First(string words) => Lines().FirstOrDefault(line => line.Contains(words, StringComparison.Ordinal)) is { } line ? line + "." : "";
    }

    public static long FreeBytes(string directory) => new DriveInfo(directory).AvailableFreeSpace;

    /// <summary>What this start printed before PostgreSQL opened its log, and the end of the newest log.</summary>
    static string Tail(PostgresPlace place)
    {
        try
        {
            var logs = Path.Combine(place.Data, "log");
            var newest = Directory.Exists(logs) ? Directory.EnumerateFiles(logs).OrderByDescending(File.GetLastWriteTimeUtc).FirstOrDefault() : null;
            return string.Join('\n', new[] { newest, place.StartLog }.Where(File.Exists).SelectMany(file => File.ReadLines(file!).TakeLast(LogLinesShown)));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
