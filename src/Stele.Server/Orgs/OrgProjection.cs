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
                switch (e.Payload)
                {
                    case OrgCreated created:
                        batch.BatchCommands.Add(Command(InsertOrgSql, append.Org, created.Name, At(revision)));
                        batch.BatchCommands.Add(Command(InsertSettingSql, append.Org, created.DefaultEnvironment, revision.Revision));
                        break;
                    case EnvironmentCreated created:
                        batch.BatchCommands.Add(Command(InsertEnvironmentSql, append.Org, created.Name, created.Ordinal, created.Description, At(revision), revision.Revision));
                        break;
                }
    }

    const string InsertOrgSql = """
        INSERT INTO stele.org (org_id, name, created_at) VALUES ($1, $2, $3)
        """;

    const string InsertSettingSql = """
        INSERT INTO stele.org_setting (org_id, default_environment, revision) VALUES ($1, $2, $3)
        """;

    const string InsertEnvironmentSql = """
        INSERT INTO stele.environment (org_id, name, ordinal, description, created_at, revision) VALUES ($1, $2, $3, $4, $5, $6)
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
