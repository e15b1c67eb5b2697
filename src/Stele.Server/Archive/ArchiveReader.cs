using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>A revision in a file.</summary>
/// <param name="Org">Whose.</param>
/// <param name="After">Where the org's revisions in this file begin.</param>
/// <param name="Stored">The revision.</param>
internal sealed record ArchivedRevision(OrgId Org, JournalPlace After, StoredRevision Stored);

/// <summary>
/// Reads the file of a month. What is not as <see cref="ArchiveWriter"/> wrote it, cut off or altered, ends in an
/// <see cref="ArchiveException"/>; only who has read to the end knows that the file is whole.
/// </summary>
internal sealed class ArchiveReader : IDisposable
{
    const int BufferBytes = 1 << 16;
    const int LineBytesMax = 1 << 30;

    readonly string path;
    readonly Stream packed;
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    byte[] buffer = new byte[BufferBytes];
    int start, end;

    /// <summary>Opens a file and reads its first line.</summary>
    public ArchiveReader(string path)
    {
        this.path = path;
        packed = new GZipStream(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes), CompressionMode.Decompress);
        Month = Guarded(() =>
        {
            using var first = Parse(Next() ?? throw Broken("it is empty"));
            var (kind, format) = (first.RootElement.GetProperty("archive").GetString(), first.RootElement.GetProperty("format").GetInt32());
            if (kind != "stele-journal") throw Broken("it is not an archive of Stele's");
            if (format != ArchiveFile.Format) throw Broken($"its format is {format}, and this server knows {ArchiveFile.Format}");
            return DateOnly.ParseExact(first.RootElement.GetProperty("month").GetString()!, "yyyy-MM", System.Globalization.CultureInfo.InvariantCulture);
        });
    }

    /// <summary>The month that it holds.</summary>
    public DateOnly Month { get; }

    /// <summary>SHA-256 of its lines; null before they were all read.</summary>
    public byte[]? ContentHash { get; private set; }

    /// <summary>Its revisions in order, org by org.</summary>
    public IEnumerable<ArchivedRevision> Revisions()
    {
        (OrgId Org, JournalPlace After)? org = null;
        long orgs = 0, revisions = 0, events = 0;
        while (true)
        {
            using var line = Guarded(() => Parse(Next() ?? throw Broken("it is cut off: its last line is missing")));
            var at = line.RootElement;
            if (at.TryGetProperty("end", out var last))
            {
                Guarded(() => End(last, orgs, revisions, events));
                yield break;
            }
            if (at.TryGetProperty("org", out _))
            {
                org = Guarded(() => (new OrgId(at.GetProperty("org").GetInt32()), new JournalPlace(at.GetProperty("after").GetInt64(), Hex(at, "chain"))));
                orgs++;
                continue;
            }
            if (org is not { } whose) throw Broken("a revision belongs to no organization");
            var stored = Guarded(() => Revision(whose.Org, at));
            revisions++;
            events += stored.Record.Events.Count;
            yield return new ArchivedRevision(whose.Org, whose.After, stored);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        packed.Dispose();
        hash.Dispose();
    }

    StoredRevision Revision(OrgId org, JsonElement at)
    {
        var events = new List<EventRecord>();
        var redacted = new HashSet<int>();
        for (var left = at.GetProperty("events").GetInt32(); left > 0; left--)
        {
            using var line = Parse(Next() ?? throw Broken("it is cut off within a revision"));
            var e = line.RootElement;
            var ordinal = e.GetProperty("ordinal").GetInt32();
            if (e.TryGetProperty("redaction", out _)) redacted.Add(ordinal);
            var data = e.GetProperty("data");
            events.Add(new EventRecord(ordinal, e.GetProperty("event_id").GetGuid(), null, e.GetProperty("type").GetString()!, e.GetProperty("stream").GetString()!,
                e.GetProperty("stream_version").GetInt64(), data.ValueKind == JsonValueKind.Null ? null : data.GetBytesFromBase64(), Hex(e, "data_hash")));
        }
        var time = Timestamp.TryParse(at.GetProperty("at").GetString(), out var parsed) ? parsed : throw Broken("a time in it is none");
        var record = new RevisionRecord(org, at.GetProperty("revision").GetInt64(), time, at.GetProperty("actor").GetString()!, at.GetProperty("reason").GetString(),
            at.GetProperty("request_id").GetGuid(), Hex(at, "chain"), events);
        return new StoredRevision(record, [.. events.Select(_ => time)], redacted);
    }

    bool End(JsonElement last, long orgs, long revisions, long events)
    {
        if (last.GetProperty("orgs").GetInt64() != orgs || last.GetProperty("revisions").GetInt64() != revisions || last.GetProperty("events").GetInt64() != events)
            throw Broken($"its last line counts {last.GetProperty("revisions")} revisions and {last.GetProperty("events")} events, and there are {revisions} and {events}");
        if (!Hex(last, "sha256").AsSpan().SequenceEqual(ContentHash)) throw Broken("its content does not have the SHA-256 that its last line gives");
        if (Next() is not null) throw Broken("something follows its last line");
        return true;
    }

    // the next line without its end; its bytes are gone with the next call
    ReadOnlyMemory<byte>? Next()
    {
        while (true)
        {
            var length = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            if (length >= 0)
            {
                var line = buffer.AsMemory(start, length);
                // the hash is over all lines but the last, which holds it
                if (line.Span.StartsWith("{\"end\":"u8)) ContentHash ??= hash.GetCurrentHash();
                hash.AppendData(buffer, start, length + 1);
                start += length + 1;
                return line;
            }
            if (!Fill()) return null;
        }
    }

    bool Fill()
    {
        if (start > 0)
        {
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
        }
        if (end == buffer.Length)
        {
            if (buffer.Length >= LineBytesMax) throw Broken("a line in it is too long");
            Array.Resize(ref buffer, buffer.Length * 2);
        }
        var read = packed.Read(buffer, end, buffer.Length - end);
        end += read;
        if (read == 0 && end > start) throw Broken("it is cut off within a line");
        return read > 0;
    }

    // a copy: the document would go on reading the buffer
    static JsonDocument Parse(ReadOnlyMemory<byte> line) => JsonDocument.Parse(line.ToArray());

    static byte[] Hex(JsonElement at, string name) => Convert.FromHexString(at.GetProperty(name).GetString()!);

    ArchiveException Broken(string reason) => new($"{path} is not as it was written: {reason}.");

    T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or KeyNotFoundException or FormatException or InvalidOperationException or EndOfStreamException)
        {
            throw new ArchiveException($"{path} is not as it was written: {e.Message}", e);
        }
    }
}
