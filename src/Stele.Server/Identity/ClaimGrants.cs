using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Limits;
using Stele.Server.Options;

namespace Stele.Server.Identity;

/// <summary>From claims to memberships: each grant whose claim has its value gives its roles in its org.</summary>
internal static class ClaimGrants
{
    /// <summary>The orgs and who the bearer is in each: the service account of the first grant that names one, else himself with the roles of all.</summary>
    public static IReadOnlyList<OrgMembership> Of(JsonElement claims, IReadOnlyList<ClaimGrant> grants, string actorId)
    {
        var orgs = new Dictionary<string, Given>(StringComparer.Ordinal);
        foreach (var grant in grants)
        {
            if (!Values(claims, grant.Claim).Any(value => Matches(grant, value))) continue;
            foreach (var org in grant.Org is { } named ? [named] : Values(claims, grant.OrgClaim!))
            {
                if (!orgs.TryGetValue(org, out var given))
                {
                    if (orgs.Count == IdentityLimits.JwtMemberships.Value) continue;
                    orgs[org] = given = new Given();
                }
                given.ServiceAccount ??= grant.ServiceAccount;
                given.Roles.AddRange(grant.Roles.Except(given.Roles, StringComparer.Ordinal));
            }
        }
        return [.. orgs.Select(org => new OrgMembership(org.Key, org.Value.ServiceAccount is { } id ? Principal.ServiceAccount(id) : Principal.External(actorId, org.Value.Roles)))];
    }

    sealed class Given
    {
        public Guid? ServiceAccount { get; set; }

        public List<string> Roles { get; } = [];
    }

    static bool Matches(ClaimGrant grant, string value) => grant.IsPrefix ? value.StartsWith(grant.Value, StringComparison.Ordinal) : value == grant.Value;

    /// <summary>A claim's texts: a string is one, of an array its strings are, and of scopes the words (RFC 8693, 4.2). Anything else has none.</summary>
    static IEnumerable<string> Values(JsonElement claims, string name)
    {
        if (Find(claims, name) is not { } claim) return [];
        if (claim.ValueKind == JsonValueKind.Array) return claim.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!);
        if (claim.ValueKind != JsonValueKind.String) return [];
        return name is "scope" or "scp" ? claim.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries) : [claim.GetString()!];
    }

    // a name, or a pointer (RFC 6901): /realm_access/roles, /kubernetes.io/namespace; a name that is a URL is none
    static JsonElement? Find(JsonElement claims, string name)
    {
        if (!name.StartsWith('/')) return claims.TryGetProperty(name, out var claim) ? claim : null;
        var at = claims;
        foreach (var step in name[1..].Split('/'))
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal), out at)) return null;
        return at;
    }
}
