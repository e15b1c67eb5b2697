using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>Why an event's data is gone, as the redaction was recorded.</summary>
internal sealed record RecordedRedaction(int Ordinal, string Actor, string Reason, Timestamp At);

/// <summary>Writes the file of a month, line by line: orgs in order, the revisions of each in order. Whole only after <see cref="Finish"/>.</summary>
internal sealed class ArchiveWriter : IDisposable
{
    readonly FileStream file;
    readonly GZipStream packed;
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    readonly ArrayBufferWriter<byte> line = new();
    readonly Utf8JsonWriter json;
    long orgs, revisions, events;

    /// <summary>Begins a file; one of that name is replaced.</summary>
    public ArchiveWriter(string path, DateOnly month)
    {
        file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16);
        packed = new GZipStream(file, CompressionLevel.Optimal, leaveOpen: true);
        json = new Utf8JsonWriter(line);
        Line(() =>
        {
            json.WriteString("archive", "stele-journal");
            json.WriteNumber("format", ArchiveFile.Format);
            json.WriteString("month", ArchiveFile.Text(month));
        });
    }

    /// <summary>The revisions of an org follow, after a place.</summary>
    public void Org(OrgId org, long after, byte[] chain)
    {
        orgs++;
        Line(() =>
        {
            json.WriteNumber("org", org.Value);
            json.WriteNumber("after", after);
            json.WriteString("chain", Convert.ToHexStringLower(chain));
        });
    }

    /// <summary>The next revision, with its events.</summary>
    public void Revision(RevisionRecord revision, IReadOnlyList<RecordedRedaction> redactions)
    {
        revisions++;
        Line(() =>
        {
            json.WriteNumber("revision", revision.Revision);
            json.WriteString("chain", Convert.ToHexStringLower(revision.Chain));
            json.WriteString("at", revision.At.ToString());
            json.WriteString("actor", revision.Actor);
            json.WriteString("reason", revision.Reason);
            json.WriteString("request_id", revision.RequestId);
            json.WriteNumber("events", revision.Events.Count);
        });
        foreach (var e in revision.Events) Event(e, redactions.FirstOrDefault(redaction => redaction.Ordinal == e.Ordinal));
    }

    /// <summary>The last line; makes the file durable, and gives the hash of its content.</summary>
    public byte[] Finish()
    {
        var content = hash.GetHashAndReset();
        Line(() =>
        {
            json.WriteStartObject("end");
            json.WriteNumber("orgs", orgs);
            json.WriteNumber("revisions", revisions);
            json.WriteNumber("events", events);
            json.WriteString("sha256", Convert.ToHexStringLower(content));
            json.WriteEndObject();
        });
        packed.Dispose();
        file.Flush(flushToDisk: true);
        return content;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        packed.Dispose();
        file.Dispose();
        json.Dispose();
        hash.Dispose();
    }

    // data in base64: what was hashed is bytes, and comes back as the same ones
    void Event(EventRecord e, RecordedRedaction? redaction)
    {
        events++;
        Line(() =>
        {
            json.WriteNumber("ordinal", e.Ordinal);
            json.WriteString("event_id", e.EventId);
            json.WriteString("stream", e.Stream);
            json.WriteNumber("stream_version", e.StreamVersion);
            json.WriteString("type", e.Type);
            if (e.Data is null) json.WriteNull("data");
            else json.WriteBase64String("data", e.Data);
            json.WriteString("data_hash", Convert.ToHexStringLower(e.DataHash));
            if (redaction is null) return;
            json.WriteStartObject("redaction");
            json.WriteString("actor", redaction.Actor);
            json.WriteString("reason", redaction.Reason);
            json.WriteString("at", redaction.At.ToString());
            json.WriteEndObject();
        });
    }

    void Line(Action members)
    {
        json.WriteStartObject();
        members();
        json.WriteEndObject();
        json.Flush();
        line.Write("\n"u8);
        hash.AppendData(line.WrittenSpan);
        packed.Write(line.WrittenSpan);
        line.ResetWrittenCount();
        json.Reset();
    }
}
