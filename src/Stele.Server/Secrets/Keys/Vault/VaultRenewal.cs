namespace Stele.Server.Secrets.Keys.Vault;

/// <summary>Keeps the token alive while nobody asks for anything.</summary>
internal sealed class VaultRenewal(VaultTokens tokens, TimeProvider time) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true) await Task.Delay(await tokens.RunOnce(stoppingToken), time, stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // the end of the node: the token ends by itself, and others may be using it
        }
    }
}
