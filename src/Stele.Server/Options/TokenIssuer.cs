namespace Stele.Server.Options;

/// <summary>One issuer of JWTs that this node believes, as the file of STELE_OIDC_ISSUERS has it. Valid: made by <see cref="IssuerFile"/> alone.</summary>
internal sealed record TokenIssuer
{
    /// <summary>What <c>iss</c> must be, character by character.</summary>
    public required string Issuer { get; init; }

    /// <summary>One of these must be in <c>aud</c>.</summary>
    public required IReadOnlyList<string> Audiences { get; init; }

    /// <summary>Names of RFC 7518 that <c>alg</c> may have.</summary>
    public required IReadOnlyList<string> Algorithms { get; init; }

    /// <summary>Where the discovery document is; not asked when <see cref="Jwks"/> is given.</summary>
    public required Uri Discovery { get; init; }

    /// <summary>Where the keys are; null: where the discovery document says.</summary>
    public Uri? Jwks { get; init; }

    /// <summary>PEM file of the authorities that the issuer's certificate may come from; null: those of the machine.</summary>
    public string? CaFile { get; init; }

    /// <summary>File with a token to ask with, read at each request; null: none is sent.</summary>
    public string? BearerTokenFile { get; init; }

    /// <summary>How far the issuer's clock may be from ours.</summary>
    public required TimeSpan ClockSkew { get; init; }

    /// <summary>How often keys are fetched.</summary>
    public required TimeSpan Refresh { get; init; }

    /// <summary>The least time between two fetches, whatever tokens come.</summary>
    public required TimeSpan RefreshFloor { get; init; }

    /// <summary>How long keys are used that could not be confirmed.</summary>
    public required TimeSpan KeysStale { get; init; }

    /// <summary>What claims give.</summary>
    public required IReadOnlyList<ClaimGrant> Grants { get; init; }
}

/// <summary>Roles in an org, or one of its service accounts, for whoever has a claim with a value.</summary>
/// <param name="Claim">The claim's name; beginning with <c>/</c>, a JSON pointer into the claims.</param>
/// <param name="Value">The value, or what it begins with.</param>
/// <param name="IsPrefix">Whether the value may go on.</param>
/// <param name="Org">The org; null: named by <paramref name="OrgClaim"/>.</param>
/// <param name="OrgClaim">The claim whose value is the org's name; null: <paramref name="Org"/> it is.</param>
/// <param name="Roles">The roles, as the org names them; none when there is a service account.</param>
/// <param name="ServiceAccount">The service account as which the bearer acts; null: as himself.</param>
internal sealed record ClaimGrant(string Claim, string Value, bool IsPrefix, string? Org, string? OrgClaim, IReadOnlyList<string> Roles, Guid? ServiceAccount = null);
