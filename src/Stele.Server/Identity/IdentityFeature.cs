namespace Stele.Server.Identity;

/// <summary>
/// Identities that others vouch for: bearers of JWTs from configured issuers (OpenID Connect, Kubernetes). What it promises:
/// <list type="bullet">
/// <item>A token is believed when a key of its own issuer signed it by an algorithm that the operator allows and that fits the
/// key, it is for one of our audiences, and now is within its time. <c>none</c>, HMAC, encrypted tokens, critical extensions and
/// members that stand twice are refused.</item>
/// <item>Keys are fetched over TLS, kept, and fetched anew when a token names one that is not there: once in the issuer's floor,
/// however many such tokens come. While the issuer is away they hold until they are too old; then its tokens are 503 and not 401,
/// because nothing is wrong with them.</item>
/// <item>A verified token is found by its hash. A key that its issuer withdraws takes its tokens along at the next fetch.</item>
/// <item>No token is logged, nor anything that it claims; the journal holds a hash of issuer and subject.</item>
/// </list>
/// Limits: jwt.characters, jwt.cached_tokens, jwt.memberships, jwt.subject_characters, jwks.bytes, jwks.keys, jwks.fetch_ms, jwks.wait_ms.
/// </summary>
internal static class IdentityFeature
{
    public static IServiceCollection AddIdentity(this IServiceCollection services) => services
        .AddSingleton<IdentityMetrics>()
        .AddSingleton<JwtIdentities>()
        .AddSingleton<VouchedIdentities>()
        .AddHostedService<KeyRefresh>();
}
