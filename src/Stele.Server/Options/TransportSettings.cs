namespace Stele.Server.Options;

/// <summary>The settings of what travels: addresses, TLS, browsers, and who is vouched for by others. <see cref="SteleSettings"/> reads them.</summary>
internal static class TransportSettings
{
    public static readonly Setting
        Https = new("STELE_HTTPS", "Https", ""),
        TlsCertificate = new("STELE_TLS_CERT", "TlsCert", ""),
        TlsKey = new("STELE_TLS_KEY", "TlsKey", ""),
        TlsPasswordFile = new("STELE_TLS_PASSWORD_FILE", "TlsPasswordFile", ""),
        TlsMin = new("STELE_TLS_MIN", "TlsMin", "1.2"),
        TlsClientAuthorities = new("STELE_TLS_CLIENT_CA", "TlsClientCa", ""),
        TlsClients = new("STELE_TLS_CLIENTS", "TlsClients", ""),
        HstsSeconds = new("STELE_HSTS_SECONDS", "HstsSeconds", "31536000"),
        PlainHttp = new("STELE_PLAIN_HTTP", "PlainHttp", "loopback"),
        CorsOrigins = new("STELE_CORS_ORIGINS", "CorsOrigins", ""),
        OidcIssuers = new("STELE_OIDC_ISSUERS", "OidcIssuers", ""),
        PublicUrl = new("STELE_PUBLIC_URL", "PublicUrl", ""),
        Flagd = new("STELE_FLAGD", "Flagd", ""),
        FlagdOrg = new("STELE_FLAGD_ORG", "FlagdOrg", "default"),
        FlagdEnvironment = new("STELE_FLAGD_ENV", "FlagdEnv", "");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } =
        [Https, TlsCertificate, TlsKey, TlsPasswordFile, TlsMin, TlsClientAuthorities, TlsClients, HstsSeconds, PlainHttp, CorsOrigins, OidcIssuers, PublicUrl, Flagd, FlagdOrg, FlagdEnvironment];
}
