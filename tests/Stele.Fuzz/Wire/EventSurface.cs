using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Wire;

/// <summary>
/// Requests for streams of server-sent events and for answers that wait, each over a connection of its own, which its client leaves when it is level:
/// with filters, places and moments of any kind, while keys are written.
/// </summary>
internal sealed class EventSurface : ISurface
{
    const byte Sound = (byte)'s', Broken = (byte)'b';

    // so seldom that what a stream begins with stays short
    const int BatchesAWrite = 16;

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    const string Silent = "a stream ends without a word";

    static readonly string[] kinds = ["change", "synced", "reset", "end", "message"];

    readonly ServerLease server = new(100_000);
    string place = "0-00000000";
    int batches;

    public string Name => "events";

    public string Meaning => "streams of events and long polls: refused with a problem, or sound events in order up to where the journal is; who leaves is forgotten";

    public int BatchInputs => 32;

    public byte[] Make(Dice dice) => dice.Next(40) == 0 ? [Broken, .. Mutation.Of(dice, new RequestMaker(dice).Waiting())] : [Sound, .. new RequestMaker(dice).Waiting()];

    public async ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => await server.Use(inputs.Count, async node =>
    {
        using var patient = new CancellationTokenSource(patience);
        try
        {
            if (Interlocked.Increment(ref batches) % BatchesAWrite == 1) await Write(node, patient.Token);
            var answered = await Task.WhenAll(inputs.Where(input => input.Length > 0).Select(input => Ask(node, Encoding.Latin1.GetString(input.AsSpan(1)), input[0] == Broken, patient.Token)));
            return answered.Count(sound => sound);
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFinding($"no end within {patience.TotalSeconds} s");
        }
    });

    public async ValueTask DisposeAsync()
    {
        // whoever has gone has left nothing behind
        await server.Use(0, async node =>
        {
            using var patient = new CancellationTokenSource(patience);
            while (await Watching(node) is { Length: > 0 } left) FuzzFinding.Unless(!patient.IsCancellationRequested, () => $"nobody watches any more, and there are still {left}");
            return 0;
        });
        await server.DisposeAsync();
    }

    async Task<bool> Ask(FuzzServer node, string input, bool isBroken, CancellationToken cancellation)
    {
        using var socket = await FuzzServer.Connect(node.Http);
        var request = input.Replace(RequestMaker.Place, Volatile.Read(ref place), StringComparison.Ordinal);
        await Send(socket, Encoding.Latin1.GetBytes(request), isBroken, cancellation);
        var answers = new HttpAnswers(socket);
        try
        {
            if (await answers.Next(cancellation) is not { } answer) return false;
            FuzzFinding.Unless(answer.Status is < 500 or 501 or 503 or 505, () => $"answered {answer.Status}: {answer.Text}");
            if (answer.Status >= 400) HttpRefusal.Check(answer);
            if (answer.IsStream) await Follow(answers, request.Contains("/ofrep/", StringComparison.Ordinal), cancellation);
            return answer.Status < 400;
        }
        catch (FuzzFinding finding) when (isBroken && (finding.Message.Contains("in the middle", StringComparison.Ordinal) || finding.Message == Silent))
        {
            // we closed our half first: an answer under way may be cut
            return false;
        }
    }

    static async Task Send(Socket socket, byte[] request, bool isBroken, CancellationToken cancellation)
    {
        try
        {
            await socket.SendAsync(request, cancellation);
            // the rest of one that ends too early never comes
            if (isBroken) socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // it was closed on us: what was answered is still there to be read
        }
    }

    // until it is level: of OFREP's stream each event says no more than that
    async Task Follow(HttpAnswers answers, bool isLevelAtOnce, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        Cursor? at = null;
        while (await answers.Part(cancellation) is { } part)
        {
            text.Append(Encoding.UTF8.GetString(part));
            for (var all = text.ToString(); all.IndexOf("\n\n", StringComparison.Ordinal) is >= 0 and var end; all = text.ToString())
            {
                text.Remove(0, end + 2);
                var (kind, cursor) = Event(all[..end]);
                FuzzFinding.Unless(kind == "reset" || at is null || cursor is null || cursor.Value.Revision >= at.Value.Revision, () => $"after {at} comes {all[..end]}");
                at = cursor ?? at;
                if (cursor is { } known) Volatile.Write(ref place, known.ToString());
                if (isLevelAtOnce || kind is "synced" or "end") return;
            }
        }
        throw new FuzzFinding(Silent);
    }

    static (string? Kind, Cursor? Cursor) Event(string text)
    {
        string? kind = null;
        Cursor? cursor = null;
        foreach (var line in text.Split('\n'))
            switch (line.Split(": ", 2))
            {
                case ["id", var id]:
                    FuzzFinding.Unless(Cursor.TryParse(id, out var parsed), () => $"an event's id is {id}");
                    cursor = parsed;
                    break;
                case ["event", var name]:
                    FuzzFinding.Unless(kinds.Contains(name), () => $"an event is called {name}");
                    kind = name;
                    break;
                case ["data", var data]: CheckData(data); break;
                case ["", _]: break;
                default: throw new FuzzFinding($"a line of an event is {line}");
            }
        return (kind, cursor);
    }

    static void CheckData(string data)
    {
        try
        {
            using var json = JsonDocument.Parse(data);
            FuzzFinding.Unless(json.RootElement.ValueKind == JsonValueKind.Object, () => $"the data of an event is {data}");
        }
        catch (JsonException)
        {
            throw new FuzzFinding($"the data of an event is {data}");
        }
    }

    // null: nobody
    static async Task<string?> Watching(FuzzServer node)
    {
        using var socket = await FuzzServer.Connect(node.Http);
        await socket.SendAsync(RequestMaker.Request("GET", "/v1/subscriptions?limit=3", null));
        var answer = await new HttpAnswers(socket).Next(CancellationToken.None);
        FuzzFinding.Unless(answer is { Status: 200 }, () => $"the list of subscriptions is answered {answer?.Status}: {answer?.Text}");
        using var json = JsonDocument.Parse(answer!.Body);
        return json.RootElement.GetProperty("items").GetArrayLength() == 0 ? null : answer.Text;
    }

    static async Task Write(FuzzServer node, CancellationToken cancellation)
    {
        using var socket = await FuzzServer.Connect(node.Http);
        await socket.SendAsync(RequestMaker.Request("PUT", "/v1/config/app.a?env=development", Encoding.UTF8.GetBytes($$"""{"value":{{Environment.TickCount64}}}""")), cancellation);
        var answer = await new HttpAnswers(socket).Next(cancellation);
        FuzzFinding.Unless(answer?.Status is 200 or 201 or 503, () => $"a write is answered {answer?.Status}: {answer?.Text}");
    }
}
