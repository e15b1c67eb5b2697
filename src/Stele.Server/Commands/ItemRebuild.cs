using System.Globalization;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Database;
using Stele.Server.Flags;
using Stele.Server.Journal;
using Stele.Server.Secrets;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele projections rebuild flags</c> and <c>secrets</c>: their tables from the journal alone, while servers run. Wrapped keys are no part of it. Like the directory's rows (<see cref="OrgRebuild"/>)
/// each org's are replaced in one transaction, which holds the head against appends only while what was appended since the first reading is read.
/// </summary>
internal sealed class ItemRebuild(bool ofSecrets, string ownerConnectionString, IJournalStore journal, ProgressText progress)
{
    /// <summary>Does it, org by org; the versions that were put in place.</summary>
    public async Task<int> Run(IReadOnlyList<OrgId> orgs, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnectionString) { Pooling = false, ApplicationName = "stele-rebuild" }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await DatabaseRoles.Become(connection, DatabaseRoles.Owner, cancellation);
        var versions = 0;
        foreach (var org in orgs) versions += await Rebuild(connection, org, cancellation);
        return versions;
    }

    async Task<int> Rebuild(NpgsqlConnection connection, OrgId org, CancellationToken cancellation)
    {
        var own = new List<RevisionRecord>();
        var read = await Collect(own, org, 0, await JournalReplay.Head(journal, org, cancellation), cancellation);
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await Collect(own, org, read, await OrgRebuild.Lock(connection, org, cancellation), cancellation);
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var sql in ofSecrets ? (string[])[RemoveSecretsSql, RemoveVersionsSql, RemoveValuesSql] : [RemoveFlagsSql, RemoveFlagHistorySql]) batch.BatchCommands.Add(PostgresParameters.Command(sql, org.Value));
        var empty = OrgState.Empty(org, Guid.Empty);
        var append = new AppendBatch(empty, empty, own, []);
        if (ofSecrets) SecretProjection.WriteTables(batch, append);
        else FlagProjection.Write(batch, append);
        await batch.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        var versions = own.Sum(revision => revision.Events.Count(e => IsOwn(e.Payload)));
        progress.Step(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {versions} versions put in place"));
        return versions;
    }

    const string RemoveFlagHistorySql = """
        DELETE FROM stele.flag_history WHERE org_id = $1
        """;

    const string RemoveFlagsSql = """
        DELETE FROM stele.flag WHERE org_id = $1
        """;

    const string RemoveSecretsSql = """
        DELETE FROM stele.secret WHERE org_id = $1
        """;

    const string RemoveVersionsSql = """
        DELETE FROM stele.secret_version WHERE org_id = $1
        """;

    const string RemoveValuesSql = """
        DELETE FROM stele.secret_value WHERE org_id = $1
        """;

    bool IsOwn(JournalEvent? payload) => ofSecrets ? SecretProjection.IsOwn(payload) : FlagProjection.IsOwn(payload);

    async Task<long> Collect(List<RevisionRecord> own, OrgId org, long after, long last, CancellationToken cancellation)
    {
        await foreach (var page in JournalReplay.Pages(journal, org, after, last, cancellation))
        {
            own.AddRange(page.Where(revision => revision.Events.Any(e => IsOwn(e.Payload))));
            progress.Count(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {page[^1].Revision} of {last} revisions"));
        }
        return last;
    }
}
