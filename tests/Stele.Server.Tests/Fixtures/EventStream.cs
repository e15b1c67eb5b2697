using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Stele.Server.Tests.Fixtures;

/// <summary>One event of a stream: its id, its name, its data. A heartbeat has an id only.</summary>
public sealed record StreamEvent(string? Id, string? Name, JsonElement Data);

/// <summary>A client of server-sent events that reads when the test says so.</summary>
public sealed class EventStream : IDisposable
{
    readonly HttpResponseMessage response;
    readonly StreamReader reader;

    EventStream(HttpResponseMessage response, StreamReader reader) => (this.response, this.reader) = (response, reader);

    static readonly HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 1_000 }) { Timeout = Timeout.InfiniteTimeSpan };

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    public HttpStatusCode Status => response.StatusCode;

    /// <summary>The subscription's id.</summary>
    public string Subscription => response.Headers.GetValues("Stele-Subscription").Single();

    /// <summary>Opens a stream; its status may be a refusal.</summary>
    public static Task<EventStream> Open(Uri server, string query, string token, string? lastEventId = null) => Open(new Uri(server, "/v1/watch" + query), token, lastEventId);

    /// <summary>Opens a stream at an address that was given, as a browser does: without a token.</summary>
    public static Task<EventStream> Open(string address, string? lastEventId = null) => Open(new Uri(address), null, lastEventId);

    static async Task<EventStream> Open(Uri address, string? token, string? lastEventId)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (lastEventId is not null) request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return new EventStream(response, new StreamReader(await response.Content.ReadAsStreamAsync()));
    }

    /// <summary>The body of a refusal.</summary>
    public Task<string> Refusal() => reader.ReadToEndAsync();

    /// <summary>The next event; null at the end of the stream.</summary>
    public async Task<StreamEvent?> Next()
    {
        string? id = null, name = null, data = null;
        while (await reader.ReadLineAsync().WaitAsync(patience) is { } line)
        {
            if (line.Length == 0) return new StreamEvent(id, name, data is null ? default : JsonDocument.Parse(data).RootElement);
            if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
            if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
        }
        return null;
    }

    /// <summary>The next event that has a name.</summary>
    public async Task<StreamEvent> Named(string name)
    {
        var next = await Next();
        while (next is { Name: null }) next = await Next();
        Xunit.Assert.NotNull(next);
        Xunit.Assert.Equal(name, next.Name);
        return next;
    }

    /// <summary>The next change, as <c>revision key=value …</c>.</summary>
    public async Task<string> Change() => Text((await Named("change")).Data);

    public static string Text(JsonElement change) => $"{change.GetProperty("revision")} " + string.Join(' ', change.GetProperty("changes").EnumerateArray()
        .Select(one => $"{one.GetProperty("key")}={(one.GetProperty("op").GetString() == "delete" ? "-" : one.GetProperty("value").GetRawText())}"));

    public void Dispose()
    {
        reader.Dispose();
        response.Dispose();
    }
}
