using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Client;

/// <summary>Which lines of journal and audit log to read.</summary>
public sealed record AuditRead
{
    /// <summary>Only of this actor; null: of anybody.</summary>
    public string? Actor { get; init; }

    /// <summary>Only this action, such as <c>config.set</c>; with <c>*</c> at the end, those that begin so. Null: any.</summary>
    public string? Action { get; init; }

    /// <summary>Only this target, such as <c>config/production/services.payment.timeout</c>; with <c>*</c> at the end, those that begin so. Null: any.</summary>
    public string? Target { get; init; }

    /// <summary>Only in this environment; null: in any, and in none.</summary>
    public string? Environment { get; init; }

    /// <summary><c>allowed</c> or <c>refused</c>; null: either.</summary>
    public string? Outcome { get; init; }

    /// <summary><c>journal</c> or <c>audit</c>; null: both.</summary>
    public string? Log { get; init; }

    /// <summary>From then on; null: from the beginning. <c>gone</c> when something of that time was archived or dropped.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Before then; null: to the end.</summary>
    public DateTimeOffset? To { get; init; }

    /// <summary>Whether oldest first; null: newest first on pages, oldest first in exports.</summary>
    public bool? OldestFirst { get; init; }

    /// <summary>The installation's log, and not the org's: for root tokens.</summary>
    public bool Installation { get; init; }

    /// <summary>Items of a page, 1 to 1,000; null: 100.</summary>
    public int? Limit { get; init; }

    /// <summary>The <see cref="AuditPage.NextCursor"/> or <see cref="AuditPage.ResumeCursor"/> of a page before.</summary>
    public string? Cursor { get; init; }
}

/// <summary>A page of journal and audit log.</summary>
public sealed record AuditPage
{
    /// <summary>In the order that was asked for.</summary>
    public required IReadOnlyList<AuditItem> Items { get; init; }

    /// <summary>For the next page, which may be there even when this one is short; null on the last.</summary>
    public string? NextCursor { get; init; }

    /// <summary>Oldest first, what comes after this answer; null when this page does not say.</summary>
    public string? ResumeCursor { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>One line of the journal or of the audit log.</summary>
public sealed record AuditItem
{
    /// <summary>When, UTC.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary><c>journal</c> or <c>audit</c>.</summary>
    public string? Log { get; init; }

    /// <summary>The journal's revision; null in the audit log.</summary>
    public long? Revision { get; init; }

    /// <summary>The place in the revision; null in the audit log.</summary>
    public int? Ordinal { get; init; }

    /// <summary>The number in the audit log; null in the journal.</summary>
    public long? Sequence { get; init; }

    /// <summary>What was done, or tried.</summary>
    public string? Action { get; init; }

    /// <summary>By whom: an opaque id.</summary>
    public string? Actor { get; init; }

    /// <summary>To what.</summary>
    public string? Target { get; init; }

    /// <summary>In which environment; null: in none.</summary>
    public string? Environment { get; init; }

    /// <summary><c>allowed</c> or <c>refused</c>.</summary>
    public string? Outcome { get; init; }

    /// <summary>Why it was refused; null: it was not.</summary>
    public string? Code { get; init; }

    /// <summary>How often.</summary>
    public long Times { get; init; }

    /// <summary>The request.</summary>
    public string? RequestId { get; init; }

    /// <summary>Where it came from; null: not known.</summary>
    public string? Address { get; init; }

    /// <summary>What else there is to say; of a change, why it was made.</summary>
    public string? Detail { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}

/// <summary>A page of what an org used.</summary>
public sealed record UsagePage
{
    /// <summary>Newest first; a day without use is not there.</summary>
    public required IReadOnlyList<UsageDay> Items { get; init; }

    /// <summary>For the next page; null on the last.</summary>
    public string? NextCursor { get; init; }
}

/// <summary>What an org used on a UTC day.</summary>
public sealed record UsageDay
{
    /// <summary>The day.</summary>
    public DateOnly Day { get; init; }

    /// <summary>Requests that were answered and can change nothing.</summary>
    public long Reads { get; init; }

    /// <summary>Requests that were answered and may have changed something.</summary>
    public long Writes { get; init; }

    /// <summary>Seconds that watchers watched, all together.</summary>
    public long WatchSeconds { get; init; }

    /// <summary>The same in hours.</summary>
    public decimal WatchHours { get; init; }

    /// <summary>Evaluations of flags.</summary>
    public long Evaluations { get; init; }

    /// <summary>When it was last added to, UTC.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>Members that this client does not know.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? More { get; set; }
}
