using System.Collections.Frozen;
using Stele.Core.Journal;

namespace Stele.Server.Gateway;

/// <summary>The orgs by name, as table <c>stele.org</c> has them. Swapped whole when it changes.</summary>
internal sealed class OrgDirectory
{
    /// <summary>The org that a root token means when it names none.</summary>
    public const string DefaultName = "default";

    FrozenDictionary<string, OrgId> orgs = FrozenDictionary<string, OrgId>.Empty;

    /// <summary>All that are known.</summary>
    public IReadOnlyDictionary<string, OrgId> All => Volatile.Read(ref orgs);

    /// <summary>Takes what holds from now on.</summary>
    public void Set(IEnumerable<KeyValuePair<string, OrgId>> byName) => Volatile.Write(ref orgs, byName.ToFrozenDictionary(StringComparer.Ordinal));

    /// <summary>The org of a name.</summary>
    public bool TryFind(string name, out OrgId org) => Volatile.Read(ref orgs).TryGetValue(name, out org);
}
