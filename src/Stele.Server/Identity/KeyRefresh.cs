namespace Stele.Server.Identity;

/// <summary>Fetches issuers' keys before they are needed: at start, without the start waiting for it, and then as often as each issuer says.</summary>
internal sealed class KeyRefresh(JwtIdentities identities, TimeProvider time) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Fetches what is due. Never fails.</summary>
    public Task RunOnce() => Task.WhenAll(identities.Sources.Where(source => source.IsDue).Select(source => source.Refresh()));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!identities.Sources.Any()) return;
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            do await RunOnce();
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }
}
