using Stele.Core.Faults;

namespace Stele.Core.Access;

/// <summary>What a principal may be allowed, per feature and verb.</summary>
public enum Permission
{
    /// <summary>Read configuration, its history and its past.</summary>
    ConfigRead,
    /// <summary>Set and delete configuration.</summary>
    ConfigWrite,
    /// <summary>Roll configuration back.</summary>
    ConfigRollback,
    /// <summary>List environments and settings of an org.</summary>
    OrgRead,
    /// <summary>Create environments, change settings.</summary>
    OrgWrite,
    /// <summary>Read the raw journal of an org.</summary>
    JournalRead,
    /// <summary>Create orgs and operate the node.</summary>
    Operate,
}

/// <summary>The one place that decides whether somebody may do something. It runs inside Decide and after each strong wait.</summary>
public static class Authorisation
{
    /// <summary>Null when allowed, else the refusal.</summary>
    /// <param name="principal">Who.</param>
    /// <param name="permission">What.</param>
    /// <param name="environment">Where, or null for what belongs to no environment.</param>
    /// <param name="key">On which key, or null for what belongs to no key.</param>
    public static Fault? Check(Principal principal, Permission permission, string? environment, string? key)
    {
        if (principal.IsRoot) return null;
        var where = (environment, key) switch
        {
            (null, null) => "",
            (_, null) => $" in {environment}",
            _ => $" on {key} in {environment}",
        };
        return new Fault(FaultCode.Forbidden, $"{principal.ActorId} may not {permission}{where}.");
    }
}
