using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Journal;
using Stele.Core.Watch;

namespace Stele.Core.Webhooks;

/// <summary>Where changes are sent, and which.</summary>
/// <param name="Url">Where: see <see cref="WebhookUrl"/>.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Environment">Of which environment; null: of all, those to come included.</param>
/// <param name="Prefixes">Of keys that begin with one of them; none: of all keys.</param>
/// <param name="Kinds">Of which kinds.</param>
/// <param name="IsEnabled">Whether anything is sent. While it is not, its place in the journal stays, and it goes on from there.</param>
public sealed record WebhookDefinition(string Url, string? Description, string? Environment, IReadOnlyList<string> Prefixes, WatchKinds Kinds, bool IsEnabled)
{
    // of an environment that it does not look at: whether a webhook wants one is asked before
    readonly WatchFilter keys = new("", Prefixes, Kinds);

    /// <summary>Whether it asks for a change; whether the change may be shown is another question.</summary>
    public bool Wants(WatchChange change) =>
        (Kinds & change.Kind) != 0 && (Environment is null || string.Equals(Environment, change.Environment, StringComparison.Ordinal)) && keys.Covers(change.Key);

    /// <inheritdoc/>
    public bool Equals(WebhookDefinition? other) => other is not null && (Url, Description, Environment, Kinds, IsEnabled) == (other.Url, other.Description, other.Environment, other.Kinds, other.IsEnabled)
        && Prefixes.SequenceEqual(other.Prefixes, StringComparer.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Url, Environment, Kinds, IsEnabled);
}

/// <summary>Whose eyes a webhook sees with: what that one may not read is not sent.</summary>
/// <param name="Kind">A user, a service account or a token; <see cref="TokenOwner.Org"/>: it was made with a root token, and sees everything.</param>
/// <param name="Id">Which; empty for <see cref="TokenOwner.Org"/>.</param>
public readonly record struct WebhookOwner(TokenOwner Kind, Guid Id)
{
    /// <summary>What the owner may do at a moment. A token that has ended may nothing, as one that is revoked.</summary>
    public Rights RightsIn(AccessState access, Timestamp now) => Kind switch
    {
        TokenOwner.Org => Rights.Everything,
        TokenOwner.User => access.RightsOf(Principal.User(Id)),
        TokenOwner.ServiceAccount => access.RightsOf(Principal.ServiceAccount(Id)),
        _ when access.Token(Id)?.ExpiresAt <= now => access.RightsOf(Principal.Nobody),
        _ => access.RightsOf(Principal.Token(Id, null, null)),
    };
}

/// <summary>A webhook of the org. Its secrets are not here: no event holds one.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Definition">Where, and what.</param>
/// <param name="Owner">As whom it sees.</param>
/// <param name="Version">The version of its stream.</param>
/// <param name="CreatedAt">Since when it is there.</param>
/// <param name="UpdatedAt">When it was last changed.</param>
public sealed record Webhook(Guid Id, WebhookDefinition Definition, WebhookOwner Owner, int Version, Timestamp CreatedAt, Timestamp UpdatedAt) : IKeyed
{
    const long EachBytes = 700;

    /// <inheritdoc/>
    public string Key { get; } = Id.ToString();

    /// <summary>About how many bytes of memory it takes.</summary>
    public long MemoryBytes => EachBytes + 2 * (Definition.Url.Length + (Definition.Description?.Length ?? 0) + Definition.Prefixes.Sum(prefix => 20 + prefix.Length));
}
