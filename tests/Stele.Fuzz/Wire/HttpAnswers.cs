using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Stele.Fuzz.Running;

namespace Stele.Fuzz.Wire;

/// <summary>An answer of HTTP/1.1 as it came.</summary>
internal sealed record HttpWireAnswer(int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string ContentType => Headers.GetValueOrDefault("content-type", "").Split(';')[0];

    public bool Closes => Headers.GetValueOrDefault("connection", "").Equals("close", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it has no end of its own: its body is read part by part.</summary>
    public bool IsStream => Status == 200 && ContentType == "text/event-stream";

    public string Text => Encoding.UTF8.GetString(Body.AsSpan(0, Math.Min(Body.Length, 2_000)));
}

/// <summary>Answers from a connection, one after the other, held to the framing of RFC 9112.</summary>
internal sealed class HttpAnswers(Socket socket)
{
    readonly byte[] buffer = new byte[64 << 10];
    int start, end;

    /// <summary>The next one; null when the server has closed the connection.</summary>
    public async Task<HttpWireAnswer?> Next(CancellationToken cancellation)
    {
        while (true)
        {
            if (await Line(cancellation) is not { } status) return null;
            FuzzFinding.Unless(status.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) && status.Length >= 12, () => $"an answer begins with {status}");
            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            while (await Line(cancellation) is { Length: > 0 } line)
            {
                var colon = line.IndexOf(':');
                FuzzFinding.Unless(colon > 0, () => $"a header is {line}");
                headers[line[..colon]] = line[(colon + 1)..].Trim();
            }
            var code = int.Parse(status.AsSpan(9, 3), CultureInfo.InvariantCulture);
            // 100 Continue comes before the answer
            if (code < 200) continue;
            var answer = new HttpWireAnswer(code, headers, []);
            return answer.IsStream ? answer : answer with { Body = await Body(code, headers, cancellation) };
        }
    }

    /// <summary>The next part of a stream's body; null when it has ended, as it should or not.</summary>
    public async Task<byte[]?> Part(CancellationToken cancellation)
    {
        if (await Line(cancellation) is not { } line || int.Parse(line, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) is not (> 0 and var size)) return null;
        var part = await Exactly(size, cancellation);
        await Line(cancellation);
        return part;
    }

    async Task<byte[]> Body(int code, Dictionary<string, string> headers, CancellationToken cancellation)
    {
        if (code is 204 or 304) return [];
        if (headers.TryGetValue("content-length", out var length)) return await Exactly(int.Parse(length, CultureInfo.InvariantCulture), cancellation);
        if (!headers.GetValueOrDefault("transfer-encoding", "").Equals("chunked", StringComparison.OrdinalIgnoreCase)) return [];
        var body = new List<byte>();
        while (await Part(cancellation) is { } part) body.AddRange(part);
        await Line(cancellation);
        return [.. body];
    }

    async Task<byte[]> Exactly(int count, CancellationToken cancellation)
    {
        var bytes = new byte[count];
        for (var done = 0; done < count;)
        {
            if (start == end && !await Fill(cancellation)) throw new FuzzFinding("an answer ends in the middle of its body");
            var part = Math.Min(end - start, count - done);
            buffer.AsSpan(start, part).CopyTo(bytes.AsSpan(done));
            (start, done) = (start + part, done + part);
        }
        return bytes;
    }

    // null: nothing more comes
    async Task<string?> Line(CancellationToken cancellation)
    {
        var line = new StringBuilder();
        while (true)
        {
            if (start == end && !await Fill(cancellation)) return line.Length == 0 ? null : throw new FuzzFinding("an answer ends in the middle of its head");
            var found = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
            line.Append(Encoding.Latin1.GetString(buffer, start, found < 0 ? end - start : found));
            start = found < 0 ? end : start + found + 1;
            if (found >= 0) return line.ToString().TrimEnd('\r');
        }
    }

    async Task<bool> Fill(CancellationToken cancellation)
    {
        try
        {
            (start, end) = (0, await socket.ReceiveAsync(buffer, cancellation));
        }
        catch (SocketException)
        {
            (start, end) = (0, 0);
        }
        return end > 0;
    }
}
