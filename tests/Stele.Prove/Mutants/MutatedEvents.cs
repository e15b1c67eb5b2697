using System.Text;
using System.Text.Json.Nodes;

namespace Stele.Prove.Mutants;

/// <summary>Server-sent events on their way to a watcher, of which some change: one is given twice, in two halves, or not at all.</summary>
internal sealed class MutatedEvents(Stream to, Mutant mutant) : Stream
{
    // of so many one
    const int Some = 10;

    readonly MemoryStream half = new();
    int changes;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        half.Write(buffer.Span);
        var bytes = half.ToArray();
        // whole events only
        var end = bytes.AsSpan().LastIndexOf("\n\n"u8);
        if (end < 0) return;
        half.SetLength(0);
        half.Write(bytes.AsSpan(end + 2));
        var text = new StringBuilder();
        foreach (var one in Encoding.UTF8.GetString(bytes, 0, end).Split("\n\n")) text.Append(Mutated(one));
        await to.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => to.FlushAsync(cancellationToken);

    public override void Flush() => to.Flush();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing) half.Dispose();
        base.Dispose(disposing);
    }

    string Mutated(string one)
    {
        var whole = one + "\n\n";
        if (!one.Contains("event: change\n", StringComparison.Ordinal)) return whole;
        if (mutant == Mutant.DeliverHalfARevision) return Halves(one) ?? whole;
        if (++changes % Some != 0) return whole;
        return mutant == Mutant.DeliverTwice ? whole + whole : "";
    }

    // null: there is nothing to halve
    static string? Halves(string one)
    {
        var lines = one.Split('\n');
        var at = Array.FindIndex(lines, line => line.StartsWith("data: ", StringComparison.Ordinal));
        if (at < 0 || JsonNode.Parse(lines[at][6..]) is not JsonObject data || data["changes"] is not JsonArray { Count: > 1 } all) return null;
        string Part(IEnumerable<JsonNode?> some)
        {
            var part = data.DeepClone();
            part["changes"] = new JsonArray([.. some.Select(change => change!.DeepClone())]);
            return string.Join('\n', lines.Select((line, i) => i == at ? $"data: {part.ToJsonString()}" : line)) + "\n\n";
        }
        return Part(all.Take(1)) + Part(all.Skip(1));
    }
}
