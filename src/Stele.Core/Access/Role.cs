using Stele.Core.Collections;

namespace Stele.Core.Access;

/// <summary>What those may do to whom it is bound. Denies win over every grant that somebody has, whichever role it is of.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Grants">What it allows.</param>
/// <param name="Denies">What it forbids.</param>
/// <param name="Version">The version of its stream; 0 for one that is built in.</param>
public sealed record Role(string Name, string? Description, IReadOnlyList<Grant> Grants, IReadOnlyList<Grant> Denies, int Version) : IKeyed
{
    /// <inheritdoc/>
    public string Key => Name;

    /// <summary>Whether it was removed: only its version is still of use.</summary>
    public bool IsRemoved { get; init; }

    /// <summary>Whether it is there in every org, and never changes.</summary>
    public bool IsBuiltIn => Version == 0;

    /// <inheritdoc/>
    public bool Equals(Role? other) => other is not null && Name == other.Name && Description == other.Description && Version == other.Version && IsRemoved == other.IsRemoved
        && Grants.SequenceEqual(other.Grants) && Denies.SequenceEqual(other.Denies);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Version);
}

/// <summary>A role that somebody has, where he has it.</summary>
/// <param name="Role">Its name.</param>
/// <param name="Environments">In which environments; null: in all.</param>
/// <param name="Prefix">On keys that begin with it; empty: on all.</param>
public sealed record RoleBinding(string Role, IReadOnlyList<string>? Environments, string Prefix)
{
    /// <summary>Everywhere.</summary>
    public static RoleBinding Of(string role) => new(role, null, "");

    /// <summary>Whether it is bound to nothing narrower than the org.</summary>
    public bool IsEverywhere => Environments is null && Prefix.Length == 0;

    /// <inheritdoc/>
    public bool Equals(RoleBinding? other) => other is not null && Role == other.Role && Prefix == other.Prefix
        && (Environments is null ? other.Environments is null : other.Environments is not null && Environments.SequenceEqual(other.Environments, StringComparer.Ordinal));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Role, Prefix, Environments?.Count);
}

/// <summary>The roles that every org has.</summary>
public static class BuiltInRoles
{
    /// <summary>Reads configuration, flags, jobs, and who holds which lock. No secrets, no people.</summary>
    public static readonly Role Viewer = Make("viewer", "Reads everything but secrets, people and the audit log.",
    [
        Permission.ConfigRead, Permission.FlagRead, Permission.LockRead, Permission.JobRead, Permission.OrgRead, Permission.JournalRead, Permission.SubscriptionRead,
    ]);

    /// <summary>A viewer who changes what a viewer reads, and sets secrets without reading them.</summary>
    public static readonly Role Editor = Make("editor", "A viewer who also changes configuration, flags, secrets (without reading them), locks and jobs.",
    [
        .. Viewer.Grants.Select(grant => grant.Permission),
        Permission.ConfigWrite, Permission.ConfigRollback, Permission.FlagWrite, Permission.SecretWrite, Permission.LockWrite, Permission.JobWrite,
    ]);

    /// <summary>Everything but what decides whether the org exists, and who owns it.</summary>
    public static readonly Role Admin = Make("admin", "Everything in the org but archiving it, and making owners.",
        Permissions.All.Where(permission => permission is not (Permission.OrgArchive or Permission.Operate)));

    /// <summary>Everything in the org. An org that has had an owner keeps one.</summary>
    public static readonly Role Owner = Make("owner", "Everything in the org.", Permissions.All.Where(permission => permission != Permission.Operate));

    /// <summary>All of them, the narrowest first.</summary>
    public static IReadOnlyList<Role> All { get; } = [Viewer, Editor, Admin, Owner];

    /// <summary>The one of a name, or null.</summary>
    public static Role? Find(string name)
    {
        foreach (var role in All)
            if (role.Name == name) return role;
        return null;
    }

    static Role Make(string name, string description, IEnumerable<Permission> permissions) => new(name, description, [.. permissions.Order().Select(Grant.Of)], [], 0);
}
