using System.Collections.Frozen;

namespace Stele.Core.Access;

/// <summary>What a principal may be allowed, per feature and verb. On the wire it is <see cref="Permissions.Name"/>.</summary>
public enum Permission : byte
{
    /// <summary>Read configuration, its history and its past.</summary>
    ConfigRead,
    /// <summary>Set and delete configuration.</summary>
    ConfigWrite,
    /// <summary>Roll configuration back.</summary>
    ConfigRollback,
    /// <summary>Read and evaluate flags.</summary>
    FlagRead,
    /// <summary>Set and delete flags.</summary>
    FlagWrite,
    /// <summary>Read the values of secrets.</summary>
    SecretRead,
    /// <summary>Set and destroy secrets, without reading them.</summary>
    SecretWrite,
    /// <summary>Write in an environment that is protected, besides what the write itself needs; and take the protection off.</summary>
    ProtectedWrite,
    /// <summary>See who holds which lock.</summary>
    LockRead,
    /// <summary>Acquire, renew and release locks.</summary>
    LockWrite,
    /// <summary>See profiles, jobs and artifacts.</summary>
    JobRead,
    /// <summary>Define profiles, run jobs, work on them.</summary>
    JobWrite,
    /// <summary>List the environments and settings of an org.</summary>
    OrgRead,
    /// <summary>Create environments, change settings.</summary>
    OrgWrite,
    /// <summary>Archive the org.</summary>
    OrgArchive,
    /// <summary>See users and service accounts.</summary>
    UserRead,
    /// <summary>Make, change and remove users and service accounts.</summary>
    UserWrite,
    /// <summary>See tokens: never what they are made of.</summary>
    TokenRead,
    /// <summary>Make and revoke tokens.</summary>
    TokenWrite,
    /// <summary>See roles.</summary>
    RoleRead,
    /// <summary>Make, change and remove custom roles.</summary>
    RoleWrite,
    /// <summary>Read the audit log.</summary>
    AuditRead,
    /// <summary>Read usage.</summary>
    UsageRead,
    /// <summary>Read the journal; of its events those are shown whose subject may be read.</summary>
    JournalRead,
    /// <summary>See who watches.</summary>
    SubscriptionRead,
    /// <summary>See webhooks and other outbound deliveries.</summary>
    WebhookRead,
    /// <summary>Make, change and remove them.</summary>
    WebhookWrite,
    /// <summary>Create orgs and operate the node. Only a root token has it, and may give it to a token.</summary>
    Operate,
}

/// <summary>What a permission can be bound to.</summary>
public enum PermissionBinding : byte
{
    /// <summary>Nothing: it is of the org as a whole.</summary>
    Org,
    /// <summary>Names that begin with a prefix.</summary>
    Key,
    /// <summary>Environments, and in them keys that begin with a prefix.</summary>
    EnvironmentAndKey,
}

/// <summary>The names of permissions, and what they can be bound to.</summary>
public static class Permissions
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Permission> All { get; } = Enum.GetValues<Permission>();

    /// <summary>How many there are.</summary>
    public static int Count => All.Count;

    static readonly string[] names = [.. All.Select(NameOf)];

    static readonly FrozenDictionary<string, Permission> byName = All.ToFrozenDictionary(Name, StringComparer.Ordinal);

    /// <summary>As scopes and roles name it, such as <c>config:read</c>.</summary>
    public static string Name(Permission permission) => names[(int)permission];

    /// <summary>The permission of a name.</summary>
    public static bool TryParse(string? name, out Permission permission)
    {
        permission = default;
        return name is not null && byName.TryGetValue(name, out permission);
    }

    /// <summary>What it can be bound to.</summary>
    public static PermissionBinding Binding(Permission permission) => permission switch
    {
        <= Permission.ProtectedWrite => PermissionBinding.EnvironmentAndKey,
        <= Permission.JobWrite => PermissionBinding.Key,
        _ => PermissionBinding.Org,
    };

    static string NameOf(Permission permission)
    {
        // ConfigRead is config:read
        var text = permission.ToString();
        for (var i = 1; i < text.Length; i++)
            if (char.IsUpper(text[i])) return $"{text[..i]}:{text[i..]}".ToLowerInvariant();
        return text.ToLowerInvariant();
    }
}
