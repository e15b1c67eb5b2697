using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>Changes that happen together or not at all, as one revision.</summary>
public sealed record ChangeSet
{
    /// <summary>At most 10,000, no key twice.</summary>
    public required IReadOnlyList<Change> Changes { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }

    /// <summary>Only if none of the named keys has changed since this revision; null: no such condition.</summary>
    public long? ExpectedRevision { get; init; }

    /// <summary>What <see cref="ExpectedRevision"/> is about: <c>keys</c>, those that are named (null), or <c>environment</c>, everything in the environments that are touched.</summary>
    public string? Scope { get; init; }
}

/// <summary>One change of a set.</summary>
public sealed record Change
{
    /// <summary><c>set</c>, <c>delete</c> or <c>check</c>.</summary>
    public required string Op { get; init; }

    /// <summary><c>config</c>, <c>flag</c> or <c>secret</c>; null: <c>config</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>The key, the flag's name, or the secret's path.</summary>
    public required string Key { get; init; }

    /// <summary>Of a flag, for <c>set</c>: its definition.</summary>
    public JsonElement? Definition { get; init; }

    /// <summary>Of a flag, for <c>set</c>: whether its own kill switch is to be on; null: as it is.</summary>
    public bool? Killed { get; init; }

    /// <summary>Of a flag, for <c>set</c>: whether it is to be put away; null: as it is.</summary>
    public bool? Archived { get; init; }

    /// <summary>Of a secret, for <c>set</c>, in place of <see cref="Value"/>: its bytes in base64.</summary>
    public string? ValueBase64 { get; init; }

    /// <summary>Of a secret, for <c>set</c>: until when it is given out; null: without end.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Of a secret, for <c>set</c>: an object that is not secret; JSON null takes away what there is, null keeps it.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>For <c>set</c>: a JSON Schema; JSON null clears it, null keeps what there is.</summary>
    public JsonElement? Schema { get; init; }

    /// <summary>Null: the environment of the call.</summary>
    public string? Environment { get; init; }

    /// <summary>For <c>set</c>.</summary>
    public JsonElement? Value { get; init; }

    /// <summary>For <c>set</c>; null: taken from the value on creation, kept later.</summary>
    public string? ValueType { get; init; }

    /// <summary>Only if the key is at this version; 0: only if it does not exist; null: in any case.</summary>
    public long? ExpectedVersion { get; init; }
}

/// <summary>Until when a write waits after it is committed: until everybody who watches what it changed has applied or refused it.</summary>
public sealed record ChangeWait
{
    /// <summary>How long at most; then the answer says who is missing. 30 seconds, and at most 60.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>It is complete only if so many watch; null: nobody need.</summary>
    public int? SubscribersMin { get; init; }
}

/// <summary>What became of a revision with those who watch what it changed. The write stands, whatever they say.</summary>
public sealed record Convergence
{
    /// <summary>How many were to see some of it when it was committed.</summary>
    public int Matched { get; init; }

    /// <summary>How many have applied it.</summary>
    public int Applied { get; init; }

    /// <summary>Those who have said nothing.</summary>
    public required IReadOnlyList<ConvergenceParty> Pending { get; init; }

    /// <summary>Those who could not apply it, and why.</summary>
    public required IReadOnlyList<ConvergenceParty> Rejected { get; init; }

    /// <summary>Nodes that did not answer, and may have some who watch.</summary>
    public int UnansweredNodes { get; init; }

    /// <summary>Whether all have applied it, and they are as many as were asked for.</summary>
    public bool Complete { get; init; }
}

/// <summary>One who watches.</summary>
/// <param name="Id">Its subscription.</param>
/// <param name="Client">What it calls itself, or null.</param>
/// <param name="Reason">Why it could not apply it; null: it has not said so.</param>
public sealed record ConvergenceParty(string Id, string? Client, string? Reason);

/// <summary>What a change set or a rollback wrote.</summary>
public sealed record ChangeSetResult
{
    /// <summary>The revision that holds all of it.</summary>
    public long Revision { get; init; }

    /// <summary>Where a watch that wants what comes after begins.</summary>
    public string? Cursor { get; init; }

    /// <summary>Nothing was written: this is what would be.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool DryRun { get; init; }

    /// <summary>With <see cref="ChangeWait"/>: who has applied it. Null without, and when a retry found it written.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Convergence? Convergence { get; init; }

    /// <summary>One for each change; null where the server does not list them.</summary>
    public IReadOnlyList<ChangeResult>? Results { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>What one change wrote.</summary>
public sealed record ChangeResult
{
    /// <summary><c>config</c>, <c>flag</c> or <c>secret</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>The key.</summary>
    public string? Key { get; init; }

    /// <summary>Its environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The version written.</summary>
    public long Version { get; init; }

    /// <summary>Of a flag: the exact share of the bucket space that gets another variant, from 0 to 1; null where there is no exact number.</summary>
    public double? Moved { get; init; }

    /// <summary>Of a flag: why <see cref="Moved"/> is null.</summary>
    public string? MovedReason { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A past state to put back, as one new revision.</summary>
public sealed record Rollback
{
    /// <summary>The revision whose values come back.</summary>
    public required long Revision { get; init; }

    /// <summary>Only keys that begin with this text; null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Why.</summary>
    public string? ChangeLog { get; init; }
}

/// <summary>Which differences to read.</summary>
public sealed record DifferenceRead
{
    /// <summary>The left side: <c>environment</c>, <c>environment@revision</c> or <c>environment@time</c>.</summary>
    public required string From { get; init; }

    /// <summary>The right side, likewise.</summary>
    public required string To { get; init; }

    /// <summary>Only keys that begin with this text; null: all.</summary>
    public string? Prefix { get; init; }

    /// <summary>Items of a page, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>The <see cref="Difference.NextCursor"/> of the page before; null: the first page.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of the differences of two states; all pages compare the same two.</summary>
public sealed record Difference
{
    /// <summary>The state on the left.</summary>
    public DifferenceSide? From { get; init; }

    /// <summary>The state on the right.</summary>
    public DifferenceSide? To { get; init; }

    /// <summary>In the order of keys; empty when both are equal.</summary>
    public required IReadOnlyList<DifferenceItem> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A state that was compared.</summary>
public sealed record DifferenceSide
{
    /// <summary>The environment.</summary>
    public string? Environment { get; init; }

    /// <summary>The org's revision.</summary>
    public long Revision { get; init; }
}

/// <summary>A key that differs.</summary>
public sealed record DifferenceItem
{
    /// <summary><c>config</c>, <c>flag</c> or <c>secret</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary><c>added</c>, <c>removed</c> or <c>changed</c>, from left to right.</summary>
    public required string Op { get; init; }

    /// <summary>What is on the left; undefined when added.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement From { get; init; }

    /// <summary>What is on the right; undefined when removed.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public JsonElement To { get; init; }

    /// <summary>The value on the left was taken out of the journal, and reads as null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool FromRedacted { get; init; }

    /// <summary>The value on the right was taken out of the journal, and reads as null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ToRedacted { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}
