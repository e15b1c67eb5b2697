namespace Stele.Bench.Peers;

/// <summary>Finds the PostgreSQL that a Stele started for itself, from its data directory alone.</summary>
internal static class EmbeddedPostgres
{
    /// <summary>Libpq's variables for its superuser; null if there is no such cluster, or it does not run.</summary>
    public static IReadOnlyDictionary<string, string>? Access(string steleData)
    {
        // postmaster.pid: process id, data directory, start time, port, socket directory
        if (PidFile(steleData) is not { } file || File.ReadAllLines(file) is not [_, _, _, var port, var sockets, ..]) return null;
        return new Dictionary<string, string>
        {
            ["PGHOST"] = sockets,
            ["PGPORT"] = port,
            ["PGUSER"] = Superuser,
            ["PGPASSWORD"] = File.ReadAllText(Path.Combine(Root(steleData), "password")).Trim(),
            ["PGDATABASE"] = "postgres",
        };
    }

    /// <summary>The major version of its files.</summary>
    public static string? Version(string steleData) =>
        Path.Combine(Root(steleData), "data", "PG_VERSION") is var file && File.Exists(file) ? File.ReadAllText(file).Trim() : null;

    /// <summary>The postmaster's process id.</summary>
    public static int? Postmaster(string steleData) => PidFile(steleData) is { } file && int.TryParse(File.ReadLines(file).FirstOrDefault(), out var id) ? id : null;

    const string Superuser = "stele_superuser";

    static string? PidFile(string steleData) => Path.Combine(Root(steleData), "data", "postmaster.pid") is var file && File.Exists(file) ? file : null;

    // In .stele/postgres, or where a note says.
    static string Root(string steleData) =>
        Path.Combine(steleData, "postgres-location") is var note && File.Exists(note) ? File.ReadAllText(note).Trim() : Path.Combine(steleData, "postgres");
}
