using Stele.Server.Journal.Hints;

namespace Stele.Server.Peers;

/// <summary>
/// What nodes ask each other, where one must know what all know and PostgreSQL does not: who watches. See <see cref="PeerExchange"/>.
/// </summary>
internal static class PeerFeature
{
    public static IServiceCollection AddPeers(this IServiceCollection services) => services
        .AddSingleton<PeerOptions>()
        .AddSingleton<PeerStore>()
        .AddSingleton<PeerExchange>()
        .AddHostedService<PeerLoop>();
}

/// <summary>Runs the exchange for as long as the server runs.</summary>
internal sealed class PeerLoop(PeerExchange peers, HintExchange hints) : BackgroundService
{
    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // before the node listens: who subscribes here must be known to be here
        await peers.Announce(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        hints.OnHint(peers.Hear);
        return peers.Run(stoppingToken);
    }
}
