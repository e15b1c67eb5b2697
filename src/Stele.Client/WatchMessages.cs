using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>What to watch.</summary>
public sealed record WatchRequest
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>Beginnings of keys; empty: all keys.</summary>
    public IReadOnlyList<string> Prefixes { get; init; } = [];

    /// <summary>Of <c>config</c>, <c>flag</c> and <c>secret</c>; empty: all.</summary>
    public IReadOnlyList<string> Kinds { get; init; } = [];

    /// <summary>Begin after this cursor; null: with what happens from now on.</summary>
    public string? FromCursor { get; init; }

    /// <summary>Begin after this revision; not together with a cursor.</summary>
    public long? FromRevision { get; init; }

    internal Action? OnOpened { get; init; }

    internal Action<SteleException>? OnBroken { get; init; }
}

/// <summary>What a stream says.</summary>
public enum WatchEventKind
{
    /// <summary>A revision, as far as it was asked for and may be seen.</summary>
    Change,
    /// <summary>The past is delivered.</summary>
    Synced,
    /// <summary>Nothing was to be seen up to the cursor.</summary>
    Progress,
    /// <summary>What was delivered does not hold any more: read anew, at the cursor or later, and go on.</summary>
    Reset,
}

/// <summary>One thing that a stream says.</summary>
public sealed record WatchEvent
{
    /// <summary>What it is.</summary>
    public WatchEventKind Kind { get; init; }

    /// <summary>Where the stream is after it: what to begin after next time.</summary>
    public string Cursor { get; init; } = "";

    /// <summary>The revision of the cursor.</summary>
    public long Revision { get; init; }

    /// <summary>For a change: what changed, in order; else empty.</summary>
    // null is what is read when the message has none
    public IReadOnlyList<WatchedChange> Changes { get; init => field = value ?? []; } = [];

    /// <summary>For a change: when.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>For a change: the actor id of who did it.</summary>
    public string? By { get; init; }

    /// <summary>For a reset: <c>future</c>, <c>history</c>, <c>archived</c> or <c>rights</c>.</summary>
    public string? Reason { get; init; }

    /// <summary>The id of the subscription that it came by, for <see cref="SteleClient.AcknowledgeAsync"/>.</summary>
    [JsonIgnore]
    public string? Subscription { get; init; }
}

/// <summary>One change of a revision.</summary>
public sealed record WatchedChange
{
    /// <summary><c>set</c>, <c>delete</c> or <c>secret_rotated</c>.</summary>
    public required string Op { get; init; }

    /// <summary><c>config</c>, <c>flag</c> or <c>secret</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>The environment.</summary>
    public required string Environment { get; init; }

    /// <summary>The value; null for a deletion, and for one that was redacted since.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>Its type, or null.</summary>
    public string? ValueType { get; init; }

    /// <summary>The version that it is.</summary>
    public long Version { get; init; }

    /// <summary>The version before it; 0: there was none.</summary>
    public long OldVersion { get; init; }

    /// <summary>Whether its value was redacted since.</summary>
    public bool Redacted { get; init; }

    /// <summary>Of a key that refers to a secret: which; null: it refers to none.</summary>
    public WatchedSecret? Secret { get; init; }

    /// <summary>Of a flag: whether its own kill switch is on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Killed { get; init; }
}

/// <summary>The secret that a key refers to.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Version">The version that the key stands for at this revision; null: the secret is deleted.</param>
public sealed record WatchedSecret(string Path, long? Version);

/// <summary>Who watches.</summary>
public sealed record SubscriptionPage
{
    /// <summary>By id.</summary>
    public required IReadOnlyList<SubscriptionItem> Items { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }

    /// <summary>Where the next page begins; null: there is none.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>One who watches.</summary>
public sealed record SubscriptionItem
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>What it calls itself, or null.</summary>
    public string? Client { get; init; }

    /// <summary>From where.</summary>
    public string? Address { get; init; }

    /// <summary>What it says of itself.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary><c>sse</c>, <c>websocket</c>, <c>grpc</c> or <c>poll</c>.</summary>
    public string? Transport { get; init; }

    /// <summary>The environment that it watches.</summary>
    public string? Environment { get; init; }

    /// <summary>The beginnings of keys that it watches.</summary>
    public IReadOnlyList<string>? Prefixes { get; init; }

    /// <summary>The kinds that it watches.</summary>
    public IReadOnlyList<string>? Kinds { get; init; }

    /// <summary>The last revision up to which everything was sent.</summary>
    public long DeliveredRevision { get; init; }

    /// <summary>The last one that it acknowledged; null: none.</summary>
    public long? AppliedRevision { get; init; }

    /// <summary>How many revisions it lacks.</summary>
    public long LagRevisions { get; init; }

    /// <summary>How long ago the first that it lacks was committed, in milliseconds; null when that is not known.</summary>
    public long? LagMs { get; init; }

    /// <summary>Since when it watches.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>What it could not apply, and why; null: nothing.</summary>
    public RejectedRevision? Rejected { get; init; }
}

/// <summary>A revision that a client could not apply.</summary>
/// <param name="Revision">Which.</param>
/// <param name="Reason">Why.</param>
public sealed record RejectedRevision(long Revision, string Reason);

internal sealed record AckBody(long Revision, RejectedBody? Rejected);

internal sealed record RejectedBody(string Reason);

internal sealed record EndMessage(string? Code, string? Cursor);
