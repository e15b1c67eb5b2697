using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>The environments of an org.</summary>
public sealed record EnvironmentList
{
    /// <summary>All of them.</summary>
    public required IReadOnlyList<EnvironmentItem> Items { get; init; }
}

/// <summary>An environment.</summary>
public sealed record EnvironmentItem
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is meant where none is named.</summary>
    public bool Default { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of the journal, oldest first.</summary>
public sealed record EventPage
{
    /// <summary>Oldest first.</summary>
    public required IReadOnlyList<EventItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>One fact of a revision.</summary>
public sealed record EventItem
{
    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }

    /// <summary>Its place in the revision.</summary>
    public int Ordinal { get; init; }

    /// <summary>A UUIDv7.</summary>
    public string? EventId { get; init; }

    /// <summary>What it happened to, such as <c>config/production/services.payment.timeout</c>.</summary>
    public string? Stream { get; init; }

    /// <summary>The version that it gave the stream.</summary>
    public long StreamVersion { get; init; }

    /// <summary>What happened.</summary>
    public string? Type { get; init; }

    /// <summary>The fact itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Data { get; init; }

    /// <summary>The data was taken out of the journal, and reads as null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Redacted { get; init; }

    /// <summary>Who, as an opaque id.</summary>
    public string? Actor { get; init; }

    /// <summary>Why; null if nobody said.</summary>
    public string? Reason { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? At { get; init; }

    /// <summary>The request that did it.</summary>
    public string? RequestId { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>Which events to read.</summary>
public sealed record EventRead
{
    /// <summary>Exclusive; null: from the beginning.</summary>
    public long? AfterRevision { get; init; }

    /// <summary>Items of a page, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>The <see cref="EventPage.NextCursor"/> of the page before.</summary>
    public string? Cursor { get; init; }
}

/// <summary>The server's limits.</summary>
public sealed record LimitList
{
    /// <summary>All of them.</summary>
    public required IReadOnlyList<LimitItem> Items { get; init; }
}

/// <summary>A named bound.</summary>
public sealed record LimitItem
{
    /// <summary>Dotted, with the unit last.</summary>
    public required string Name { get; init; }

    /// <summary>Inclusive.</summary>
    public long Value { get; init; }

    /// <summary>What is counted.</summary>
    public string? Unit { get; init; }

    /// <summary>What happens past it.</summary>
    public string? Meaning { get; init; }

    /// <summary>Whether an option of the server may change it.</summary>
    public bool Configurable { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>Whether the server takes writes.</summary>
public sealed record WriteMode
{
    /// <summary>Whether it refuses them.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Why; null if nobody said.</summary>
    public string? Reason { get; init; }

    /// <summary>Since when all nodes refuse them; null when they do not.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Who made it so.</summary>
    public string? By { get; init; }

    /// <summary>Whether the node that answered is set to refuse them whatever the others do.</summary>
    public bool ThisNode { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>The switch of the read-only mode, on the wire.</summary>
internal sealed record WriteModeSwitch(bool ReadOnly, string? Reason);

/// <summary>A new environment, on the wire.</summary>
internal sealed record NewEnvironment(string Name);

/// <summary>A problem+json, on the wire.</summary>
internal sealed record ProblemMessage(string? Title, string? Detail, string? Code, string? RequestId, IReadOnlyList<SteleProblem>? Errors, long? Floor = null);
