using Npgsql;
using NpgsqlTypes;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// Puts archived months back, newest first, so that the journal stays one piece. A month is one transaction: the file is
/// verified against what was recorded when it was archived and against the live chain, loaded into a table of its own, and
/// attached.
/// </summary>
internal sealed class JournalRestorer(ArchiveDatabase database, Action<string> progress)
{
    const int ProgressRevisions = 5_000;

    /// <summary>The newest archived month, which alone may come back next; null when all are here.</summary>
    public async Task<DateOnly?> Next(CancellationToken cancellation)
    {
        var archived = (await database.Ranges(cancellation)).Where(range => !range.IsRestored).ToList();
        return archived.Count == 0 ? null : archived.Max(range => range.Month);
    }

    /// <summary>Restores the month of a file; what came back.</summary>
    public async Task<IReadOnlyList<ArchivedRange>> Restore(string path, CancellationToken cancellation)
    {
        DateOnly month;
        using (var reader = new ArchiveReader(path)) month = reader.Month;
        var ranges = (await database.Ranges(cancellation)).Where(range => range.Month == month && !range.IsRestored).ToList();
        if (ranges.Count == 0)
            throw new ArchiveException($"{ArchiveFile.Text(month)} is not archived here: its events are in the journal, or never were. Nothing was restored.");
        if (await Next(cancellation) is { } next && next != month)
            throw new ArchiveException($"{ArchiveFile.Text(next)} comes before {ArchiveFile.Text(month)}: months are restored from the newest back, so that the journal has no hole. Nothing was restored.");
        await using var transaction = await database.Connection.BeginTransactionAsync(cancellation);
        await Verify(path, ranges, cancellation);
        await Call("CALL stele.create_event_partition($1)", month, cancellation);
        // read twice, so the file may have been exchanged in between
        var loaded = await Load(path, month, cancellation);
        if (!ranges[0].ContentHash.AsSpan().SequenceEqual(loaded)) throw new ArchiveException($"{path} changed while it was read. Nothing was restored.");
        await Call("CALL stele.attach_event_partition($1)", month, cancellation);
        await using (var command = PostgresParameters.Command(database.Connection, RestoredSql, month)) await command.ExecuteNonQueryAsync(cancellation);
        await transaction.CommitAsync(CancellationToken.None);
        return ranges;
    }

    const string RestoredSql = """
        UPDATE stele.archived SET restored_at = now() WHERE month = $1 AND restored_at IS NULL
        """;

    /// <summary>The file is the one that was recorded, its chain is unbroken, and joins on to the live one.</summary>
    async Task Verify(string path, IReadOnlyList<ArchivedRange> ranges, CancellationToken cancellation)
    {
        using var reader = new ArchiveReader(path);
        JournalVerification? walk = null;
        ArchivedRange? range = null;
        long seen = 0;
        foreach (var (org, _, stored) in reader.Revisions())
        {
            if (range?.Org != org)
            {
                if (range is not null) RequireEnd(path, range, walk!);
                range = ranges.FirstOrDefault(one => one.Org == org) ?? throw Refused(path, $"it holds organization {org}, which has nothing archived in that month");
                walk = new JournalVerification(org, range.First - 1, range.ChainBefore, Timestamp.Epoch);
            }
            if (walk!.Next(stored) is { } bad) throw Refused(path, $"revision {bad.Revision} of organization {org}: {bad.Reason}");
            if (++seen % ProgressRevisions == 0) progress($"{ArchiveFile.Text(reader.Month)}: {seen} revisions verified");
        }
        if (range is not null) RequireEnd(path, range, walk!);
        foreach (var one in ranges)
        {
            if (!one.ContentHash.AsSpan().SequenceEqual(reader.ContentHash)) throw Refused(path, "it is not the file that was recorded when the month was archived");
            await RequireJoint(path, one, cancellation);
        }
    }

    static void RequireEnd(string path, ArchivedRange range, JournalVerification walk)
    {
        if (walk.Revision != range.Last || !walk.ChainThere.AsSpan().SequenceEqual(range.ChainAfter))
            throw Refused(path, $"it ends at {walk.Cursor} of organization {range.Org}, and {Cursor.At(range.Last, range.ChainAfter)} was archived");
    }

    // the rows of revisions stay in the journal
    async Task RequireJoint(string path, ArchivedRange range, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, ChainSql, range.Org.Value, range.Last);
        if (await command.ExecuteScalarAsync(cancellation) is not byte[] live || !live.AsSpan().SequenceEqual(range.ChainAfter))
            throw Refused(path, $"revision {range.Last} of organization {range.Org} has another chain in the journal");
    }

    const string ChainSql = """
        SELECT chain FROM stele.revision WHERE org_id = $1 AND revision = $2
        """;

    async Task<byte[]?> Load(string path, DateOnly month, CancellationToken cancellation)
    {
        using var reader = new ArchiveReader(path);
        await using var copy = await database.Connection.BeginBinaryImportAsync(
            $"COPY stele.{ArchiveDatabase.PartitionOf(month)} (org_id, revision, ordinal, at, event_id, stream, stream_version, type, data, data_hash) FROM STDIN (FORMAT BINARY)", cancellation);
        long revisions = 0;
        foreach (var (org, _, stored) in reader.Revisions())
        {
            foreach (var e in stored.Record.Events)
            {
                await copy.StartRowAsync(cancellation);
                await copy.WriteAsync(org.Value, cancellation);
                await copy.WriteAsync(stored.Record.Revision, cancellation);
                await copy.WriteAsync(e.Ordinal, cancellation);
                await copy.WriteAsync(stored.Record.At.ToDateTime(), NpgsqlDbType.TimestampTz, cancellation);
                await copy.WriteAsync(e.EventId, cancellation);
                await copy.WriteAsync(e.Stream, cancellation);
                await copy.WriteAsync(e.StreamVersion, cancellation);
                await copy.WriteAsync(e.Type, cancellation);
                if (e.Data is null) await copy.WriteNullAsync(cancellation);
                else await copy.WriteAsync(e.Data, cancellation);
                await copy.WriteAsync(e.DataHash, cancellation);
            }
            if (++revisions % ProgressRevisions == 0) progress($"{ArchiveFile.Text(month)}: {revisions} revisions loaded");
        }
        await copy.CompleteAsync(cancellation);
        return reader.ContentHash;
    }

    async Task Call(string procedure, DateOnly month, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, procedure, month);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    static ArchiveException Refused(string path, string reason) => new($"{path} is refused: {reason}. Nothing was restored.");
}
