using System.Globalization;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Access;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Orgs;
using Stele.Server.Outbound.Webhooks;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele projections rebuild organizations</c>: the directory, the settings, the environments, who may do what, and the webhooks (without verifiers and secrets, which are in no journal). They
/// are few rows an org, so each org's are replaced in one transaction, which holds the org's head against appends for as long
/// as it takes to read what was appended since the first reading.
/// </summary>
internal sealed class OrgRebuild(string ownerConnectionString, IJournalStore journal, ProgressText progress)
{
    /// <summary>Does it, org by org; the rows that were put in place.</summary>
    public async Task<int> Run(IReadOnlyList<OrgId> orgs, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false, ApplicationName = "stele-rebuild" }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
        var rows = 0;
        foreach (var org in orgs) rows += await Rebuild(connection, org, cancellation);
        return rows;
    }

    async Task<int> Rebuild(NpgsqlConnection connection, OrgId org, CancellationToken cancellation)
    {
        var own = new List<RevisionRecord>();
        // without the lock all but the last few revisions
        var read = await Collect(own, org, 0, await JournalReplay.Head(journal, org, cancellation), cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var head = await Lock(connection, org, cancellation);
        await Collect(own, org, read, head, cancellation);
        if (own.Count == 0) return 0;
        await using var batch = new NpgsqlBatch(connection, transaction);
        var names = own.SelectMany(revision => revision.Events).Select(e => e.Payload switch { OrgCreated created => created.Name, OrgRenamed renamed => renamed.Name, _ => null })
            .OfType<string>().Distinct().ToArray();
        batch.BatchCommands.Add(PostgresParameters.Command(FreeNameSql, names, org.Value));
        batch.BatchCommands.Add(PostgresParameters.Command(FreeNamesSql, names, org.Value));
        foreach (var sql in (string[])[RemoveEnvironmentsSql, RemoveDeletedSql, RemoveSettingSql, RemoveNamesSql, RemoveOrgSql, RemoveUsersSql, RemoveAccountsSql, RemoveRolesSql, RemoveTokensSql, RemoveWebhooksSql])
            batch.BatchCommands.Add(PostgresParameters.Command(sql, org.Value));
        var removals = batch.BatchCommands.Count;
        OrgProjection.Write(batch, new AppendBatch(OrgState.Empty(org, Guid.Empty), OrgState.Empty(org, Guid.Empty), own, []));
        foreach (var revision in own)
            foreach (var e in revision.Events)
            {
                AccessProjection.WriteTables(batch, org, revision, e.Payload);
                WebhookProjection.WriteTable(batch, org, revision, e.Payload);
            }
        var rows = batch.BatchCommands.Count - removals;
        await batch.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        progress.Step(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {head} revisions read, {rows} rows put in place"));
        return rows;
    }

    // whose name it is: a damaged row of another org may have taken it, and waits for its own turn
    const string FreeNameSql = """
        UPDATE stele.org SET name = '#' || org_id WHERE name = ANY ($1) AND org_id <> $2
        """;

    const string FreeNamesSql = """
        DELETE FROM stele.org_name WHERE name = ANY ($1) AND org_id <> $2
        """;

    const string RemoveEnvironmentsSql = """
        DELETE FROM stele.environment WHERE org_id = $1
        """;

    const string RemoveDeletedSql = """
        DELETE FROM stele.deleted_environment WHERE org_id = $1
        """;

    const string RemoveNamesSql = """
        DELETE FROM stele.org_name WHERE org_id = $1
        """;

    const string RemoveSettingSql = """
        DELETE FROM stele.org_setting WHERE org_id = $1
        """;

    const string RemoveUsersSql = """
        DELETE FROM stele.user_account WHERE org_id = $1
        """;

    const string RemoveAccountsSql = """
        DELETE FROM stele.service_account WHERE org_id = $1
        """;

    const string RemoveRolesSql = """
        DELETE FROM stele.role WHERE org_id = $1
        """;

    const string RemoveTokensSql = """
        DELETE FROM stele.token WHERE org_id = $1
        """;

    // not what is beside the journal: secrets and places stay
    const string RemoveWebhooksSql = """
        DELETE FROM stele.webhook WHERE org_id = $1
        """;

    const string RemoveOrgSql = """
        DELETE FROM stele.org WHERE org_id = $1
        """;

    /// <summary>Holds an org's head against appends until the end of the transaction; the revision at which it is.</summary>
    internal static async Task<long> Lock(NpgsqlConnection connection, OrgId org, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org));
        batch.BatchCommands.Add(PostgresParameters.Command(LockSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? reader.GetInt64(0) : 0;
    }

    const string LockSql = """
        SELECT revision FROM stele.lock_head($1)
        """;

    async Task<long> Collect(List<RevisionRecord> own, OrgId org, long after, long last, CancellationToken cancellation)
    {
        await foreach (var page in JournalReplay.Pages(journal, org, after, last, cancellation))
        {
            own.AddRange(page.Where(revision => revision.Events.Any(e => OrgProjection.IsOwn(e.Payload) || AccessProjection.IsOwn(e.Payload) || WebhookProjection.IsOwn(e.Payload))));
            progress.Count(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {page[^1].Revision} of {last} revisions"));
        }
        return last;
    }
}
