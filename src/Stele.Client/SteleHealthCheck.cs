using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Stele.Client;

/// <summary>
/// Healthy while what is in use is followed; degraded while it is not, or a revision was refused: the app works, on what it
/// has. Says revision, age and what is wrong.
/// </summary>
public sealed class SteleHealthCheck(SteleClient client) : IHealthCheck
{
    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
    {
        var status = client.Values.Follower is null ? client.Flags.Status : client.Values.Status;
        var data = new Dictionary<string, object>
        {
            ["revision"] = status.Revision, ["connected"] = status.Connected, ["from_disk"] = status.FromDisk, ["reconnects"] = status.Reconnects,
            ["age_seconds"] = status.Age?.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture) ?? "never",
        };
        if (status is { Connected: true, Rejected: null } && client.Secrets.Follower is not null) status = client.Secrets.Status;
        if (status.Rejected is { } rejected) return Task.FromResult(HealthCheckResult.Degraded($"Revision {rejected.Revision} is refused: {rejected.Reason}", null, data));
        return Task.FromResult(status.Connected ? HealthCheckResult.Healthy($"Revision {status.Revision} is in use.", data)
            : HealthCheckResult.Degraded($"Revision {status.Revision} is in use, and is not followed: {status.Problem ?? "the stream is being opened."}", null, data));
    }
}
