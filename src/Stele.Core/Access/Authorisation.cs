using Stele.Core.Faults;

namespace Stele.Core.Access;

/// <summary>
/// The one place that decides whether somebody may do something. It runs inside Decide, on the state decided on, and after
/// each strong wait, on the snapshot that answers; so who lost a right between the door and here has lost it.
/// </summary>
public static class Authorisation
{
    /// <summary>Null when allowed, else the refusal: forbidden, or unauthenticated when the principal is not there any more.</summary>
    /// <param name="access">Who may do what.</param>
    /// <param name="principal">Who.</param>
    /// <param name="permission">What.</param>
    /// <param name="environment">Where, or null for what belongs to no environment.</param>
    /// <param name="key">On which key; null for what belongs to no key, or for all keys of the environment.</param>
    public static Fault? Check(AccessState access, Principal principal, Permission permission, string? environment, string? key) =>
        principal.IsRoot || access.RightsOf(principal) is var rights && rights.Allows(permission, environment, key) ? null
            : Refusal(rights, principal, permission, environment, key);

    /// <summary>
    /// As <see cref="Check"/>, for lists: null when it may be allowed on some keys of an environment. Then each item is to be
    /// asked for, by <see cref="Rights.Allows"/> of <see cref="AccessState.RightsOf"/>.
    /// </summary>
    public static Fault? CheckSome(AccessState access, Principal principal, Permission permission, string? environment) =>
        principal.IsRoot || access.RightsOf(principal) is var rights && rights.AllowsSome(permission, environment) ? null
            : Refusal(rights, principal, permission, environment, null);

    // says the same whether what was asked for exists or not
    static Fault Refusal(Rights rights, Principal principal, Permission permission, string? environment, string? key)
    {
        if (rights.Status is RightsStatus.Unknown or RightsStatus.Suspended) return NotKnown;
        var where = (environment, key) switch
        {
            (null, null) => "",
            (null, _) => $" on {key}",
            (_, null) => $" in {environment}",
            _ => $" on {key} in {environment}",
        };
        return new Fault(FaultCode.Forbidden, $"{principal.ActorId} may not {Permissions.Name(permission)}{where}.");
    }

    /// <summary>The one refusal of every token, session or password that does not let in, so that it says nothing of why.</summary>
    public static readonly Fault NotKnown = new(FaultCode.Unauthenticated, "This token is not known.");
}
