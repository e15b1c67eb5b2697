using System.Globalization;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// <c>stele redact --flag NAME --env E --version N</c>: takes one definition of a flag, or of what belongs to an environment's flags, out of the journal
/// and the history; and out of the archivings that repeat it.
/// </summary>
internal static class FlagRedaction
{
    /// <summary>Redacts within the transaction of the caller, or with <paramref name="yes"/> false says what it would; the exit code.</summary>
    public static async Task<int> Run(ArchiveDatabase database, OrgId org, string name, string environment, long version, string reason, bool yes, TextWriter output, CancellationToken cancellation)
    {
        long id;
        await using (var command = PostgresParameters.Command(database.Connection, VersionSql, org.Value, environment, name, version))
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            var what = $"ersion {version} of {name} in {environment}";
            if (!await reader.ReadAsync(cancellation)) throw new ArchiveException($"{name} has no version {version} in {environment}.");
            if (reader.GetBoolean(4)) throw new ArchiveException($"V{what} is its deletion, which holds no definition.");
            if (reader.GetBoolean(5)) throw new ArchiveException($"V{what} is its archiving, which repeats the definition before it: redact that version.");
            if (reader.GetBoolean(6)) throw new ArchiveException($"V{what} is redacted already.");
            if (!reader.GetBoolean(7)) throw new ArchiveException($"V{what} is current: set another definition or delete the flag first, so that nobody evaluates an empty one.");
            id = reader.GetInt64(0);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"v{what}: event {id >> 14}.{id & ((1 << 14) - 1)}, set {Timestamp.From(reader.GetDateTime(2))} by {reader.GetString(3)}: {reader.GetInt32(1)} bytes"));
        }
        if (!yes)
        {
            await output.WriteLineAsync("nothing was emptied: repeat with --yes, and it is gone for good");
            return MigrateCommand.Pending;
        }
        await using var redact = PostgresParameters.Command(database.Connection, RedactCommand.RedactSql, org.Value, id >> 14, (int)(id & ((1 << 14) - 1)), Environment.UserName, reason);
        await redact.ExecuteNonQueryAsync(cancellation);
        return MigrateCommand.Done;
    }

    const string VersionSql = """
        SELECT h.id, coalesce(octet_length(h.definition), 0), h.updated_at, h.updated_by, h.deleted, h.archived, coalesce(h.definition = 'null', false),
               EXISTS (SELECT FROM stele.flag_history n WHERE n.org_id = $1 AND n.environment = $2 AND n.name = $3 AND n.version > $4 AND NOT n.archived)
        FROM stele.flag_history h WHERE h.org_id = $1 AND h.environment = $2 AND h.name = $3 AND h.version = $4
        """;
}
