using System.Globalization;
using Npgsql;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// <c>stele redact KEY --env E --version N --reason TEXT [--org NAME] [--yes]</c>: takes the value of one version out of the
/// journal and the history, for good, on record; <c>--user ID</c> instead of a key, what a user was called (<see cref="UserRedaction"/>); <c>--flag NAME</c>, a definition of a flag (<see cref="FlagRedaction"/>). Without --yes it says what it would empty. Exit codes as
/// <see cref="MigrateCommand"/>; 3: there is something to empty, and --yes was missing.
/// </summary>
internal static class RedactCommand
{
    /// <summary>The line that says how.</summary>
    public const string Usage = "usage: stele redact KEY --env ENVIRONMENT --version N --reason TEXT [--org NAME] [--yes]\n       stele redact --flag NAME --env ENVIRONMENT --version N --reason TEXT [--org NAME] [--yes]\n       stele redact --user ID --reason TEXT [--org NAME] [--yes]";

    const int TwinsShown = 20;

    /// <summary>Runs the command on the database of the owner's connection string.</summary>
    public static async Task<int> Run(string[] args, string ownerConnectionString, TextWriter output, CancellationToken cancellation)
    {
        if (!TryParse(args, out var asked, out var problem))
        {
            await output.WriteLineAsync(problem is null ? Usage : $"error: {problem}\n{Usage}");
            return MigrateCommand.Usage;
        }
        try
        {
            await using var database = await ArchiveDatabase.Open(ownerConnectionString, cancellation);
            await using var transaction = await database.Connection.BeginTransactionAsync(cancellation);
            var org = await Enter(database, asked.Org, cancellation);
            if (asked.User is not null || asked.Flag is not null)
            {
                var exit = asked.User is { } user ? await UserRedaction.Run(database, org, user, asked.Reason, asked.Yes, output, cancellation)
                    : await FlagRedaction.Run(database, org, asked.Flag!, asked.Environment, asked.Version, asked.Reason, asked.Yes, output, cancellation);
                if (exit != MigrateCommand.Done) return exit;
                await transaction.CommitAsync(CancellationToken.None);
                await output.WriteLineAsync("redacted: these events are empty, and on record. Backups and files that were made before still hold them");
                return MigrateCommand.Done;
            }
            var target = await Find(database, org, asked, cancellation);
            await Describe(database, org, asked, target, output, cancellation);
            if (!asked.Yes)
            {
                await output.WriteLineAsync("nothing was emptied: repeat with --yes, and it is gone for good");
                return MigrateCommand.Pending;
            }
            await using (var redact = PostgresParameters.Command(database.Connection, RedactSql, org.Value, target.Revision, target.Ordinal, Environment.UserName, asked.Reason))
                await redact.ExecuteNonQueryAsync(cancellation);
            await transaction.CommitAsync(CancellationToken.None);
            await output.WriteLineAsync($"redacted: event {target.Revision}.{target.Ordinal} is empty, and on record. Backups and files that were made before still hold it");
            return MigrateCommand.Done;
        }
        catch (PostgresException refused) when (refused.SqlState == "ST004")
        {
            await output.WriteLineAsync($"error: {refused.MessageText}. {refused.Hint}".TrimEnd());
            return MigrateCommand.Failed;
        }
        catch (Exception failure) when (failure is ArchiveException or NpgsqlException)
        {
            await output.WriteLineAsync($"error: {failure.Message}");
            return MigrateCommand.Failed;
        }
    }

    internal const string RedactSql = """SELECT stele.redact($1, $2, $3, $4, $5)""";

    /// <summary>The org of a name, which is that of the transaction from now on.</summary>
    static async Task<OrgId> Enter(ArchiveDatabase database, string name, CancellationToken cancellation)
    {
        await using var find = PostgresParameters.Command(database.Connection, OrgSql, name);
        if (await find.ExecuteScalarAsync(cancellation) is not int id) throw new ArchiveException($"There is no organization '{name}'.");
        await using var set = PostgresParameters.Command(database.Connection, SetOrgSql, id.ToString(CultureInfo.InvariantCulture));
        await set.ExecuteNonQueryAsync(cancellation);
        return new OrgId(id);
    }

    const string OrgSql = """SELECT org_id FROM stele.org WHERE name = $1""";

    const string SetOrgSql = """SELECT set_config('stele.org_id', $1, true)""";

    static async Task<Target> Find(ArchiveDatabase database, OrgId org, Asked asked, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, VersionSql, org.Value, asked.Environment, asked.Key, asked.Version);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) throw new ArchiveException($"{asked.Key} has no version {asked.Version} in {asked.Environment}.");
        if (reader.GetBoolean(6)) throw new ArchiveException($"Version {asked.Version} of {asked.Key} in {asked.Environment} is its deletion, which holds no value.");
        if (await reader.IsDBNullAsync(3, cancellation)) throw new ArchiveException($"Version {asked.Version} of {asked.Key} in {asked.Environment} is redacted already.");
        var id = reader.GetInt64(0);
        if (reader.GetInt64(7) == asked.Version)
            throw new ArchiveException($"Version {asked.Version} of {asked.Key} in {asked.Environment} is current: set another value or delete the key first, so that nobody reads an empty one.");
        return new Target(id >> 14, (int)(id & ((1 << 14) - 1)), reader.GetString(2), reader.GetInt32(3), Timestamp.From(reader.GetDateTime(4)), reader.GetString(5), reader.GetInt64(7), reader.GetBoolean(8));
    }

    const string VersionSql = """
        SELECT h.id, h.revision, h.value_type, octet_length(h.value), h.updated_at, h.updated_by, h.deleted, c.version, c.deleted
        FROM stele.configuration_history h
        JOIN stele.configuration c ON c.org_id = h.org_id AND c.environment = h.environment AND c.key = h.key
        WHERE h.org_id = $1 AND h.environment = $2 AND h.key = $3 AND h.version = $4
        """;

    static async Task Describe(ArchiveDatabase database, OrgId org, Asked asked, Target target, TextWriter output, CancellationToken cancellation)
    {
        await output.WriteLineAsync($"{asked.Key}, version {asked.Version}, in {asked.Environment} of {asked.Org}");
        await output.WriteLineAsync($"  event {target.Revision}.{target.Ordinal}, set {target.At} by {target.By}: a {target.Type} of {target.Bytes} bytes");
        await output.WriteLineAsync($"  the key is at version {target.Current} now{(target.IsDeleted ? ", its deletion" : "")}");
        await using var command = PostgresParameters.Command(database.Connection, TwinsSql, org.Value, asked.Environment, asked.Key, asked.Version, TwinsShown);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var twins = new List<string>();
        while (await reader.ReadAsync(cancellation)) twins.Add(reader.GetInt64(0).ToString(CultureInfo.InvariantCulture));
        if (twins.Count > 0) await output.WriteLineAsync($"  the same value is in version {string.Join(", ", twins)} too, which this does not empty");
    }

    const string TwinsSql = """
        SELECT t.version FROM stele.configuration_history h
        JOIN stele.configuration_history t ON t.org_id = h.org_id AND t.environment = h.environment AND t.key = h.key AND t.version <> h.version AND t.value = h.value
        WHERE h.org_id = $1 AND h.environment = $2 AND h.key = $3 AND h.version = $4
        ORDER BY t.version LIMIT $5
        """;

    static bool TryParse(string[] args, out Asked asked, out string? problem)
    {
        asked = new Asked("", "", 0, "", "default", false, null);
        problem = null;
        var keys = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            var value = i + 1 < args.Length ? args[i + 1] : null;
            if (args[i] == "--yes")
            {
                asked = asked with { Yes = true };
                continue;
            }
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                keys.Add(args[i]);
                continue;
            }
            if (value is null) return false;
            i++;
            switch (args[i - 1])
            {
                case "--env": asked = asked with { Environment = value }; break;
                case "--org": asked = asked with { Org = value }; break;
                case "--reason": asked = asked with { Reason = value }; break;
                case "--version" when long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version > 0: asked = asked with { Version = version }; break;
                case "--flag" when FlagKey.TryParse(value, out var flag, out _, out var message): asked = asked with { Flag = flag.Text }; break;
                case "--flag": problem = FlagKey.TryParse(value, out _, out _, out var why) ? null : why; return false;
                case "--user" when Guid.TryParseExact(value, "D", out var user): asked = asked with { User = user }; break;
                case "--user": problem = $"--user is the id of a user, not {value}"; return false;
                case "--version": problem = $"--version is a number from 1, not {value}"; return false;
                default: return false;
            }
        }
        if (asked.User is not null ? asked.Flag is not null || keys.Count > 0 || asked.Environment.Length > 0 || asked.Version > 0 : keys.Count != (asked.Flag is null ? 1 : 0)) return false;
        asked = asked with { Key = keys.FirstOrDefault("") };
        problem = Missing(asked);
        return problem is null;
    }

    static string? Missing(Asked asked) =>
        asked.User is null && asked.Flag is null && !ConfigKey.TryParse(asked.Key, out _, out _, out var message) ? message
        : asked.User is null && asked.Environment.Length == 0 ? "--env is missing: in which environment"
        : asked.User is null && asked.Version == 0 ? "--version is missing: which version"
        : string.IsNullOrWhiteSpace(asked.Reason) ? "--reason is missing: it is kept on record"
        : asked.Reason.Contains('\0') || asked.Reason.Length > SteleLimits.ChangeLogCharacters.Value ? $"--reason has at most {SteleLimits.ChangeLogCharacters.Value} characters, none of them U+0000"
        : null;

    sealed record Asked(string Key, string Environment, long Version, string Reason, string Org, bool Yes, Guid? User, string? Flag = null);

    sealed record Target(long Revision, int Ordinal, string Type, int Bytes, Timestamp At, string By, long Current, bool IsDeleted);
}
