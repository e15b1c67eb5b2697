using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Google.Protobuf;
using Stele.Prove.Processes;
using Stele.Prove.Workload;
using Stele.Proto.V1;

namespace Stele.Prove.Soak;

/// <summary>Reads over gRPC, on each node in turn. Nothing of it may fail.</summary>
internal sealed class GrpcVisitor(IReadOnlyList<(SteleNode Node, int Port)> nodes, TimeSpan think)
{
    const string NotFound = "5";

    readonly Dictionary<string, int> failures = [];
    int served;

    public int Served => Volatile.Read(ref served);

    /// <summary>How calls ended that were not answered, and how often.</summary>
    public IReadOnlyDictionary<string, int> Failures => failures;

    public async Task Run(CancellationToken stop)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        try
        {
            for (var turn = 0; !stop.IsCancellationRequested; turn++)
            {
                var (node, port) = nodes[turn % nodes.Count];
                if (await Call(http, node, port, Workload.Session.Key(turn % Workload.Session.Keys), stop) is not { } failure) Interlocked.Increment(ref served);
                else failures[failure] = failures.GetValueOrDefault(failure) + 1;
                await Pause.For(think, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // the end of the soak
        }
    }

    // how it failed, or null
    static async Task<string?> Call(HttpClient http, SteleNode node, int port, string key, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"http://127.0.0.1:{port}/stele.v1.ConfigService/Get")) 
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(Frame(new GetConfigRequest { Key = key, Env = Caller.Environment })),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        try
        {
            using var response = await http.SendAsync(request, stop);
            await response.Content.ReadAsByteArrayAsync(stop);
            var status = response.TrailingHeaders.TryGetValues("grpc-status", out var trailer) || response.Headers.TryGetValues("grpc-status", out trailer) ? trailer.First() : $"HTTP {(int)response.StatusCode}";
            // the other clients delete keys as well: that one is not there is an answer
            return status is "0" or NotFound ? null : $"gRPC Get: {status}";
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or IOException || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return $"gRPC Get: {e.GetType().Name}";
        }
    }

    static byte[] Frame(IMessage message)
    {
        var body = message.ToByteArray();
        var frame = new byte[5 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length);
        body.CopyTo(frame, 5);
        return frame;
    }
}
