using Stele.Server.Database.Embedded;

namespace Stele.Prove.Processes;

/// <summary>PostgreSQL's programs and whom they run as, found as the server finds them for its embedded one.</summary>
/// <param name="Directory">Where the programs are.</param>
/// <param name="Version">Such as 15.18.</param>
/// <param name="User">A system user when we are root, whom PostgreSQL refuses; else null: ourselves.</param>
internal sealed record PostgresPrograms(string Directory, string Version, string? User)
{
    /// <summary>Of the oldest version that Stele promises to work with, or the next that is here; null when there is none with all that we need.</summary>
    public static async Task<PostgresPrograms?> Find()
    {
        var user = await PostgresUser.Choose("stele", CancellationToken.None);
        var all = await PostgresBinaries.FindAll(new EmbeddedPostgresOptions { DataDirectory = "/nonexistent" }, user, CancellationToken.None);
        var found = all.Where(one => File.Exists(Path.Combine(one.Directory, "pg_basebackup"))).MinBy(one => one.Major);
        return found is null ? null : new PostgresPrograms(found.Directory, found.Version, user.Name);
    }

    public string this[string program] => Path.Combine(Directory, program);
}
