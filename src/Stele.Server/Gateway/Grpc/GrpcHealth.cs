using Stele.Core.Journal;
using Stele.Proto.Health.V1;
using Stele.Server.Journal;
using Serving = Stele.Proto.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Stele.Server.Gateway.Grpc;

/// <summary>
/// grpc.health.v1: of the empty name and of every service, whether strong reads work, as /readyz says. Check needs no token,
/// because those who probe have none; Watch, which holds a stream, does.
/// </summary>
internal sealed class GrpcHealth(JournalNode journal, IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>Open to everybody.</summary>
    public const string CheckPath = "/grpc.health.v1.Health/Check";

    /// <summary>What holds a stream.</summary>
    public const string WatchPath = "/grpc.health.v1.Health/Watch";

    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // an idle node asks every second
    static readonly TimeSpan Reachable = TimeSpan.FromSeconds(3);

    /// <summary>Asks the primary.</summary>
    public async Task Check(GrpcCall call)
    {
        if (await call.ReadOnly() is not HealthCheckRequest request) return;
        if (!IsKnown(request.Service)) call.End(new GrpcStatus(GrpcCode.NotFound, $"There is no service {request.Service}."));
        else
        {
            var read = await journal.Read(OrgId.Default, new ReadOptions(Consistency.Strong, null, null), call.RequestAborted);
            call.Reply = new HealthCheckResponse { Status = read.Fault is null && !lifetime.ApplicationStopping.IsCancellationRequested ? Serving.Serving : Serving.NotServing };
        }
    }

    /// <summary>From memory, at once and whenever it changes: a thousand watchers ask nobody.</summary>
    public async Task Watch(GrpcCall call)
    {
        if (await call.ReadOnly() is not HealthCheckRequest request) return;
        var isKnown = IsKnown(request.Service);
        var last = Serving.Unknown;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
            {
                var now = !isKnown ? Serving.ServiceUnknown : journal.Heads.AnsweredWithin(Reachable) ? Serving.Serving : Serving.NotServing;
                if (now != last) await call.Write(new HealthCheckResponse { Status = now });
                last = now;
            }
            while (await timer.WaitForNextTickAsync(call.RequestAborted));
        }
        catch (OperationCanceledException) when (call.RequestAborted.IsCancellationRequested)
        {
            // the client went, its deadline passed, or the node stops: the call's end says which
        }
    }

    static bool IsKnown(string service) => service.Length == 0 || GrpcMethods.Services.Any(known => known.FullName == service);
}
