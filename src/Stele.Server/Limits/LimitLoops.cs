using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Limits;

/// <summary>What the limits do now and then. Starts after what the first start writes, which no mode refuses.</summary>
internal sealed class LimitLoops(RequestLimiter limiter, SharedBudget shared, ReadOnlyMode mode, JournalNode journal, TimeProvider time, LimitOptions options, ILogger<LimitLoops> log) : BackgroundService
{
    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // before the node listens
        await mode.RunOnce(cancellationToken);
        journal.RefuseWrites(mode.Refuse);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        Repeat(options.Sweep, _ =>
        {
            limiter.Sweep();
            limiter.SetOwn(OwnBounds());
            return Task.CompletedTask;
        }, stoppingToken),
        Repeat(ReadOnlyMode.Pause, Look, stoppingToken),
        shared.IsConfigured ? Repeat(SharedBudget.Pause, shared.RunOnce, stoppingToken) : Task.CompletedTask);

    // of the orgs in memory: one that is not has no requests that would be counted by it
    Dictionary<OrgId, OrgBounds> OwnBounds()
    {
        var own = new Dictionary<OrgId, OrgBounds>();
        foreach (var org in journal.Orgs)
            if (org.State.Settings is { Limits.Count: > 0 } settings)
                own[org.Org] = new OrgBounds(Own(settings, TrafficLimits.OrgPerSecond, options.OrgPerSecond), Own(settings, TrafficLimits.OrgInWork, options.OrgInWork),
                    Own(settings, TrafficLimits.OrgSubscriptions, options.OrgSubscriptions));
        return own;
    }

    static long Own(OrgSettings settings, Limit limit, long otherwise) => settings.Limits.Any(own => own.Name == limit.Name) ? settings.ValueOf(limit) : otherwise;

    async Task Look(CancellationToken stopping)
    {
        var before = mode.Current.IsReadOnly;
        await mode.RunOnce(stopping);
        if (mode.Current.IsReadOnly != before) log.ModeChanged(mode.Current.IsReadOnly ? "refuses" : "takes", mode.Current.Reason ?? "none");
    }

    async Task Repeat(TimeSpan pause, Func<CancellationToken, Task> run, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(pause, time);
        var failed = false;
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                try
                {
                    await run(stopping);
                    failed = false;
                }
                catch (Exception e) when (e is not OperationCanceledException || !stopping.IsCancellationRequested)
                {
                    // once, and not twice a second for as long as the database is away
                    if (!failed) log.LoopFailed(e.Message);
                    failed = true;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }
}
