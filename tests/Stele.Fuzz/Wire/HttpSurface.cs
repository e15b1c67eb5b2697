using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Stele.Core.Json;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Wire;

/// <summary>
/// Requests of HTTP/1.1, byte by byte, to a server that runs: of every operation of the contract, and such as no client writes. Those whose
/// framing is sound go over one connection without waiting for each other's answer; the others each over one of its own.
/// </summary>
internal sealed class HttpSurface : ISurface
{
    const string Pipelined = "pipelined\n", Alone = "alone\n", Value = "value\n";

    // where nothing but this surface's own values are, and nobody rolls them back
    const string OwnEnvironment = "readback";

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    readonly ServerLease server = new(100_000, Seed);

    public string Name => "http";

    public string Meaning => "requests of every operation, in sound frames and broken ones: no 5xx, refusals are problems with a known code, what is written is read back equal";

    public int BatchInputs => 32;

    public byte[] Make(Dice dice)
    {
        var request = new RequestMaker(dice);
        return dice.Next(16) switch
        {
            0 => [.. Encoding.ASCII.GetBytes(Alone), .. request.Broken()],
            1 => [.. Encoding.ASCII.GetBytes(Value), .. new JsonMaker(dice) is var json ? json.Bytes(json.Any(5)) : []],
            _ => [.. Encoding.ASCII.GetBytes(Pipelined), .. request.Sound()],
        };
    }

    public async ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => await server.Use(inputs.Count, async node =>
    {
        using var patient = new CancellationTokenSource(patience);
        try
        {
            var accepted = await Together(node, [.. inputs.Where(input => !Is(input, Alone)).SelectMany(Requests)], patient);
            foreach (var input in inputs.Where(input => Is(input, Alone))) await Apart(node, input[Alone.Length..], patient.Token);
            return accepted;
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFinding($"no answer within {patience.TotalSeconds} s");
        }
    });

    public ValueTask DisposeAsync() => server.DisposeAsync();

    static bool Is(byte[] input, string kind) => input.AsSpan().StartsWith(Encoding.ASCII.GetBytes(kind));

    static IEnumerable<Exchange> Requests(byte[] input)
    {
        if (!Is(input, Value)) return [new Exchange(input[Math.Min(input.Length, Pipelined.Length)..])];
        var value = input[Value.Length..];
        // a key that nobody else writes anything else to
        var path = $"/v1/config/fuzz.{Convert.ToHexString(SHA256.HashData(value).AsSpan(0, 12))}?env={OwnEnvironment}";
        var body = (byte[])[.. "{\"value\":"u8, .. value, .. "}"u8];
        var write = new Exchange(RequestMaker.Request("PUT", path, body));
        return [write, new Exchange(RequestMaker.Request("GET", path, null)) { Written = write, Value = value }];
    }

    static async Task<int> Together(FuzzServer node, List<Exchange> exchanges, CancellationTokenSource patient)
    {
        var (accepted, cancellation) = (0, patient.Token);
        for (var done = 0; done < exchanges.Count;)
        {
            using var socket = await FuzzServer.Connect(node.Http);
            var rest = exchanges.Skip(done).SelectMany(exchange => exchange.Request).ToArray();
            var sending = Send(socket, rest, cancellation);
            var answers = new HttpAnswers(socket);
            var before = done;
            while (done < exchanges.Count && await answers.Next(cancellation) is { } answer)
            {
                var exchange = exchanges[done++];
                // each answer has its time, however many come one after the other
                patient.CancelAfter(patience);
                exchange.Answer = answer;
                Check(exchange);
                if (answer.Status < 400) accepted++;
                if (answer.Closes) break;
            }
            // one that gets no answer at all: the connection was closed on it, and the next ones try again
            if (done == before) exchanges[done++].Answer = null;
            await sending;
        }
        return accepted;
    }

    static async Task Apart(FuzzServer node, byte[] request, CancellationToken cancellation)
    {
        using var socket = await FuzzServer.Connect(node.Http);
        await Send(socket, request, cancellation);
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // it was closed already
        }
        var answers = new HttpAnswers(socket);
        try
        {
            while (await answers.Next(cancellation) is { } answer)
                FuzzFinding.Unless(answer.Status is < 500 or 501 or 503 or 505, () => $"answered {answer.Status}: {answer.Text}");
        }
        catch (FuzzFinding finding) when (finding.Message.Contains("in the middle", StringComparison.Ordinal))
        {
            // we closed our half first: an answer under way may be cut
        }
    }

    static async Task Send(Socket socket, byte[] bytes, CancellationToken cancellation)
    {
        try
        {
            for (var sent = 0; sent < bytes.Length;) sent += await socket.SendAsync(bytes.AsMemory(sent, Math.Min(bytes.Length - sent, 16 << 10)), cancellation);
        }
        catch (SocketException)
        {
            // it was closed on us: what was answered is still there to be read
        }
    }

    static void Check(Exchange exchange)
    {
        var answer = exchange.Answer!;
        FuzzFinding.Unless(answer.Status is < 500 or 503, () => $"answered {answer.Status}: {answer.Text}");
        if (answer.Status >= 400) HttpRefusal.Check(answer);
        if (exchange.Written is { } write) CheckValue(write.Answer, answer, exchange.Value!);
    }

    static void CheckValue(HttpWireAnswer? written, HttpWireAnswer read, byte[] value)
    {
        if (written is null || written.Status == 503 || read.Status == 503) return;
        var isSound = CanonicalJson.TryCanonicalize(value, "", [], out var canonical);
        var isReserved = isSound && canonical.AsSpan().StartsWith("{"u8) && canonical.AsSpan().IndexOf("\"$secret\""u8) >= 0;
        FuzzFinding.Unless(written.Status < 300 == isSound || isReserved || written.Status == 403, () => $"a value that is {(isSound ? "sound" : "not sound")} is answered {written.Status}: {written.Text}");
        // a reference that was accepted is answered by what it refers to, which is not there
        if (written.Status >= 300 || (isReserved && read.Status == 404)) return;
        FuzzFinding.Unless(read.Status == 200, () => $"what was written is answered {read.Status}: {read.Text}");
        using var json = JsonDocument.Parse(read.Body, new JsonDocumentOptions { MaxDepth = 1_000 });
        FuzzFinding.Unless(json.RootElement.GetProperty("value").GetRawText() == Encoding.UTF8.GetString(canonical), () => $"written as {Encoding.UTF8.GetString(canonical)}, read as {read.Text}");
    }

    // something to be found, to be refused for, and to be evaluated
    static async Task Seed(FuzzServer server)
    {
        using var client = new HttpClient { BaseAddress = server.Http };
        client.DefaultRequestHeaders.Authorization = new("Bearer", FuzzServer.Token);
        using var made = await client.PostAsync("/v1/environments", new StringContent($$"""{"name":"{{OwnEnvironment}}"}""", Encoding.UTF8, "application/json"));
        foreach (var (path, body) in ((string, string)[])
        [
            ("/v1/config/app.a", """{"value":1}"""), ("/v1/config/app.b", """{"value":{"b":["x"]},"schema":{"type":"object"}}"""), ("/v1/config/app.b?env=staging", """{"value":"s"}"""),
            ("/v1/flags/flag-a", """{"enabled":true,"percentage":50}"""), ("/v1/flags/flag-b", """{"state":"ENABLED","variants":{"on":1,"off":2},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"tier"},"a"]},"on",null]}}"""), ("/v1/flags/team%2Fflag-d", """{"enabled":true}"""),
        ])
        {
            using var response = await client.PutAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
            FuzzFinding.Unless(response.IsSuccessStatusCode, () => string.Create(CultureInfo.InvariantCulture, $"{path} is answered {(int)response.StatusCode}"));
        }
    }

    sealed class Exchange(byte[] request)
    {
        public byte[] Request => request;

        public HttpWireAnswer? Answer { get; set; }

        /// <summary>The write before it, of the value that this reads.</summary>
        public Exchange? Written { get; init; }

        public byte[]? Value { get; init; }
    }
}
