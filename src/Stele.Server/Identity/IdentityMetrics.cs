using Stele.Server.Operation;

namespace Stele.Server.Identity;

/// <summary>The instruments of identities from elsewhere.</summary>
internal sealed class IdentityMetrics
{
    readonly Counter verified, fetched, failed;
    readonly Counter[] refused;

    public IdentityMetrics(Metrics metrics)
    {
        verified = metrics.AddCounter("stele_jwt_verified_total", "JWTs whose signature and claims were proved; later requests with the same token are not counted.");
        refused = [.. JwtRefusals.All.Select(refusal => metrics.AddCounter("stele_jwt_refused_total", "JWTs that were refused, by reason.", "reason", refusal.Label()))];
        fetched = metrics.AddCounter("stele_jwks_fetches_total", FetchesHelp, "outcome", "ok");
        failed = metrics.AddCounter("stele_jwks_fetches_total", FetchesHelp, "outcome", "failed");
        metrics.AddGauge("stele_jwks_age_seconds", "How long ago an issuer last gave its keys, of the issuer for which that is longest.", () => (OldestKeys?.Invoke() ?? TimeSpan.Zero).TotalSeconds);
    }

    /// <summary>Asked at each scrape.</summary>
    public Func<TimeSpan>? OldestKeys { get; set; }

    public void Verified() => verified.Add();

    public void Refused(JwtRefusal refusal) => refused[(int)refusal].Add();

    public void Fetched() => fetched.Add();

    public void FetchFailed() => failed.Add();

    const string FetchesHelp = "Fetches of issuers' keys, by outcome.";
}
