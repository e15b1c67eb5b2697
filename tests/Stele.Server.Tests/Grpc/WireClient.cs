using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;
using Stele.Proto.Rpc;
using Stele.Server.Tests.Http;

namespace Stele.Server.Tests.Grpc;

/// <summary>Frames and headers as a test wants them, however wrong: what no client of others would send.</summary>
sealed class WireClient : IDisposable
{
    readonly HttpClient client;

    public WireClient(Uri address, HttpMessageHandler? handler = null) => client = new HttpClient(handler ?? new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None })
    {
        BaseAddress = address, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
    };

    /// <summary>A message in its frame.</summary>
    public static byte[] Frame(IMessage message, bool gzip = false) => Frame(message.ToByteArray(), gzip);

    public static byte[] Frame(byte[] message, bool gzip = false)
    {
        if (gzip) message = Packed(message);
        var frame = new byte[5 + message.Length];
        frame[0] = gzip ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), (uint)message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>A call as it should be.</summary>
    public Task<WireAnswer> Call(string path, IMessage message, params (string Name, string? Value)[] headers) => Send(path, Frame(message), headers);

    /// <summary>Whatever the test says. A header of null is left out.</summary>
    public Task<WireAnswer> Send(string path, byte[] body, params (string Name, string? Value)[] headers) => Send(path, body, () => Task.CompletedTask, headers);

    /// <summary>Does something when the answer begins.</summary>
    public async Task<WireAnswer> Send(string path, byte[] body, Func<Task> begun, params (string Name, string? Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body), Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
        var all = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase) { ["te"] = "trailers", ["authorization"] = $"Bearer {HttpServer.Token}", ["content-type"] = "application/grpc" };
        foreach (var (name, value) in headers) all[name] = value;
        foreach (var (name, value) in all)
            if (value is null) continue;
            else if (name == ":method") request.Method = new HttpMethod(value);
            else if (name == "content-type") request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(value);
            else request.Headers.TryAddWithoutValidation(name, value);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await begun();
        var bytes = await response.Content.ReadAsByteArrayAsync();
        return new WireAnswer(response.StatusCode, bytes,
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key.ToLowerInvariant(), header => string.Join(",", header.Value)),
            response.TrailingHeaders.ToDictionary(header => header.Key.ToLowerInvariant(), header => string.Join(",", header.Value)));
    }

    public void Dispose() => client.Dispose();

    static byte[] Packed(byte[] message)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(message);
        return packed.ToArray();
    }
}

/// <summary>What came back.</summary>
sealed record WireAnswer(HttpStatusCode Http, byte[] Body, IReadOnlyDictionary<string, string> Headers, IReadOnlyDictionary<string, string> Trailers)
{
    /// <summary>grpc-status, from the trailers, or the headers of an answer that has nothing else.</summary>
    public int? Code => int.TryParse(Find("grpc-status"), out var code) ? code : null;

    public string Message => Uri.UnescapeDataString(Find("grpc-message") ?? "");

    public Status Details => Status.Parser.ParseFrom(Convert.FromBase64String(Padded(Find("grpc-status-details-bin") ?? "")));

    /// <summary>The violations, as <c>reason@field</c>.</summary>
    public List<string> Violations() => [.. Details.Details.Where(detail => detail.Is(BadRequest.Descriptor)).SelectMany(detail => detail.Unpack<BadRequest>().FieldViolations).Select(violation => $"{violation.Reason}@{violation.Field}")];

    public ErrorInfo Info => Details.Details.Single(detail => detail.Is(ErrorInfo.Descriptor)).Unpack<ErrorInfo>();

    /// <summary>The one message, unpacked if it is packed.</summary>
    public T As<T>(MessageParser<T> parser) where T : IMessage<T>
    {
        Xunit.Assert.Equal((0, ""), (Code, Message));
        var message = Body.AsSpan(5, (int)BinaryPrimitives.ReadUInt32BigEndian(Body.AsSpan(1))).ToArray();
        if (Body[0] == 0) return parser.ParseFrom(message);
        var whole = new MemoryStream();
        new GZipStream(new MemoryStream(message), CompressionMode.Decompress).CopyTo(whole);
        return parser.ParseFrom(whole.ToArray());
    }

    string? Find(string name) => Trailers.GetValueOrDefault(name) ?? Headers.GetValueOrDefault(name);

    static string Padded(string base64) => base64.PadRight((base64.Length + 3) / 4 * 4, '=');
}
