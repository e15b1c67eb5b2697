using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Core.Access;
using Stele.Server.Gateway;

namespace Stele.Server.Identity;

/// <summary>Who a verified JWT speaks for: never what it may do in an org, which that org's access state says.</summary>
/// <param name="Issuer">Its <c>iss</c>.</param>
/// <param name="Subject">Its <c>sub</c>.</param>
/// <param name="ActorId">Opaque, the same for every token of that subject.</param>
/// <param name="Memberships">Orgs in which claims give roles.</param>
/// <param name="ExpiresAt">When it ends, the clock skew not added.</param>
internal sealed record JwtIdentity(string Issuer, string Subject, string ActorId, IReadOnlyList<OrgMembership> Memberships, DateTimeOffset ExpiresAt)
{
    const string ActorPrefix = "oidc:";
    const int ActorHashBytes = 20;

    /// <summary>
    /// The id that stands in the journal for a subject of an issuer: 160 bits of a hash, because subjects are often names and
    /// addresses, which the journal must not hold.
    /// </summary>
    public static string ActorOf(string issuer, string subject)
    {
        // the length keeps ("a", "bc") and ("ab", "c") apart
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{issuer.Length}:{issuer}{subject}")));
        return ActorPrefix + Convert.ToHexStringLower(hash.AsSpan(0, ActorHashBytes));
    }

    /// <summary>As the gate knows him.</summary>
    public Person Person { get; } = new(ActorId, [.. Memberships.Select(membership => membership.Org)]);

    /// <summary>The only org in which claims give roles; null: there are none, or several.</summary>
    public string? OnlyOrg => Memberships is [var only] ? only.Org : null;

    /// <summary>Who it is in an org; null: nobody.</summary>
    public Principal? In(string org)
    {
        foreach (var membership in Memberships)
            if (membership.Org == org) return membership.Principal;
        return null;
    }
}

/// <summary>An org in which claims give roles, and who their bearer is there.</summary>
internal sealed record OrgMembership(string Org, Principal Principal);
