using Npgsql;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>Where an archive has come to: for tests, which end it there as a kill would.</summary>
internal enum ArchiveStep
{
    /// <summary>The file is written, under its temporary name.</summary>
    Written,
    /// <summary>The file has its name; the events are in the journal too.</summary>
    Published,
    /// <summary>The partition is gone, in a transaction that has not committed.</summary>
    Detached,
}

/// <summary>
/// Moves whole months of events into files, oldest first. A month is one transaction: its partition is closed to writers,
/// written, read back, given its name, and only then detached, dropped and recorded. Ended anywhere before the commit, the
/// events are where they were, and a rerun begins the month anew.
/// </summary>
internal sealed class JournalArchiver(ArchiveDatabase database, string directory, IReadOnlyList<string> projections, Action<string> progress, TimeProvider time)
{
    /// <summary>How long after its end a month is closed: a write of its last second has come by then, and its idempotency key is forgotten.</summary>
    static readonly TimeSpan ClosedAfter = TimeSpan.FromDays(1);

    static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(200);
    const int LockAttempts = 30;
    const int LaggardsShown = 5;

    /// <summary>Sinks that are not asked whether they have had what is archived: redis, kafka, webhooks.</summary>
    public IReadOnlyList<string> Past { get; init; } = [];

    /// <summary>Called at each step; a test throws here.</summary>
    public Action<ArchiveStep> Reached { get; init; } = static _ => { };

    /// <summary>The months that would be archived, oldest first. Throws when one of them may not be, and says why.</summary>
    public async Task<IReadOnlyList<DateOnly>> Plan(DateOnly before, CancellationToken cancellation)
    {
        var now = await database.Now(cancellation);
        var today = DateOnly.FromDateTime(now);
        var current = new DateOnly(today.Year, today.Month, 1);
        if (before > current)
            throw new ArchiveException($"{ArchiveFile.Text(current)} is the current month, and is written to: archive --before {current:yyyy-MM-dd} or earlier. Nothing was archived.");
        var months = (await database.Months(cancellation)).Where(month => month.AddMonths(1) <= before).ToList();
        if (months.Count == 0) return months;
        if (months[^1].AddMonths(1).ToDateTime(TimeOnly.MinValue) + ClosedAfter > now)
            throw new ArchiveException($"{ArchiveFile.Text(months[^1])} ended less than a day ago, and a late write may still come: try again tomorrow, or archive --before {months[^1]:yyyy-MM-dd}. Nothing was archived.");
        foreach (var month in months) await RequireProcessed(month, cancellation);
        return months;
    }

    /// <summary>Archives one month: the oldest that is there.</summary>
    public async Task<IReadOnlyList<ArchivedRange>> Archive(DateOnly month, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, ArchiveFile.NameOf(month));
        var temporary = ArchiveFile.TemporaryOf(path);
        await using var transaction = await database.Connection.BeginTransactionAsync(cancellation);
        try
        {
            // readers go on; whoever would change the month waits or is refused
            await database.Execute($"SET LOCAL lock_timeout = '5s'; LOCK TABLE ONLY stele.{ArchiveDatabase.PartitionOf(month)} IN SHARE MODE", cancellation);
            var (ranges, hash) = await new MonthExport(database, month, progress).Write(temporary, cancellation);
            Reached(ArchiveStep.Written);
            progress($"{ArchiveFile.Text(month)}: reading the file back");
            ReadBack(temporary, month, hash, ranges);
            await RequireReplaceable(path, month, hash, cancellation);
            ArchiveFile.Publish(temporary, path);
            Reached(ArchiveStep.Published);
            await Detach(month, transaction, cancellation);
            foreach (var range in ranges) await Record(range with { ContentHash = hash }, cancellation);
            Reached(ArchiveStep.Detached);
            // not cancelled: whether it happened must be known
            await transaction.CommitAsync(CancellationToken.None);
            return [.. ranges.Select(range => range with { ContentHash = hash })];
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            throw new ArchiveException($"{ArchiveFile.Text(month)} was not archived: somebody has held it for long, a backup perhaps. Try again when that has ended.", e);
        }
    }

    /// <summary>Refuses a month that an asynchronous projection, or something outside, has yet to read.</summary>
    async Task RequireProcessed(DateOnly month, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, LaggardsSql, projections.ToArray(), month.AddMonths(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc), LaggardsShown);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var behind = new List<string>();
        while (await reader.ReadAsync(cancellation)) behind.Add($"{reader.GetString(1)} of {reader.GetString(0)} is at revision {reader.GetInt64(2)}, and {ArchiveFile.Text(month)} ends with {reader.GetInt64(3)}");
        if (behind.Count > 0)
            throw new ArchiveException($"Projections have not read {ArchiveFile.Text(month)} yet: {string.Join("; ", behind)}. Let a server run until they have (./stele projections). Nothing of that month was archived.");
        await reader.DisposeAsync();
        if (await ArchiveArrears.Find(database.Connection, month.AddMonths(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Utc), Past, cancellation) is { Count: > 0 } arrears)
            throw new ArchiveException($"Not everybody outside has had {ArchiveFile.Text(month)} yet: {string.Join("; ", arrears)}. Let a server run until they have; or leave {arrears[0].Sink} out (--past {arrears[0].Sink}), and what is archived does not come there. Nothing of that month was archived.");
    }

    // the last revision of each org that is earlier than the month's end, against every checkpoint; what is archived already cannot be missed
    const string LaggardsSql = """
        SELECT coalesce(o.name, '#' || h.org_id), p.name, coalesce(c.revision, 0), last.revision
        FROM stele.journal_head h
        CROSS JOIN LATERAL (SELECT stele.revision_at(h.org_id, $2::timestamptz - interval '1 microsecond') AS revision, stele.journal_floor(h.org_id) AS floor) AS last
        CROSS JOIN unnest($1::text[]) AS p (name)
        LEFT JOIN stele.projection_checkpoint c ON c.org_id = h.org_id AND c.projection = p.name
        LEFT JOIN stele.org o ON o.org_id = h.org_id
        WHERE last.revision > greatest(coalesce(c.revision, 0), last.floor)
        ORDER BY h.org_id, p.name LIMIT $3
        """;

    /// <summary>What is on disk, and not what was meant to be: read whole, as a restore would.</summary>
    static void ReadBack(string path, DateOnly month, byte[] hash, IReadOnlyList<ArchivedRange> ranges)
    {
        using var reader = new ArchiveReader(path);
        long revisions = 0;
        foreach (var archived in reader.Revisions())
        {
            revisions++;
            if (archived.Stored.Record.Events.Any(e => e.Data is not null && !System.Security.Cryptography.SHA256.HashData(e.Data).AsSpan().SequenceEqual(e.DataHash)))
                throw new ArchiveException($"{path} was not written as it should be: revision {archived.Stored.Record.Revision}. Nothing was archived.");
        }
        if (reader.Month != month || !reader.ContentHash.AsSpan().SequenceEqual(hash) || revisions != ranges.Sum(range => range.Last - range.First + 1))
            throw new ArchiveException($"{path} was not written as it should be. Nothing was archived.");
    }

    /// <summary>A file of that name is replaced only if it is the same, or what this month was restored from.</summary>
    async Task RequireReplaceable(string path, DateOnly month, byte[] hash, CancellationToken cancellation)
    {
        if (!File.Exists(path)) return;
        var known = (await database.Ranges(cancellation)).Where(range => range.Month == month).Select(range => range.ContentHash);
        try
        {
            using var reader = new ArchiveReader(path);
            foreach (var _ in reader.Revisions())
            {
                // to the end, for its hash
            }
            if (known.Append(hash).Any(one => one.AsSpan().SequenceEqual(reader.ContentHash))) return;
        }
        catch (ArchiveException)
        {
            // not one of ours, then
        }
        throw new ArchiveException($"{path} is there already and holds something else. Move it away, or choose another directory (--to). Nothing was archived.");
    }

    async Task Detach(DateOnly month, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        var partition = ArchiveDatabase.PartitionOf(month);
        // each attempt keeps readers of events waiting, so it is short
        await database.Execute("SET LOCAL lock_timeout = '500ms'", cancellation);
        for (var attempt = 1; ; attempt++)
        {
            await transaction.SaveAsync("detach", cancellation);
            try
            {
                // a rebuild that has begun must not find its journal gone
                foreach (var projection in projections)
                {
                    await using var command = PostgresParameters.Command(database.Connection, LockProjectionSql, projection);
                    await command.ExecuteNonQueryAsync(cancellation);
                }
                await database.Execute($"ALTER TABLE stele.event DETACH PARTITION stele.{partition}; DROP TABLE stele.{partition}", cancellation);
                break;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected && attempt < LockAttempts)
            {
                await transaction.RollbackAsync("detach", cancellation);
                progress($"{ArchiveFile.Text(month)}: waiting for a moment in which nobody reads events");
                await Task.Delay(LockPause, time, cancellation);
            }
        }
        await RequireProcessed(month, cancellation);
    }

    // the lock of who runs the projection; it ends with the transaction
    const string LockProjectionSql = """
        SELECT pg_advisory_xact_lock(hashtext('stele.projection'), hashtext($1))
        """;

    async Task Record(ArchivedRange range, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, RecordSql, range.Org.Value, range.Month, range.First, range.Last, range.ChainBefore,
            range.ChainAfter, range.Events, range.File, range.ContentHash);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    const string RecordSql = """
        INSERT INTO stele.archived (org_id, month, first_revision, last_revision, chain_before, chain_after, events, file, content_hash, archived_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
        ON CONFLICT (org_id, month) DO UPDATE SET content_hash = excluded.content_hash, file = excluded.file, archived_at = excluded.archived_at, restored_at = NULL
        """;
}
