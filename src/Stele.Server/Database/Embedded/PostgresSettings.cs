using System.Text;

namespace Stele.Server.Database.Embedded;

/// <summary>
/// The settings file, written anew at each start. It lies outside the data directory, where PostgreSQL's user cannot
/// change it; what an operator sets with ALTER SYSTEM still wins, as that is read last.
/// </summary>
static class PostgresSettings
{
    public static async Task Write(PostgresPlace place, EmbeddedPostgresOptions options, CancellationToken ct)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in Defaults)
            settings[name] = value;
        settings["unix_socket_directories"] = place.Sockets;
        // before recovery everything is flushed: one call, not one for each of the 1,500 files, took 0.2 s instead of 4 on a busy disk
        if (OperatingSystem.IsLinux())
            settings["recovery_init_sync_method"] = "syncfs";
        foreach (var (name, value) in options.Settings)
            settings[name] = value;
        var text = new StringBuilder("# Written by Stele at each start. To change a setting: ALTER SYSTEM SET name = value.\n");
        foreach (var (name, value) in settings)
            text.Append(name).Append(" = '").Append(value.Replace("'", "''", StringComparison.Ordinal)).Append("'\n");
        await File.WriteAllTextAsync(place.Settings, text.ToString(), ct);
        // no secret is in it, and PostgreSQL, perhaps another user, must read it
        File.SetUnixFileMode(place.Settings, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }

    /// <summary>What only the command line may say, because ALTER SYSTEM must not change it: where PostgreSQL listens.</summary>
    public static string CommandLine(EmbeddedPostgresOptions options) =>
        $"-c config_file=../postgresql.conf -c port={Port(options)} -c listen_addresses={(options.TcpPort is null ? "" : "127.0.0.1")}";

    public static int Port(EmbeddedPostgresOptions options) => options.TcpPort ?? 5432;

    static readonly (string Name, string Value)[] Defaults =
    [
        // an acknowledged write is on the disk
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("wal_level", "replica"),
        // more WAL between checkpoints means fewer full-page images and a longer recovery; 1 GB is replayed in seconds
        ("max_wal_size", "1GB"),
        ("min_wal_size", "128MB"),
        ("checkpoint_completion_target", "0.9"),

        ("max_connections", "100"),
        ("shared_buffers", "256MB"),
        ("effective_cache_size", "1GB"),
        ("maintenance_work_mem", "128MB"),
        ("random_page_cost", "1.1"),
        // our statements are short and prepared: compiling them costs more than it gives
        ("jit", "off"),

        ("password_encryption", "scram-sha-256"),
        ("unix_socket_permissions", "0700"),
        ("restart_after_crash", "on"),
        ("timezone", "UTC"),

        // a week of log files, by day, and in none of them a statement, its parameters or a row's values
        ("logging_collector", "on"),
        ("log_directory", "log"),
        ("log_filename", "postgresql-%a.log"),
        ("log_rotation_age", "1d"),
        ("log_rotation_size", "0"),
        ("log_truncate_on_rotation", "on"),
        ("log_timezone", "UTC"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "-1"),
        ("log_min_error_statement", "panic"),
        ("log_parameter_max_length_on_error", "0"),
        ("log_error_verbosity", "terse"),
        ("lc_messages", "C"),
    ];
}
