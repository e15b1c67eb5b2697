using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Watch;

namespace Stele.Core.Webhooks;

/// <summary>What signs the messages of a webhook: it commits with the event and stands in none.</summary>
/// <param name="WebhookId">Whose.</param>
/// <param name="Version">Of the webhook's stream, when it was made.</param>
/// <param name="Secret">The bytes, sealed before it was decided: HMAC needs them, so a hash would not do.</param>
/// <param name="OverlapSeconds">For how long the one before it goes on signing, too.</param>
public sealed record WebhookSecret(Guid WebhookId, int Version, byte[] Secret, int OverlapSeconds) : SideRow;

/// <summary>What a webhook is to be; what is null stays, or is as in a new one.</summary>
public sealed record WebhookChange
{
    /// <summary>The address.</summary>
    public string? Url { get; init; }

    /// <summary>What it is for.</summary>
    public string? Description { get; init; }

    /// <summary>Whether <see cref="Description"/> was named: then null clears it.</summary>
    public bool NamesDescription { get; init; }

    /// <summary>The environment.</summary>
    public string? Environment { get; init; }

    /// <summary>Whether <see cref="Environment"/> was named: then null means all.</summary>
    public bool NamesEnvironment { get; init; }

    /// <summary>The prefixes.</summary>
    public IReadOnlyList<string>? Prefixes { get; init; }

    /// <summary>The kinds.</summary>
    public WatchKinds? Kinds { get; init; }

    /// <summary>Whether anything is sent.</summary>
    public bool? IsEnabled { get; init; }

    /// <summary>The service account as which it sees; null: whoever asks.</summary>
    public Guid? ServiceAccount { get; init; }

    /// <summary>The version that must be there; null: any.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>What it makes of what was there; null before: of a new one, which names an address.</summary>
    public WebhookDefinition Of(WebhookDefinition? before) => new(
        Url ?? before!.Url,
        NamesDescription ? Description : before?.Description,
        NamesEnvironment ? Environment : before?.Environment,
        Prefixes ?? before?.Prefixes ?? [],
        Kinds ?? before?.Kinds ?? WatchKinds.All,
        IsEnabled ?? before?.IsEnabled ?? true);
}

/// <summary>Makes a webhook.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Its id.</param>
/// <param name="Secret">What signs its messages.</param>
/// <param name="Webhook">Its address is there.</param>
public sealed record CreateWebhook(Principal Principal, Guid RequestId, Guid Id, byte[] Secret, WebhookChange Webhook) : Command(Principal, RequestId, null)
{
    /// <inheritdoc/>
    public override bool BringsValues => true;
}

/// <summary>Changes a webhook, which from then on sees as who changed it.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
/// <param name="Webhook">What is to be.</param>
public sealed record ChangeWebhook(Principal Principal, Guid RequestId, Guid Id, WebhookChange Webhook) : Command(Principal, RequestId, null);

/// <summary>Gives a webhook another secret; the one before signs beside it for a while.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
/// <param name="Secret">What signs its messages from now on.</param>
/// <param name="OverlapSeconds">For how long the one before it goes on signing, too.</param>
public sealed record RotateWebhookSecret(Principal Principal, Guid RequestId, Guid Id, byte[] Secret, int OverlapSeconds) : Command(Principal, RequestId, null);

/// <summary>Removes a webhook, with its secrets, its place and its dead letters.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Id">Which.</param>
public sealed record RemoveWebhook(Principal Principal, Guid RequestId, Guid Id) : Command(Principal, RequestId, null);
