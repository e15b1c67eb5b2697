using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using static Stele.Server.Options.TransportSettings;

namespace Stele.Server.Options;

/// <summary>The settings of what travels: addresses, TLS, browsers.</summary>
internal sealed partial class SteleSettings
{
    const int OriginsMax = 100;
    const long HstsSecondsMax = 63_072_000;

    TlsOptions? Tls()
    {
        var protocols = OneOf(TlsMin, ("1.2", SslProtocols.Tls12 | SslProtocols.Tls13), ("1.3", SslProtocols.Tls13));
        if (Given(TlsCertificate) is not { } certificate)
        {
            foreach (var setting in (Setting[])[Https, TlsKey, TlsPasswordFile, TlsClientAuthorities, TlsClients])
                if (Given(setting) is not null) problems.Add($"{setting.Variable} needs {TlsCertificate.Variable}, the server's certificate.");
            return null;
        }
        if (Given(Https) is null) problems.Add($"{TlsCertificate.Variable} needs {Https.Variable}, where TLS is to be spoken.");
        if (Given(TlsClients) is not null != Given(TlsClientAuthorities) is not null)
            problems.Add($"{TlsClients.Variable} and {TlsClientAuthorities.Variable} go together: whose certificates are believed, and as whom their holders act.");
        var tls = new TlsOptions
        {
            Certificate = Path.GetFullPath(certificate), Key = File(TlsKey), PasswordFile = File(TlsPasswordFile), Protocols = protocols,
            ClientAuthorities = File(TlsClientAuthorities), Clients = Clients(),
        };
        try
        {
            TlsFiles.Read(tls);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            problems.Add($"{TlsCertificate.Variable} and what belongs to it cannot be used: {failure.Message}");
        }
        return tls;
    }

    IReadOnlyList<CertificateGrant> Clients()
    {
        if (Given(TlsClients) is not { } path) return [];
        var (clients, found) = ClientCertificateFile.Read(path);
        problems.AddRange(found.Select(problem => $"{TlsClients.Variable}: {problem}"));
        return clients;
    }

    IReadOnlyList<TokenIssuer> Issuers()
    {
        if (Given(OidcIssuers) is not { } path) return [];
        var (issuers, found) = IssuerFile.Read(path);
        problems.AddRange(found.Select(problem => $"{OidcIssuers.Variable}: {problem}"));
        return issuers;
    }

    string? File(Setting setting) => Given(setting) is { } path ? Path.GetFullPath(path) : null;

    List<string> Origins()
    {
        var origins = (Given(CorsOrigins) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToList();
        foreach (var origin in origins.Where(origin => !IsOrigin(origin)))
            problems.Add($"{CorsOrigins.Variable}: '{origin}' is not an origin as browsers send it, such as https://admin.example.com or http://localhost:5173; there is no * for all.");
        if (origins.Count > OriginsMax) problems.Add($"{CorsOrigins.Variable} has {origins.Count} origins; at most {OriginsMax}.");
        return origins;
    }

    // RFC 6454, 6.2: scheme and host in lower case, a port only where it is not the scheme's, nothing behind it
    static bool IsOrigin(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
        && url.UserInfo.Length == 0 && text == $"{url.Scheme}://{url.IdnHost}{(url.IsDefaultPort ? "" : $":{url.Port}")}";

    string? Url(Setting setting)
    {
        if (Given(setting) is not { } text) return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) && url.UserInfo.Length == 0 && url.PathAndQuery == "/" && url.Fragment.Length == 0) return text.TrimEnd('/');
        problems.Add($"{setting.Variable} is '{text}'; write how clients reach Stele, such as https://stele.example.com, without a path.");
        return null;
    }

    string Org(Setting setting)
    {
        var text = Text(setting);
        if (!Core.Orgs.OrgName.TryParse(text, null, out _)) problems.Add($"{setting.Variable} is '{text}', which is not the name of an organization.");
        return text;
    }

    string? EnvironmentOf(Setting setting)
    {
        if (Given(setting) is not { } text) return null;
        if (!EnvironmentName.TryParse(text, out var name)) problems.Add($"{setting.Variable} is '{text}', which is not the name of an environment.");
        return name.Text;
    }

    /// <summary>A token that travels beyond this machine in plain is everybody's: somebody has to have wanted that.</summary>
    void CheckPlain(SteleOptions options)
    {
        if (OneOf(PlainHttp, ("loopback", false), ("anywhere", true))) return;
        var told = $"Speak TLS ({Https.Variable}, {TlsCertificate.Variable}), or set {PlainHttp.Variable}=anywhere where what stands in front of Stele does.";
        foreach (var (setting, address) in ((Setting, IPEndPoint)[])[(Http, options.Http), (Grpc, options.Grpc)])
            if (!IPAddress.IsLoopback(address.Address)) problems.Add($"{setting.Variable} is {address}: beyond this machine, and in plain. {told}");
        if (options.Flagd is { } flagd && !IPAddress.IsLoopback(flagd.Address))
            problems.Add($"{Flagd.Variable} is {flagd}: beyond this machine, in plain, and for whoever reaches it. Set {PlainHttp.Variable}=anywhere where only those do who may read the flags of that environment.");
        foreach (var endpoint in configuration.GetSection("Kestrel:Endpoints").GetChildren())
            if (endpoint["Url"] is { } url && url.StartsWith("http:", StringComparison.OrdinalIgnoreCase) && !(Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.IsLoopback))
                problems.Add($"{endpoint.Path}:Url is beyond this machine, and in plain. {told}");
    }
}
