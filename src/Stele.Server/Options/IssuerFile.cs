using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Server.Options;

/// <summary>
/// The file of STELE_OIDC_ISSUERS: JSON with known members, read once at start. A file and not a variable for each part,
/// because there are several issuers, each with a list of grants, and because it is what Kubernetes mounts.
/// </summary>
internal sealed class IssuerFile
{
    const int FileBytesMax = 1 << 20, IssuersMax = 64, AudiencesMax = 32, GrantsMax = 1_000, RolesMax = 20, TextCharactersMax = 1_024;
    const string DiscoveryPath = "/.well-known/openid-configuration";

    static readonly string[] known = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
    static readonly string[] allowedByDefault = ["RS256", "ES256"];

    static readonly BodyMembers FileMembers = new(required: ["issuers"], optional: []);

    static readonly BodyMembers IssuerMembers = new(required: ["issuer", "audiences"],
        optional: ["discovery_url", "jwks_url", "algorithms", "ca_file", "bearer_token_file", "clock_skew_seconds", "refresh_seconds", "refresh_floor_seconds", "stale_seconds", "grants"]);

    static readonly BodyMembers GrantMembers = new(required: ["claim", "value"], optional: ["org", "org_claim", "roles", "service_account"]);

    readonly List<Problem> problems = [];
    readonly List<TokenIssuer> issuers = [];

    /// <summary>The issuers, or every problem of the file, each with the place it is at.</summary>
    public static (IReadOnlyList<TokenIssuer> Issuers, IReadOnlyList<string> Problems) Read(string path)
    {
        byte[] utf8;
        try
        {
            var file = new FileInfo(path);
            if (file.Length > FileBytesMax) return ([], [$"{path} has {file.Length} bytes; at most {FileBytesMax} are read."]);
            utf8 = File.ReadAllBytes(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return ([], [$"{path} cannot be read: {failure.Message}"]);
        }
        return Parse(utf8);
    }

    /// <summary>As <see cref="Read"/>, from its bytes.</summary>
    public static (IReadOnlyList<TokenIssuer> Issuers, IReadOnlyList<string> Problems) Parse(ReadOnlySpan<byte> utf8)
    {
        var file = new IssuerFile();
        var body = new JsonBody(utf8, FileMembers, file.problems);
        while (body.NextMember(out _))
        {
            body.BeginArray();
            while (body.NextItem()) file.TakeIssuer(ref body);
        }
        if (file.issuers.Count > IssuersMax) file.Add("/issuers", $"At most {IssuersMax} issuers; these are {file.issuers.Count}.");
        foreach (var twice in file.issuers.GroupBy(issuer => issuer.Issuer).Where(group => group.Count() > 1)) file.Add("/issuers", $"The issuer {twice.Key} is there {twice.Count()} times.");
        return file.problems.Count == 0 ? (file.issuers, []) : ([], [.. file.problems.Select(problem => $"{(problem.Name.Length == 0 ? "the file" : problem.Name)}: {problem.Message}")]);
    }

    void TakeIssuer(ref JsonBody body)
    {
        var at = body.Pointer;
        string? issuer = null, discovery = null, jwks = null, ca = null, bearer = null;
        List<string> audiences = [], algorithms = [.. allowedByDefault];
        long skew = 30, refresh = 600, floor = 30, stale = 86_400;
        List<ClaimGrant> grants = [];
        body.BeginObject(IssuerMembers);
        while (body.NextMember(out var member))
            switch (member)
            {
                case "issuer": issuer = Text(ref body); break;
                case "audiences": audiences = Texts(ref body, AudiencesMax); break;
                case "algorithms": algorithms = Texts(ref body, known.Length); break;
                case "discovery_url": discovery = Text(ref body); break;
                case "jwks_url": jwks = Text(ref body); break;
                case "ca_file": ca = Text(ref body); break;
                case "bearer_token_file": bearer = Text(ref body); break;
                case "clock_skew_seconds": skew = body.ReadInt64(0, 300) ?? 0; break;
                case "refresh_seconds": refresh = body.ReadInt64(10, 86_400) ?? 0; break;
                case "refresh_floor_seconds": floor = body.ReadInt64(1, 3_600) ?? 0; break;
                case "stale_seconds": stale = body.ReadInt64(60, 7 * 86_400) ?? 0; break;
                case "grants": grants = Grants(ref body); break;
            }
        if (issuer is null) return;
        foreach (var unknown in algorithms.Where(algorithm => !known.Contains(algorithm)))
            Add(at + "/algorithms", $"'{unknown}' is not one of {string.Join(", ", known)}; none and the HMAC family never are.");
        if (stale < refresh) Add(at + "/stale_seconds", $"Keys are fetched every {refresh} seconds, so they are older than {stale} seconds when they are fetched.");
        if (refresh < floor) Add(at + "/refresh_floor_seconds", $"Keys are fetched every {refresh} seconds, which is more often than every {floor}.");
        CheckFiles(at, ca, bearer);
        var where = discovery is not null || jwks is null ? Url(at + (discovery is null ? "/issuer" : "/discovery_url"), discovery ?? issuer.TrimEnd('/') + DiscoveryPath) : null;
        var keys = jwks is null ? null : Url(at + "/jwks_url", jwks);
        issuers.Add(new TokenIssuer
        {
            Issuer = issuer, Audiences = audiences, Algorithms = algorithms, Discovery = where ?? keys ?? Nowhere, Jwks = keys, CaFile = ca, BearerTokenFile = bearer,
            ClockSkew = TimeSpan.FromSeconds(skew), Refresh = TimeSpan.FromSeconds(refresh), RefreshFloor = TimeSpan.FromSeconds(floor), KeysStale = TimeSpan.FromSeconds(stale), Grants = grants,
        });
    }

    List<ClaimGrant> Grants(ref JsonBody body)
    {
        var at = body.Pointer;
        var grants = new List<ClaimGrant>();
        body.BeginArray();
        while (body.NextItem())
        {
            var here = body.Pointer;
            string? claim = null, value = null, org = null, orgClaim = null;
            List<string> roles = [];
            Guid? account = null;
            body.BeginObject(GrantMembers);
            while (body.NextMember(out var member))
                switch (member)
                {
                    case "claim": claim = Text(ref body); break;
                    case "value": value = Text(ref body); break;
                    case "org": org = Text(ref body); break;
                    case "org_claim": orgClaim = Text(ref body); break;
                    case "roles": roles = Texts(ref body, RolesMax); break;
                    case "service_account": account = Id(ref body); break;
                }
            if (account is null == (roles.Count == 0)) Add(here, "Either roles or service_account, its id, says as what.");
            if (org is null == orgClaim is null) Add(here, "Either org or org_claim says in which organization.");
            if (claim is null || value is null) continue;
            var isPrefix = value.EndsWith('*');
            grants.Add(new ClaimGrant(claim, isPrefix ? value[..^1] : value, isPrefix, org, orgClaim, roles, account));
        }
        if (grants.Count > GrantsMax) Add(at, $"At most {GrantsMax} grants; these are {grants.Count}.");
        return grants;
    }

    void CheckFiles(string at, string? ca, string? bearer)
    {
        if (bearer is not null && !File.Exists(bearer)) Add(at + "/bearer_token_file", $"There is no file {bearer}.");
        if (ca is null) return;
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(ca);
            if (authorities.Count == 0) Add(at + "/ca_file", $"{ca} holds no certificate in PEM.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            Add(at + "/ca_file", $"{ca} cannot be read: {failure.Message}");
        }
    }

    Uri? Url(string at, string text)
    {
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && IsSafe(url) && url.UserInfo.Length == 0 && url.Fragment.Length == 0) return url;
        // not quoted: it may have a password in it
        Add(at, "This is not an https URL without a user, password or fragment; http is for loopback alone.");
        return null;
    }

    /// <summary>Whether keys may come from there: over TLS, or from this machine.</summary>
    public static bool IsSafe(Uri url) => url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp && url.IsLoopback;

    static string? Text(ref JsonBody body)
    {
        var text = body.ReadString();
        if (text is { Length: 0 or > TextCharactersMax }) body.Refuse("text.length", $"1 to {TextCharactersMax} characters; these are {text.Length}.");
        return text;
    }

    static Guid? Id(ref JsonBody body)
    {
        if (body.ReadString() is not { } text) return null;
        if (Guid.TryParseExact(text, "D", out var id)) return id;
        body.Refuse("id", "A service account is named by its id, a UUID.");
        return Guid.Empty;
    }

    List<string> Texts(ref JsonBody body, int max)
    {
        var at = body.Pointer;
        var texts = new List<string>();
        body.BeginArray();
        while (body.NextItem())
            if (Text(ref body) is { } text) texts.Add(text);
        if (texts.Count == 0 || texts.Count > max) Add(at, $"1 to {max} of them; these are {texts.Count}.");
        return texts;
    }

    void Add(string at, string message)
    {
        if (problems.Count < SteleLimits.BodyProblems.Value) problems.Add(Problem.Body(at, "identity", message));
    }

    static readonly Uri Nowhere = new("https://localhost/");
}
