using System.Collections.Concurrent;
using System.Globalization;
using Stele.Server.Operation;

namespace Stele.Server.Gateway.Grpc;

/// <summary>How long calls take, by service, method and status. Names and labels are those of OpenTelemetry's conventions for RPC.</summary>
internal sealed class GrpcMetrics
{
    const string Name = "rpc_server_call_duration_seconds";
    const string Help = "Duration of gRPC calls by service, method and status code; of a stream, from its beginning to its end.";

    readonly Metrics metrics;
    readonly ConcurrentDictionary<(GrpcMethod?, GrpcCode), Histogram> calls = new();

    public GrpcMetrics(Metrics metrics)
    {
        this.metrics = metrics;
        // so that a scrape has the metric before the first call
        calls[(null, GrpcCode.Unimplemented)] = Add((null, GrpcCode.Unimplemented));
    }

    /// <summary>One call. Those of what there is not are one series.</summary>
    public void Observe(GrpcMethod? method, GrpcCode code, TimeSpan elapsed) =>
        (calls.TryGetValue((method, code), out var known) ? known : Once((method, code))).Observe(elapsed);

    // two of one name would be a scrape that Prometheus refuses
    Histogram Once((GrpcMethod?, GrpcCode) of)
    {
        lock (calls) return calls.TryGetValue(of, out var known) ? known : calls[of] = Add(of);
    }

    Histogram Add((GrpcMethod? Method, GrpcCode Code) of) => metrics.Add(Name, Help, Histogram.OfSeconds(),
        "rpc_service", of.Method?.Descriptor.Service.FullName ?? "", "rpc_method", of.Method?.Descriptor.Name ?? "unmatched",
        "rpc_grpc_status_code", ((int)of.Code).ToString(CultureInfo.InvariantCulture));
}
