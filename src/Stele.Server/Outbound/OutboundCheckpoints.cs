using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Outbound;

/// <summary>An org that a sink is not level with.</summary>
/// <param name="Org">The org.</param>
/// <param name="Checkpoint">The last revision that was written, of which history; null: none.</param>
internal sealed record OutboundLag(OutboundOrg Org, OutboundCheckpoint? Checkpoint);

/// <summary>How far a sink has come.</summary>
internal sealed record OutboundCheckpoint(Guid Incarnation, long Revision);

/// <summary>
/// How far each sink has come with each org, in the table of all asynchronous projections, and the right to run one. The right
/// is an advisory lock of a session of its own: it goes with the session, when the node dies, and when the node says nothing for so long
/// that PostgreSQL ends the session, because it is frozen. Two may run for a moment all the same, when one is frozen and wakes;
/// which is why a checkpoint moves by compare-and-set, and why sinks write only what is newer.
/// </summary>
internal sealed class OutboundCheckpoints(DatabaseConnections connections, OutboundOptions options)
{
    /// <summary>The right to run a sink, until it is disposed; null while another node has it.</summary>
    public async Task<OutboundLead?> Lead(string sink, CancellationToken cancellation)
    {
        var connection = await connections.Direct.OpenConnectionAsync(cancellation);
        try
        {
            await using (var bound = PostgresParameters.Command(connection, IdleSql, ((long)options.LeadIdle.TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture)))
                await bound.ExecuteNonQueryAsync(cancellation);
            await using var command = PostgresParameters.Command(connection, LockSql, sink);
            if ((bool)(await command.ExecuteScalarAsync(cancellation))!) return new OutboundLead(connection, Checkpoint(sink), options);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
    }

    const string IdleSql = """
        SELECT set_config('idle_session_timeout', $1, false)
        """;

    const string LockSql = """
        SELECT pg_try_advisory_lock(hashtext('stele.outbound'), hashtext($1))
        """;

    /// <summary>The name under which a sink's checkpoints stand.</summary>
    public static string Checkpoint(string sink) => "outbound." + sink;

    /// <summary>
    /// Moves a checkpoint from where it was found, null for nowhere, to a revision of the history that the database still
    /// holds. False: it is elsewhere by now, or the history is another one.
    /// </summary>
    public async Task<bool> Move(string sink, OutboundOrg org, OutboundCheckpoint? from, long to, CancellationToken cancellation)
    {
        await using var connection = await connections.App.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(PostgresParameters.SetOrg(org.Id));
        batch.BatchCommands.Add(from is null
            ? PostgresParameters.Command(BeginSql, org.Id.Value, Checkpoint(sink), org.Incarnation, to)
            : PostgresParameters.Command(MoveSql, org.Id.Value, Checkpoint(sink), org.Incarnation, to, from.Incarnation, from.Revision));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation);
    }

    const string BeginSql = """
        INSERT INTO stele.projection_checkpoint (org_id, projection, incarnation, revision, updated_at)
        SELECT $1, $2, h.incarnation, $4, now() FROM stele.journal_head h WHERE h.org_id = $1 AND h.incarnation = $3
        ON CONFLICT (org_id, projection) DO NOTHING
        RETURNING revision
        """;

    const string MoveSql = """
        UPDATE stele.projection_checkpoint SET incarnation = $3, revision = $4, updated_at = now()
        WHERE org_id = $1 AND projection = $2 AND incarnation = $5 AND revision = $6
          AND EXISTS (SELECT FROM stele.journal_head h WHERE h.org_id = $1 AND h.incarnation = $3)
        RETURNING revision
        """;

    /// <summary>Some orgs, whether the sink is level with them or not; asked by somebody who need not have the right to run it.</summary>
    public async Task<IReadOnlyList<OutboundLag>> Find(string sink, IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation)
    {
        await using var connection = await connections.Tail.OpenConnectionAsync(cancellation);
        return await Find(connection, Checkpoint(sink), orgs, cancellation);
    }

    internal static Task<IReadOnlyList<OutboundLag>> Find(NpgsqlConnection connection, string checkpoint, IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation) =>
        Ask(PostgresParameters.Command(connection, FindSql, checkpoint, orgs.Select(org => org.Value).ToArray()), cancellation);

    const string FindSql = """
        SELECT h.org_id, o.name, h.incarnation, c.counter, h.revision, o.archived_at IS NOT NULL, p.incarnation, p.revision, h.chain
        FROM stele.cluster c CROSS JOIN stele.journal_head h JOIN stele.org o ON o.org_id = h.org_id
            LEFT JOIN stele.projection_checkpoint p ON p.org_id = h.org_id AND p.projection = $1
        WHERE h.org_id = ANY ($2)
        ORDER BY h.org_id
        """;

    internal static async Task<IReadOnlyList<OutboundLag>> Ask(NpgsqlCommand command, CancellationToken cancellation)
    {
        await using (command)
        {
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            var lags = new List<OutboundLag>();
            while (await reader.ReadAsync(cancellation))
                lags.Add(new OutboundLag(
                    new OutboundOrg(new OrgId(reader.GetInt32(0)), reader.GetString(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetBoolean(5)) { Chain = (byte[])reader[8] },
                    reader.IsDBNull(6) ? null : new OutboundCheckpoint(reader.GetGuid(6), reader.GetInt64(7))));
            return lags;
        }
    }
}

/// <summary>The right to run a sink: a session that holds its lock. Each question that is asked on it says that the node is alive.</summary>
internal sealed class OutboundLead(NpgsqlConnection connection, string checkpoint, OutboundOptions options) : IAsyncDisposable
{
    /// <summary>Orgs that the sink is not level with, by id, after one; a page of them. Throws when the right is lost.</summary>
    public Task<IReadOnlyList<OutboundLag>> Behind(int afterOrg, CancellationToken cancellation) =>
        OutboundCheckpoints.Ask(PostgresParameters.Command(connection, BehindSql, checkpoint, afterOrg, options.OrgsPage), cancellation);

    const string BehindSql = """
        SELECT h.org_id, o.name, h.incarnation, c.counter, h.revision, o.archived_at IS NOT NULL, p.incarnation, p.revision, h.chain
        FROM stele.cluster c CROSS JOIN stele.journal_head h JOIN stele.org o ON o.org_id = h.org_id
            LEFT JOIN stele.projection_checkpoint p ON p.org_id = h.org_id AND p.projection = $1
        WHERE h.org_id > $2 AND (p.revision IS NULL OR p.incarnation <> h.incarnation OR p.revision < h.revision)
        ORDER BY h.org_id LIMIT $3
        """;

    /// <summary>Some orgs, whether the sink is level with them or not.</summary>
    public Task<IReadOnlyList<OutboundLag>> Find(IReadOnlyCollection<OrgId> orgs, CancellationToken cancellation) =>
        OutboundCheckpoints.Find(connection, checkpoint, orgs, cancellation);

    /// <summary>All orgs, by id, after one; a page of them.</summary>
    public async Task<IReadOnlyList<OrgId>> Orgs(int afterOrg, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(connection, OrgsSql, afterOrg, options.OrgsPage);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var orgs = new List<OrgId>();
        while (await reader.ReadAsync(cancellation)) orgs.Add(new OrgId(reader.GetInt32(0)));
        return orgs;
    }

    const string OrgsSql = """
        SELECT org_id FROM stele.journal_head WHERE org_id > $1 ORDER BY org_id LIMIT $2
        """;

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
