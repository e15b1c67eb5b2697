using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>A webhook that is to be made or changed; what is null stays, or is as in a new one.</summary>
public sealed record WebhookDefinition
{
    /// <summary>Where messages are sent: an absolute https URL. A new webhook needs one.</summary>
    public string? Url { get; init; }

    /// <summary>What it is for.</summary>
    public string? Description { get; init; }

    /// <summary>Of which environment changes are sent; null: of all, or as before.</summary>
    public string? Environment { get; init; }

    /// <summary>Of keys that begin with one of them; empty: of all keys.</summary>
    public IReadOnlyList<string>? Prefixes { get; init; }

    /// <summary>Some of <c>config</c>, <c>flag</c>, <c>secret</c>.</summary>
    public IReadOnlyList<string>? Kinds { get; init; }

    /// <summary>Whether anything is sent.</summary>
    public bool? Enabled { get; init; }

    /// <summary>The service account as which it sees; null: whoever asks.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>The version that must be there; null: any. Only of one that is changed.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>A webhook, and, where one was just made, its secret.</summary>
public sealed record WebhookItem
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>Where messages are sent.</summary>
    public required string Url { get; init; }

    /// <summary>What it is for.</summary>
    public string? Description { get; init; }

    /// <summary>Of which environment; null: of all.</summary>
    public string? Environment { get; init; }

    /// <summary>Of keys that begin with one of them; none: of all.</summary>
    public IReadOnlyList<string> Prefixes { get; init; } = [];

    /// <summary>Of which kinds.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>Whether anything is sent.</summary>
    public bool Enabled { get; init; }

    /// <summary>The version of it.</summary>
    public long Version { get; init; }

    /// <summary>How far it has come; null in the answer to a change.</summary>
    public WebhookProgress? Delivery { get; init; }

    /// <summary>What signs its messages, in the answer that made it and in no other.</summary>
    public string? Secret { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>How far a webhook has come.</summary>
public sealed record WebhookProgress
{
    /// <summary>Everything up to it is delivered, given up, or not for it.</summary>
    public long Revision { get; init; }

    /// <summary>How many revisions the organization is ahead.</summary>
    public long LagRevisions { get; init; }

    /// <summary>Attempts at the next message.</summary>
    public int Attempts { get; init; }

    /// <summary><c>gone</c> or <c>dead_letters</c>: why nothing is sent; null: it is.</summary>
    public string? Suspended { get; init; }

    /// <summary>When the next attempt is made, if one failed.</summary>
    public DateTimeOffset? NextAttemptAt { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    public string? Failure { get; init; }

    /// <summary>When a message last arrived.</summary>
    public DateTimeOffset? DeliveredAt { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of webhooks.</summary>
public sealed record WebhookPage
{
    /// <summary>In the order of their ids.</summary>
    public required IReadOnlyList<WebhookItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What became of a message.</summary>
public sealed record WebhookDelivery
{
    /// <summary>Of which revision.</summary>
    public long Revision { get; init; }

    /// <summary><c>delivered</c>, <c>dead</c> or <c>queued</c>.</summary>
    public required string State { get; init; }

    /// <summary>How often it was tried.</summary>
    public int Attempts { get; init; }

    /// <summary>When it was last tried.</summary>
    public DateTimeOffset? LastAt { get; init; }

    /// <summary>What the receiver answered.</summary>
    public int? Status { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    public string? Failure { get; init; }
}

/// <summary>A page of what became of messages, the newest first.</summary>
public sealed record WebhookDeliveryPage
{
    /// <summary>The newest first.</summary>
    public required IReadOnlyList<WebhookDelivery> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What came of a message that was sent to see whether it arrives.</summary>
public sealed record WebhookTestResult
{
    /// <summary>Whether the receiver took it.</summary>
    public bool Arrived { get; init; }

    /// <summary>How long it took.</summary>
    public long DurationMs { get; init; }

    /// <summary>What the receiver answered; null: nothing.</summary>
    public int? Status { get; init; }

    /// <summary>Why it did not arrive.</summary>
    public string? Failure { get; init; }
}

sealed record WebhookRotation(long OverlapSeconds);

sealed record WebhookReplay(long AfterRevision);
