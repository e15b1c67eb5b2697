using Npgsql;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>What goes outside and has not had a revision yet that an archive would take.</summary>
/// <param name="Org">The organization's name.</param>
/// <param name="Sink">redis, kafka or webhooks.</param>
/// <param name="Webhook">Which webhook; null for the others.</param>
/// <param name="Revision">The last revision that it had, 0 for none.</param>
/// <param name="Since">When the one after it was written.</param>
internal sealed record Arrear(string Org, string Sink, Guid? Webhook, long Revision, DateTime Since)
{
    /// <summary>In a sentence's part.</summary>
    public override string ToString() => $"{(Webhook is { } id ? $"webhook {id}" : Sink)} of {Org} is at revision {Revision}";
}

/// <summary>
/// Whether Redis, Kafka or a webhook is behind by a whole month: what they have not had may not be archived, since the journal is their outbox.
/// A webhook that is switched off waits for nothing, and one that is suspended does: it stands where it stood so that nothing is lost.
/// </summary>
internal sealed class ArchiveArrears(NpgsqlDataSource tail, TimeProvider time, ILogger<ArchiveArrears> log)
{
    /// <summary>The name of all webhooks together, beside those of the sinks.</summary>
    public const string Webhooks = "webhooks";

    const int Shown = 5, CommandSeconds = 30;

    // as the archiver waits, before a month is closed
    static readonly TimeSpan ClosedAfter = TimeSpan.FromDays(1);

    IReadOnlyList<Arrear> last = [];

    /// <summary>How many were found at the last look, at most a few; for a gauge.</summary>
    public int Count => last.Count;

    /// <summary>What is wrong, in a sentence, as of the last look; null normally.</summary>
    public string? Warning => last.Count == 0 ? null : $"Outside: {string.Join("; ", last)}, and has not had what was written before {last.Max(arrear => arrear.Since):yyyy-MM-dd}: it holds the archive of the journal back.";

    /// <summary>Looks, and logs when it is so; false: something is behind by a month.</summary>
    public async Task<bool> RunOnce(CancellationToken cancellation)
    {
        var now = time.GetUtcNow().UtcDateTime - ClosedAfter;
        await using var connection = await tail.OpenConnectionAsync(cancellation);
        last = await Find(connection, new DateTime(now.Year, now.Month, 1, 0, 0, 0, DateTimeKind.Utc), [], cancellation);
        if (last.Count == 0) return true;
        log.ArchiveHeldBack(string.Join("; ", last));
        return false;
    }

    /// <summary>Some of those whose next revision was written before a moment, the oldest first; but for sinks that are not to be asked.</summary>
    public static async Task<IReadOnlyList<Arrear>> Find(NpgsqlConnection connection, DateTime before, IReadOnlyCollection<string> past, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(connection, FindSql, before, past.ToArray(), Shown);
        command.CommandTimeout = CommandSeconds;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var found = new List<Arrear>();
        while (await reader.ReadAsync(cancellation))
            found.Add(new Arrear(reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetGuid(2), reader.GetInt64(3), reader.GetDateTime(4)));
        return found;
    }

    // a sink that has begun with one organization begins with each: where it has not yet, it has had nothing. The rows of revision stay, so
    // the next one is found though it may be archived already
    const string FindSql = """
        SELECT o.name, s.sink, s.webhook_id, s.place, r.at
        FROM (
            SELECT h.org_id, substr(k.projection, 10) AS sink, NULL::uuid AS webhook_id, CASE WHEN c.incarnation = h.incarnation THEN c.revision ELSE 0 END AS place
            FROM (SELECT DISTINCT p.projection FROM stele.projection_checkpoint p WHERE p.projection >= 'outbound.' AND p.projection < 'outbound/') AS k
            CROSS JOIN stele.journal_head h LEFT JOIN stele.projection_checkpoint c ON c.org_id = h.org_id AND c.projection = k.projection
            UNION ALL
            SELECT p.org_id, 'webhooks', p.webhook_id, p.revision
            FROM stele.webhook_place p JOIN stele.webhook w ON w.org_id = p.org_id AND w.webhook_id = p.webhook_id JOIN stele.org a ON a.org_id = p.org_id
            WHERE w.enabled AND a.archived_at IS NULL
        ) AS s
        JOIN stele.org o ON o.org_id = s.org_id JOIN stele.revision r ON r.org_id = s.org_id AND r.revision = s.place + 1
        WHERE r.at < $1 AND s.sink <> ALL ($2::text[])
        ORDER BY r.at, s.org_id LIMIT $3
        """;
}
