using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>A value, as a read or a write answers it. Numbers keep their text: use <see cref="JsonElement.GetRawText"/>.</summary>
public sealed record ConfigItem
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The value; undefined in lists of keys only.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary><c>string</c>, <c>number</c>, <c>boolean</c> or <c>json</c>.</summary>
    public string? ValueType { get; init; }

    /// <summary>Counts the changes of this key from 1.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that wrote this version.</summary>
    public long Revision { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>The actor's opaque id.</summary>
    public string? UpdatedBy { get; init; }

    /// <summary>Why, as the writer said; null if he did not.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>The value was taken out of the journal, and reads as null; only of the past.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Redacted { get; init; }

    /// <summary>The JSON Schema that the key has at this version; undefined where it has none, and in lists.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Schema { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>Which value to read. All absent: the current one, strongly consistent, of the token's environment.</summary>
public sealed record ConfigRead
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary><c>strong</c> (the default) or <c>local</c>.</summary>
    public string? Consistency { get; init; }

    /// <summary>For local reads: refuse an answer that was confirmed longer ago. Null: any age.</summary>
    public TimeSpan? StalenessMax { get; init; }

    /// <summary>This version of the key.</summary>
    public long? Version { get; init; }

    /// <summary>As of this revision of the org.</summary>
    public long? Revision { get; init; }

    /// <summary>As of this time.</summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary>What to write.</summary>
public sealed record ConfigSet
{
    /// <summary>The value; JSON null is a value.</summary>
    public required JsonElement Value { get; init; }

    /// <summary><c>string</c>, <c>number</c>, <c>boolean</c> or <c>json</c>; null: taken from the value on creation, kept later.</summary>
    public string? ValueType { get; init; }

    /// <summary>A JSON Schema of draft 2020-12 to which this and later values keep; JSON null clears it, undefined keeps what there is.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Schema { get; init; }

    /// <summary>Why; at most 4,096 characters.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>Write only if the key is at this version, 0 for a key that must not exist; null writes blindly.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>The version that a deletion wrote.</summary>
public sealed record ConfigDeleted
{
    /// <summary>The deletion's own version.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that holds it.</summary>
    public long Revision { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>Which values to list.</summary>
public sealed record ConfigList
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>Keys that begin with this text; a string, not a segment. Null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Leave the values out.</summary>
    public bool KeysOnly { get; init; }

    /// <summary>Items of a page, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>The <see cref="ConfigPage.NextCursor"/> of the page before; null: the first page.</summary>
    public string? Cursor { get; init; }

    /// <summary>As of this revision.</summary>
    public long? Revision { get; init; }

    /// <summary>As of this time.</summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary>A page of values, all of one revision.</summary>
public sealed record ConfigPage
{
    /// <summary>In the order of keys, by code point.</summary>
    public required IReadOnlyList<ConfigItem> Items { get; init; }

    /// <summary>The revision that all pages of this list show.</summary>
    public long Revision { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>One version of a key.</summary>
public sealed record ConfigVersion
{
    /// <summary>From 1, without gaps.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that wrote it.</summary>
    public long Revision { get; init; }

    /// <summary>The value before; JSON null or undefined for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement OldValue { get; init; }

    /// <summary>The value; JSON null or undefined for a deletion.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>Whether this version deleted the key.</summary>
    public bool Deleted { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>The actor's opaque id.</summary>
    public string? UpdatedBy { get; init; }

    /// <summary>Why, as the writer said.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>The value was taken out of the journal, and reads as null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Redacted { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of versions, newest first.</summary>
public sealed record ConfigHistory
{
    /// <summary>Newest first.</summary>
    public required IReadOnlyList<ConfigVersion> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>Which old value to write again.</summary>
public sealed record ConfigRollback
{
    /// <summary>The version whose value becomes a new version.</summary>
    public required long Version { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>Write only if the key is at this version; null writes blindly.</summary>
    public long? ExpectedVersion { get; init; }
}
