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

    /// <summary>What it is for; null if nobody said.</summary>
    public string? Description { get; init; }

    /// <summary>Its place in lists.</summary>
    public int Ordinal { get; init; }

    /// <summary>Whether it is meant where none is named.</summary>
    public bool Default { get; init; }

    /// <summary>Whether a write in it needs a permission of its own, and a reason.</summary>
    public bool Protected { get; init; }

    /// <summary>Counts the changes of the environment itself.</summary>
    public int Version { get; init; }

    /// <summary>How many keys it holds.</summary>
    public long Configs { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>What became of an environment that was deleted.</summary>
public sealed record EnvironmentDeleted
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The version that the deletion was.</summary>
    public int Version { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }

    /// <summary>How many keys went with it.</summary>
    public long Configs { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>An organization.</summary>
public sealed record OrgItem
{
    /// <summary>Its number.</summary>
    public int Id { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The environment that is meant where none is named; null in lists.</summary>
    public string? DefaultEnvironment { get; init; }

    /// <summary>The names of its environments, in order; null in lists.</summary>
    public IReadOnlyList<string>? Environments { get; init; }

    /// <summary>When it was made, UTC.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Since when it is archived; null: it is not.</summary>
    public DateTimeOffset? ArchivedAt { get; init; }

    /// <summary>Names that it had, and that still lead to it; null: none, or a list.</summary>
    public IReadOnlyList<string>? FormerNames { get; init; }

    /// <summary>The id of its first token; null but where it was just made.</summary>
    public string? TokenId { get; init; }

    /// <summary>Its first token, which may do all that an owner may; shown once, where it was just made.</summary>
    public string? Token { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of organizations, by name.</summary>
public sealed record OrgPage
{
    /// <summary>By name.</summary>
    public required IReadOnlyList<OrgItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>An organization to be made.</summary>
public sealed record NewOrg
{
    /// <summary>Lower-case letters, digits and <c>-</c>, at most 50.</summary>
    public required string Name { get; init; }

    /// <summary>Its environments, in order; null: development, staging, production.</summary>
    public IReadOnlyList<string>? Environments { get; init; }

    /// <summary>One of them; null: the first.</summary>
    public string? DefaultEnvironment { get; init; }
}

/// <summary>The settings of an organization.</summary>
public sealed record OrgSettings
{
    /// <summary>The environment that is meant where none is named.</summary>
    public required string DefaultEnvironment { get; init; }

    /// <summary>Where a write needs a permission of its own, and a reason.</summary>
    public required IReadOnlyList<string> ProtectedEnvironments { get; init; }

    /// <summary>The limits of which it has its own value, by name.</summary>
    public required IReadOnlyDictionary<string, long> Limits { get; init; }

    /// <summary>Counts the changes of the organization itself.</summary>
    public int Version { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>Changes of settings; what is null stays.</summary>
public sealed record OrgSettingsChange
{
    /// <summary>The environment that is meant where none is named.</summary>
    public string? DefaultEnvironment { get; init; }

    /// <summary>All environments that are protected from now on.</summary>
    public IReadOnlyList<string>? ProtectedEnvironments { get; init; }

    /// <summary>Limits with their values from now on, by name; null: the server's again. Others stay. Needs the permission operate.</summary>
    public IReadOnlyDictionary<string, long?>? Limits { get; init; }

    /// <summary>Only if the settings are at this version; null: in any case.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }
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
internal sealed record NewEnvironment(string Name, string? Description);

/// <summary>What an environment is for, on the wire: null is said.</summary>
internal sealed record EnvironmentDescription([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Description);

/// <summary>An order of environments, on the wire.</summary>
internal sealed record EnvironmentOrder(IReadOnlyList<string> Order);

/// <summary>Another name, or a reason alone, on the wire.</summary>
internal sealed record OrgChange(string? Name, string? ChangeLog);

/// <summary>A problem+json, on the wire.</summary>
internal sealed record ProblemMessage(string? Title, string? Detail, string? Code, string? RequestId, IReadOnlyList<SteleProblem>? Errors, long? Floor = null, [property: JsonPropertyName("errorCode")] string? ErrorCode = null,
    [property: JsonPropertyName("errorDetails")] string? ErrorDetails = null);
