namespace Stele.Bench.Peers;

/// <summary>Finds the PostgreSQL that a Stele started for itself, from its data directory alone.</summary>
internal static class EmbeddedPostgres
{
    public static PostgresAccess? Find(string steleData) => null;

    public static string? Version(string steleData) =>
        Directory.EnumerateFiles(steleData, "PG_VERSION", SearchOption.AllDirectories).OrderBy(path => path.Length).Select(path => File.ReadAllText(path).Trim()).FirstOrDefault();

    /// <summary>The postmaster's process id, from the first line of its postmaster.pid.</summary>
    public static int? Postmaster(string steleData)
    {
        var file = Directory.EnumerateFiles(steleData, "postmaster.pid", SearchOption.AllDirectories).FirstOrDefault();
        return file is not null && int.TryParse(File.ReadLines(file).FirstOrDefault(), out var id) ? id : null;
    }
}
