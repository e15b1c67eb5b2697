using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>A flag, or an item of its environment's set (<c>$evaluators/NAME</c>, <c>$metadata</c>, <c>$kill_switch</c>).</summary>
public sealed record FlagItem
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>flagd's flag object; of the short form, what it stands for. Undefined in the answer to a deletion.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Definition { get; init; }

    /// <summary>The short form, if the flag was given so; else undefined.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Short { get; init; }

    /// <summary>Counts its changes from 1.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that wrote this version.</summary>
    public long Revision { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>The actor's opaque id.</summary>
    public string? UpdatedBy { get; init; }

    /// <summary>Why, as the writer said; null if he did not.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>Its own kill switch is on.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Killed { get; init; }

    /// <summary>It is kept, and not evaluated.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Archived { get; init; }

    /// <summary>When it was last evaluated, if that is known.</summary>
    public DateTimeOffset? LastEvaluatedAt { get; init; }

    /// <summary>How it was used lately; not of the past.</summary>
    public FlagUse? Use { get; init; }

    /// <summary>Of a write: the exact share of the bucket space that gets another variant, from 0 to 1; null where there is no exact number.</summary>
    public double? Moved { get; init; }

    /// <summary>Of a write: why <see cref="Moved"/> is null.</summary>
    public string? MovedReason { get; init; }

    /// <summary>Of a write: nothing was written.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool DryRun { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>How a flag was used.</summary>
public sealed record FlagUse
{
    /// <summary><c>active</c>, <c>new</c>, <c>stale</c> or <c>unknown</c> (evaluated in processes that do not tell).</summary>
    public required string Status { get; init; }

    /// <summary>Of stale: <c>one_variant</c> or <c>not_evaluated</c>.</summary>
    public string? Reason { get; init; }

    /// <summary>How often each variant was given.</summary>
    public IReadOnlyList<FlagVariantUse> Variants { get; init; } = [];
}

/// <summary>How often a variant was given.</summary>
public sealed record FlagVariantUse
{
    /// <summary>The variant; null: the caller's own default.</summary>
    public string? Variant { get; init; }

    /// <summary>How often.</summary>
    public long Evaluations { get; init; }
}

/// <summary>One page of flags.</summary>
public sealed record FlagPage
{
    /// <summary>In order of name.</summary>
    public required IReadOnlyList<FlagItem> Items { get; init; }

    /// <summary>The revision that is shown.</summary>
    public long Revision { get; init; }

    /// <summary>Where the next page begins; null at the end.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>A version of a flag.</summary>
public sealed record FlagVersion
{
    /// <summary>Its number.</summary>
    public long Version { get; init; }

    /// <summary>The org's revision that wrote it.</summary>
    public long Revision { get; init; }

    /// <summary>The definition as it was given; null when this is a deletion.</summary>
    public JsonElement Definition { get; init; }

    /// <summary>The definition before.</summary>
    public JsonElement OldDefinition { get; init; }

    /// <summary>Whether this is a deletion.</summary>
    public bool Deleted { get; init; }

    /// <summary>Its own kill switch is on.</summary>
    public bool Killed { get; init; }

    /// <summary>It is put away.</summary>
    public bool Archived { get; init; }

    /// <summary>When, UTC.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>The actor's opaque id.</summary>
    public string? UpdatedBy { get; init; }

    /// <summary>Why, or null.</summary>
    public string? ChangeLog { get; init; }
}

/// <summary>One page of versions, newest first.</summary>
public sealed record FlagHistory
{
    /// <summary>The versions.</summary>
    public required IReadOnlyList<FlagVersion> Items { get; init; }

    /// <summary>Where the next page begins; null at the end.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What a flag is to be; what is null stays as it is.</summary>
public sealed record FlagWrite
{
    /// <summary>flagd's flag object, the short form, a shared rule, metadata, or whether a kill switch is on.</summary>
    public JsonElement? Definition { get; init; }

    /// <summary>Whether its own kill switch is to be on.</summary>
    public bool? Killed { get; init; }

    /// <summary>Whether it is to be put away; then alone.</summary>
    public bool? Archived { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>The version that it must have; 0: it must not exist; null: any.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>Which flags.</summary>
public sealed record FlagList
{
    /// <summary>Null: the token's own, else the org's default.</summary>
    public string? Environment { get; init; }

    /// <summary>How names begin; one that begins with $ lists shared rules, metadata and kill switch.</summary>
    public string? Prefix { get; init; }

    /// <summary>Those that are archived, and not the others.</summary>
    public bool Archived { get; init; }

    /// <summary>Those that gave one variant to everybody, or were evaluated by nobody, for so many days; null: all.</summary>
    public int? StaleDays { get; init; }

    /// <summary>At most so many; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>Where to go on.</summary>
    public string? Cursor { get; init; }

    /// <summary>As of a revision.</summary>
    public long? Revision { get; init; }

    /// <summary>As of a time.</summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary>What an import or a copy did, or would do.</summary>
public sealed record FlagsWritten
{
    /// <summary>The revision.</summary>
    public long Revision { get; init; }

    /// <summary>Its cursor.</summary>
    public string? Cursor { get; init; }

    /// <summary>Nothing was written.</summary>
    public bool DryRun { get; init; }

    /// <summary>How many were as they should be.</summary>
    public long Unchanged { get; init; }

    /// <summary>What changed.</summary>
    public required IReadOnlyList<FlagMoveItem> Items { get; init; }
}

/// <summary>What became of one flag.</summary>
public sealed record FlagMoveItem
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary><c>added</c>, <c>changed</c> or <c>removed</c>.</summary>
    public required string Op { get; init; }

    /// <summary>Its version from now on.</summary>
    public long Version { get; init; }

    /// <summary>The exact share of the bucket space that gets another variant; null where there is no exact number.</summary>
    public double? Moved { get; init; }

    /// <summary>Why <see cref="Moved"/> is null.</summary>
    public string? MovedReason { get; init; }
}

/// <summary>What to copy from one environment to another.</summary>
public sealed record FlagCopy
{
    /// <summary>From which.</summary>
    public required string From { get; init; }

    /// <summary>To which.</summary>
    public required string To { get; init; }

    /// <summary>Which flags; null: those under the prefix.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>How names begin; null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }
}

/// <summary>What an evaluator in a process of its own did since it last told.</summary>
public sealed record FlagUsageReport
{
    /// <summary>Counts by flag and variant.</summary>
    public required IReadOnlyList<FlagUsageItem> Items { get; init; }
}

/// <summary>How often a flag gave a variant.</summary>
public sealed record FlagUsageItem
{
    /// <summary>The flag.</summary>
    public required string Flag { get; init; }

    /// <summary>The variant; null: the caller's own default.</summary>
    public string? Variant { get; init; }

    /// <summary>How often, from 1.</summary>
    public long Count { get; init; }

    /// <summary>When last; null: just now.</summary>
    public DateTimeOffset? LastEvaluatedAt { get; init; }
}

/// <summary>What came of a report.</summary>
public sealed record FlagUsageTaken
{
    /// <summary>How many items were counted.</summary>
    public long Accepted { get; init; }

    /// <summary>Flags that are not there, or have no such variant.</summary>
    public IReadOnlyList<string> Unknown { get; init; } = [];
}

/// <summary>What a flag answers somebody.</summary>
public sealed record FlagAnswer
{
    /// <summary>The flag.</summary>
    public string? Key { get; init; }

    /// <summary>The value; undefined: the caller's own default counts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Value { get; init; }

    /// <summary>The variant; null: none.</summary>
    public string? Variant { get; init; }

    /// <summary>Why: <c>STATIC</c>, <c>TARGETING_MATCH</c>, <c>SPLIT</c>, <c>DEFAULT</c> or <c>DISABLED</c>.</summary>
    public string? Reason { get; init; }

    /// <summary>The flag's own metadata and its set's, with revision, rule and bucket, by which the answer is given again.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement Metadata { get; init; }

    /// <summary>In a list: why it could not be evaluated.</summary>
    [JsonPropertyName("errorCode")]
    public string? ErrorCode { get; init; }

    /// <summary>In a list: the same in words.</summary>
    [JsonPropertyName("errorDetails")]
    public string? ErrorDetails { get; init; }
}

/// <summary>What all flags answer somebody.</summary>
public sealed record FlagAnswers
{
    /// <summary>One for each.</summary>
    public required IReadOnlyList<FlagAnswer> Flags { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

internal sealed record EvaluationBody(JsonElement? Context);

internal sealed record ExplanationBody(string Flag, JsonElement? Context, string? Env, DateTimeOffset? At, long? Revision);

internal sealed record ComparisonBody(JsonElement? Context, string From, string To);
