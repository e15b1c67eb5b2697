using System.Globalization;
using System.Text;
using Google.Protobuf.Reflection;
using Stele.Fuzz.Making;
using Stele.Fuzz.Pure;
using Stele.Fuzz.Running;
using Stele.Proto.Flagd.Sync.V1;
using Stele.Server.Gateway.Grpc;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Wire;

/// <summary>Calls of gRPC to a server that runs, many at a time on one connection: every method, frames and messages and headers of any kind.</summary>
/// <param name="name">What it is called.</param>
/// <param name="methods">The methods.</param>
/// <param name="port">Where they are.</param>
internal sealed class GrpcSurface(string name, IReadOnlyList<MethodDescriptor> methods, Func<FuzzServer, Uri> port) : ISurface
{
    const int MessageBytesMax = 20_000, DataBytesMax = 16_384, Rounds = 3;

    static readonly TimeSpan patience = TimeSpan.FromSeconds(20);

    // what a breach of the protocol is called; any other INTERNAL is a bug
    static readonly string[] breaches = ["What came is not a message", "A message begins with", "A message is marked as compressed", "The request ends in the middle"];

    // what a node answers whose commit nobody saw the end of, as docs/guides/consistency.md says
    const string Unknown = "with the same Idempotency-Key to find out";

    // changes that would end the run for all who come after
    static readonly string[] left = ["ArchiveOrg", "SetReadOnly"];

    readonly ServerLease server = new(100_000);

    /// <summary>Every method of Stele's own.</summary>
    public static GrpcSurface Own() => new("grpc", [.. ProtobufSurface.Methods.Where(method => !left.Contains(method.Name))], node => node.Grpc);

    /// <summary>The port for flagd's providers, where nobody says who he is.</summary>
    public static GrpcSurface Flagd() => new("flagd", [.. SyncReflection.Descriptor.Services.SelectMany(service => service.Methods)], node => node.Flagd);

    public string Name => name;

    public string Meaning => "calls of every method over HTTP/2: each ends with a status, never UNKNOWN, and INTERNAL only for what is no message";

    public int BatchInputs => 32;

    public byte[] Make(Dice dice)
    {
        var method = methods[dice.Next(methods.Count)];
        var message = Mutation.Sometimes(dice, new MessageMaker(dice).Message(method.InputType, 3));
        var frame = MessageMaker.Frame(dice, message.Length > MessageBytesMax ? message[..MessageBytesMax] : message);
        if (dice.Next(12) == 0) frame = Mutation.Of(dice, frame) is { Length: <= MessageBytesMax } changed ? changed : frame;
        var headers = new StringBuilder().Append(CultureInfo.InvariantCulture, $":path {(dice.Next(60) == 0 ? "/" + Header(Nasty.Text(dice)) : GrpcMethods.PathOf(method))}\n");
        headers.Append("grpc-timeout ").Append(dice.Next(40) == 0 ? dice.Pick<string>(["1n", "0S", "1", "999999999S", "x", method.IsServerStreaming || method.IsClientStreaming ? "1m" : "99999999H"]) : method.IsClientStreaming || method.IsServerStreaming ? "40m" : "9S").Append('\n');
        headers.Append("grpc-encoding gzip\n");
        if (dice.Next(15) == 0) headers.Append(dice.Pick<string>(["stele-org", "authorization", "x-bin", "grpc-encoding", "content-type", "idempotency-key", "stele-min-cursor", "grpc-accept-encoding", "user-agent"])).Append(' ').Append(Header(Nasty.Text(dice))).Append('\n');
        return [.. Encoding.Latin1.GetBytes(headers.Append('\n').ToString()), .. frame];
    }

    public async ValueTask<int> Try(IReadOnlyList<byte[]> inputs) => await server.Use(inputs.Count, async node =>
    {
        using var patient = new CancellationTokenSource(patience);
        try
        {
            for (var round = 1; ; round++)
            {
                var (accepted, unknown) = await Calls(node, inputs, patient.Token);
                // others work on this machine too, and its disk may take longer than a node waits: only what is unknown each time is an input's doing
                if (unknown is null) return accepted;
                FuzzFinding.Unless(round < Rounds, () => $"ended {Rounds} times with 2: {unknown}");
            }
        }
        catch (OperationCanceledException)
        {
            throw new FuzzFinding($"no end within {patience.TotalSeconds} s");
        }
    });

    public ValueTask DisposeAsync() => server.DisposeAsync();

    // how many were accepted, and the first whose outcome is not known
    async Task<(int Accepted, string? Unknown)> Calls(FuzzServer node, IReadOnlyList<byte[]> inputs, CancellationToken cancellation)
    {
        using var connection = await H2Connection.Open(port(node), cancellation);
        var open = new Dictionary<int, Dictionary<string, string>>();
        var bytes = new List<byte>();
        for (var i = 0; i < inputs.Count; i++)
        {
            open[2 * i + 1] = [];
            bytes.AddRange(Call(inputs[i], 2 * i + 1));
        }
        var sending = connection.Send(bytes.ToArray(), cancellation);
        var accepted = 0;
        string? unknown = null;
        while (open.Count > 0 && await connection.Next(cancellation) is { } frame)
        {
            if (frame.Type == H2Frame.GoAway) FuzzFinding.Unless(frame.Payload[7] == 0, () => $"the connection is ended with {Convert.ToHexString(frame.Payload)} {Encoding.ASCII.GetString(frame.Payload.AsSpan(8))}");
            if (frame.Type == H2Frame.Ping && (frame.Flags & H2Frame.Ack) == 0) await connection.Send(new H2Frame(H2Frame.Ping, H2Frame.Ack, 0, frame.Payload).Bytes(), cancellation);
            if (!open.TryGetValue(frame.Stream, out var headers)) continue;
            if (frame.Type == H2Frame.Headers)
                foreach (var (name, value) in H2Connection.Read(frame.Payload)) headers[name] = value;
            if (frame.Type != H2Frame.Reset && !(frame.Type is H2Frame.Data or H2Frame.Headers && (frame.Flags & H2Frame.EndStream) != 0)) continue;
            open.Remove(frame.Stream);
            // a request that is no HTTP/2 is reset, or refused as HTTP refuses
            if (frame.Type == H2Frame.Reset) continue;
            if (headers.GetValueOrDefault("grpc-status") == "2" && Message(headers) is var said && said.Contains(Unknown, StringComparison.Ordinal)) unknown ??= said;
            else accepted += Check(headers);
        }
        await sending;
        FuzzFinding.Unless(open.Count == 0, () => $"{open.Count} of {inputs.Count} calls have no end: the connection was closed");
        return (accepted, unknown);
    }

    static string Message(Dictionary<string, string> headers) => Uri.UnescapeDataString(headers.GetValueOrDefault("grpc-message", ""));

    static int Check(Dictionary<string, string> headers)
    {
        var status = headers.GetValueOrDefault(":status", "");
        if (!headers.TryGetValue("grpc-status", out var code))
        {
            FuzzFinding.Unless(status is "400" or "404" or "405" or "415" or "431" or "505", () => $"no grpc-status, and the status {status}");
            return 0;
        }
        var message = Message(headers);
        FuzzFinding.Unless(code is not ("2" or "15") && (code != "13" || breaches.Any(breach => message.StartsWith(breach, StringComparison.Ordinal))), () => $"ended with {code}: {message}");
        return code == "0" ? 1 : 0;
    }

    /// <summary>A call's frames: its headers, and its body in parts.</summary>
    static byte[] Call(byte[] input, int stream)
    {
        var end = input.AsSpan().IndexOf("\n\n"u8);
        var all = new List<(string Name, string Value)> { (":method", "POST"), (":scheme", "http"), (":authority", "fuzz"), ("te", "trailers"), ("content-type", "application/grpc"), ("authorization", $"Bearer {FuzzServer.Token}") };
        foreach (var line in Encoding.Latin1.GetString(input.AsSpan(0, Math.Max(0, end))).Split('\n'))
            if (line.Split(' ', 2) is [{ Length: > 0 } name, var value])
            {
                all.RemoveAll(one => one.Name == name);
                all.Insert(name[0] == ':' ? 0 : all.Count, (name, value));
            }
        var body = input.AsSpan(end < 0 ? 0 : end + 2);
        var bytes = new List<byte>(new H2Frame(H2Frame.Headers, H2Frame.EndHeaders | (body.IsEmpty ? H2Frame.EndStream : 0), stream, H2Connection.Block(all)).Bytes());
        while (!body.IsEmpty)
        {
            var part = body[..Math.Min(body.Length, DataBytesMax)];
            body = body[part.Length..];
            bytes.AddRange(new H2Frame(H2Frame.Data, body.IsEmpty ? H2Frame.EndStream : 0, stream, part.ToArray()).Bytes());
        }
        return [.. bytes];
    }

    static string Header(string text) => string.Concat(text.Where(c => c is >= ' ' and < '\u007f').Take(3_000)).Trim();
}
