namespace Stele.Core.Access;

/// <summary>What one layer of somebody's rights says: his token's scopes, or his roles.</summary>
/// <param name="IsToken">Whether it is a token's scopes.</param>
/// <param name="Grant">The rule that allows it, or null.</param>
/// <param name="Deny">The rule that forbids it, or null.</param>
public sealed record LayerVerdict(bool IsToken, AccessRule? Grant, AccessRule? Deny)
{
    /// <summary>Whether this layer allows it.</summary>
    public bool Allows => Grant is not null && Deny is null;
}

/// <summary>Why something is allowed or not. It asks the same rules in the same order as the check.</summary>
/// <param name="Allowed">What the check says.</param>
/// <param name="Status">Whether rules decided, and what did if not.</param>
/// <param name="Layers">Each layer; all must allow it.</param>
public sealed record Explanation(bool Allowed, RightsStatus Status, IReadOnlyList<LayerVerdict> Layers)
{
    /// <summary>Why somebody may do something, or may not.</summary>
    /// <param name="access">Who may do what.</param>
    /// <param name="principal">Who.</param>
    /// <param name="permission">What.</param>
    /// <param name="environment">Where, or null.</param>
    /// <param name="key">On which key; null: on all.</param>
    public static Explanation Of(AccessState access, Principal principal, Permission permission, string? environment, string? key)
    {
        var rights = access.RightsOf(principal);
        var layers = rights.Layers.Select(layer => new LayerVerdict(layer.IsToken, layer.Grant(permission, environment, key), layer.Deny(permission, environment, key))).ToList();
        return new Explanation(rights.Status == RightsStatus.Everything || (rights.Status == RightsStatus.Ruled && layers.TrueForAll(layer => layer.Allows)), rights.Status, layers);
    }

    /// <summary>A sentence for people.</summary>
    public string Reason => Status switch
    {
        RightsStatus.Everything => "A root token may do everything.",
        RightsStatus.Unknown => "There is no such principal, or its token is revoked.",
        RightsStatus.Suspended => "It is suspended, or the one whose token it is.",
        _ => Layers.FirstOrDefault(layer => layer.Deny is not null) is { Deny: { } deny } ? $"Role '{deny.Role}' denies {deny.Stated}."
            : Layers.FirstOrDefault(layer => layer.Grant is null) is { } lacking ? lacking.IsToken ? "No scope of the token covers it." : "No role grants it."
            : string.Join(" ", Layers.Select(layer => layer.IsToken ? $"The token's scope {layer.Grant!.Stated} covers it." : $"Role '{layer.Grant!.Role}' grants {layer.Grant.Stated}.")),
    };
}
