using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Orgs;

/// <summary>An org's own events → the directory, its settings and its environments, in the transaction of the append.</summary>
internal static class OrgProjection
{
    /// <summary>Adds the statements that a batch needs; almost always none.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        foreach (var revision in append.Revisions)
            foreach (var e in revision.Events)
                if (e.Payload is { } payload) Write(batch, append.Org, revision, payload);
    }

    /// <summary>Whether an event is the org's own: what a rebuild of these tables reads.</summary>
    public static bool IsOwn(JournalEvent? e) =>
        e is OrgCreated or OrgRenamed or OrgArchived or OrgUnarchived or OrgSettingsChanged or EnvironmentCreated or EnvironmentChanged or EnvironmentDeleted;

    /// <summary>The limits of a setting, as the column has them.</summary>
    public static string Limits(OrgSettings settings)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            foreach (var limit in settings.Limits) json.WriteNumber(limit.Name, limit.Value);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    /// <summary>The same, read again; jsonb has an order of its own.</summary>
    public static IReadOnlyList<LimitOverride> Limits(string column)
    {
        using var json = JsonDocument.Parse(column);
        return [.. json.RootElement.EnumerateObject().Select(limit => new LimitOverride(limit.Name, limit.Value.GetInt64())).OrderBy(limit => limit.Name, StringComparer.Ordinal)];
    }

    static void Write(NpgsqlBatch batch, OrgId org, RevisionRecord revision, JournalEvent payload)
    {
        var commands = batch.BatchCommands;
        switch (payload)
        {
            case OrgCreated created:
                commands.Add(Command(InsertOrgSql, org, created.Name, At(revision)));
                commands.Add(Command(InsertNameSql, org, created.Name));
                commands.Add(Command(InsertSettingSql, org, created.DefaultEnvironment, revision.Revision));
                break;
            case OrgRenamed renamed:
                commands.Add(Command(InsertNameSql, org, renamed.Name));
                commands.Add(Command(RenameSql, org, renamed.Name, renamed.Version));
                break;
            case OrgArchived archived:
                commands.Add(Command(ArchiveSql, org, At(revision), archived.Version));
                break;
            case OrgUnarchived unarchived:
                commands.Add(Command(UnarchiveSql, org, unarchived.Version));
                break;
            case OrgSettingsChanged changed:
                commands.Add(Command(UpdateSettingSql, org, changed.Settings.DefaultEnvironment, changed.Settings.Protected.ToArray(), Limits(changed.Settings), revision.Revision));
                commands.Add(Command(UpdateVersionSql, org, changed.Version));
                break;
            case EnvironmentCreated created:
                commands.Add(Command(ForgetDeletedSql, org, created.Name));
                commands.Add(Command(InsertEnvironmentSql, org, created.Name, created.Ordinal, created.Description, At(revision), revision.Revision, created.Version));
                break;
            case EnvironmentChanged changed:
                commands.Add(Command(UpdateEnvironmentSql, org, changed.Name, changed.Ordinal, changed.Description, revision.Revision, changed.Version));
                break;
            case EnvironmentDeleted deleted:
                commands.Add(Command(DeleteEnvironmentSql, org, deleted.Name, deleted.Version, At(revision), revision.Revision));
                break;
        }
    }

    const string InsertOrgSql = """
        INSERT INTO stele.org (org_id, name, created_at) VALUES ($1, $2, $3)
        """;

    // one that the org had before is there; one that is another org's breaks the key
    const string InsertNameSql = """
        INSERT INTO stele.org_name (name, org_id) SELECT $2, $1 WHERE NOT EXISTS (SELECT FROM stele.org_name n WHERE n.name = $2 AND n.org_id = $1)
        """;

    const string InsertSettingSql = """
        INSERT INTO stele.org_setting (org_id, default_environment, revision) VALUES ($1, $2, $3)
        """;

    const string RenameSql = """
        UPDATE stele.org SET name = $2, version = $3 WHERE org_id = $1
        """;

    const string ArchiveSql = """
        UPDATE stele.org SET archived_at = $2, version = $3 WHERE org_id = $1
        """;

    const string UnarchiveSql = """
        UPDATE stele.org SET archived_at = NULL, version = $2 WHERE org_id = $1
        """;

    const string UpdateSettingSql = """
        UPDATE stele.org_setting SET default_environment = $2, protected_environments = $3, limits = $4::jsonb, revision = $5 WHERE org_id = $1
        """;

    const string UpdateVersionSql = """
        UPDATE stele.org SET version = $2 WHERE org_id = $1
        """;

    const string ForgetDeletedSql = """
        DELETE FROM stele.deleted_environment WHERE org_id = $1 AND name = $2
        """;

    const string InsertEnvironmentSql = """
        INSERT INTO stele.environment (org_id, name, ordinal, description, created_at, revision, version) VALUES ($1, $2, $3, $4, $5, $6, $7)
        """;

    const string UpdateEnvironmentSql = """
        UPDATE stele.environment SET ordinal = $3, description = $4, revision = $5, version = $6 WHERE org_id = $1 AND name = $2
        """;

    const string DeleteEnvironmentSql = """
        WITH gone AS (DELETE FROM stele.environment WHERE org_id = $1 AND name = $2 RETURNING created_at)
        INSERT INTO stele.deleted_environment (org_id, name, version, created_at, deleted_at, revision) SELECT $1, $2, $3, gone.created_at, $4, $5 FROM gone
        """;

    static DateTime At(RevisionRecord revision) => revision.At.ToDateTime();

    static NpgsqlBatchCommand Command(string sql, OrgId org, params object?[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = org.Value });
        foreach (var value in values)
            command.Parameters.Add(value is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text } : new NpgsqlParameter { Value = value });
        return command;
    }
}
