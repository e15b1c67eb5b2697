using Stele.Client;
using Stele.Core.Access;

namespace Stele.Cli.Verbs;

/// <summary>A grant as it is typed: <c>config:read</c>, <c>config:read@production,staging</c>, <c>config:write@*/services.</c>.</summary>
internal static class ScopeText
{
    internal const string Help = "PERMISSION[@ENVIRONMENT,…][/PREFIX], such as config:read@production/services.";

    /// <summary>The grant of a text, or null after saying what is wrong with it.</summary>
    internal static AccessGrant? Parse(Call call, string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var (place, prefix) = slash < 0 ? (text, "") : (text[..slash], text[(slash + 1)..]);
        var at = place.IndexOf('@', StringComparison.Ordinal);
        var (permission, environments) = at < 0 ? (place, "*") : (place[..at], place[(at + 1)..]);
        if (Permissions.TryParse(permission, out _))
            return new AccessGrant { Permission = permission, Environments = environments.Split(',', StringSplitOptions.RemoveEmptyEntries), Prefix = prefix };
        call.Usage($"\"{text}\" names no permission. One is written {Help} Permissions are {string.Join(", ", Permissions.All.Select(Permissions.Name))}.");
        return null;
    }

    /// <summary>The grants of some texts, or null after saying what is wrong.</summary>
    internal static List<AccessGrant>? Parse(Call call, IEnumerable<string>? texts)
    {
        var grants = new List<AccessGrant>();
        foreach (var text in texts ?? [])
        {
            if (Parse(call, text) is not { } grant) return null;
            grants.Add(grant);
        }
        return grants;
    }

    /// <summary>A grant as it is typed.</summary>
    internal static string Of(AccessGrant grant) => $"{grant.Permission}{Of(grant.Environments, grant.Prefix)}";

    /// <summary>Where something holds, as it is typed; nothing for everywhere.</summary>
    internal static string Of(IReadOnlyList<string> environments, string prefix) =>
        (environments is ["*"] ? prefix.Length == 0 ? "" : "@*" : $"@{string.Join(',', environments)}") + (prefix.Length == 0 ? "" : $"/{prefix}");
}
