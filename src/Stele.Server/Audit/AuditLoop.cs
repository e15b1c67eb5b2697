using Stele.Core.Limits;

namespace Stele.Server.Audit;

/// <summary>Writes what <see cref="AuditTrail"/> took: every second, at once when somebody waits, and once more at the end of the node.</summary>
internal sealed class AuditLoop(AuditTrail trail, TimeProvider time, ILogger<AuditTrail> log) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value), time);
            await trail.RunLast(limit.Token);
            if (trail.Waiting > 0) log.AuditLeft();
        }
        catch (OperationCanceledException)
        {
            log.AuditLeft();
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            var tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
            while (true)
            {
                if (await Task.WhenAny(tick, trail.Urgent) == tick)
                {
                    await tick;
                    tick = timer.WaitForNextTickAsync(stoppingToken).AsTask();
                }
                await trail.RunOnce(stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node: StopAsync writes what is left
        }
    }
}
