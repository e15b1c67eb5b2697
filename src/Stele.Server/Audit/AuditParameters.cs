using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Gateway;

namespace Stele.Server.Audit;

/// <summary>A text, or the beginning of one, as a filter has it: <c>config.set</c>, <c>config.*</c>.</summary>
internal readonly record struct AuditPattern(string Exact, string Prefix)
{
    /// <summary>Everything.</summary>
    public static AuditPattern Any => new("", "");

    public static AuditPattern Of(string? text) => text is null or "" ? Any : text[^1] == '*' ? new AuditPattern("", text[..^1]) : new AuditPattern(text, "");
}

/// <summary>How an answer is written.</summary>
internal enum AuditFormat
{
    /// <summary>A page.</summary>
    Json,
    /// <summary>All of it, one JSON object a line.</summary>
    JsonLines,
    /// <summary>All of it, RFC 4180.</summary>
    Csv,
}

/// <summary>What <c>GET /v1/audit</c> is asked for.</summary>
internal sealed record AuditParameters
{
    public const Parameter Allowed = Parameter.Filter | Parameter.Env | Parameter.From | Parameter.To | Parameter.Page | Parameter.Read;

    public required AuditPattern Action { get; init; }

    public required AuditPattern Target { get; init; }

    /// <summary>Empty: anybody.</summary>
    public required string Actor { get; init; }

    /// <summary>Empty: any, and none.</summary>
    public required string Environment { get; init; }

    /// <summary>Empty: either.</summary>
    public required string Outcome { get; init; }

    /// <summary>Inclusive; null: from the beginning.</summary>
    public required Timestamp? From { get; init; }

    /// <summary>Exclusive; null: to the end.</summary>
    public required Timestamp? To { get; init; }

    /// <summary>Whether the journal is part of it.</summary>
    public required bool HasJournal { get; init; }

    /// <summary>Whether the audit log is part of it.</summary>
    public required bool HasEntries { get; init; }

    /// <summary>Oldest first.</summary>
    public required bool IsOldestFirst { get; init; }

    public required AuditFormat Format { get; init; }

    /// <summary>The installation's log, and not the org's.</summary>
    public required bool IsInstallation { get; init; }

    /// <summary>What a cursor is bound to: all but the direction, so that a reader may go on from the newest.</summary>
    public required string[] Query { get; init; }

    /// <summary>Reads them; problems are added for each that is wrong.</summary>
    public static AuditParameters Parse(HttpRequest request, in RequestParameters parameters, ref List<Problem>? problems)
    {
        var order = OneOf(parameters, Parameter.Order, "order", ref problems, "newest", "oldest");
        var format = OneOf(parameters, Parameter.Format, "format", ref problems, "json", "jsonl", "csv") is { Length: > 0 } named ? named : Accepted(request.Headers.Accept.ToString());
        var log = OneOf(parameters, Parameter.Log, "log", ref problems, "journal", "audit");
        var outcome = OneOf(parameters, Parameter.Outcome, "outcome", ref problems, "allowed", "refused");
        var scope = OneOf(parameters, Parameter.Scope, "scope", ref problems, "org", "installation");
        var (from, to) = (Time("from", parameters.From, ref problems), Time("to", parameters.To, ref problems));
        if (from is { } first && to is { } end && first >= end) Add(ref problems, Problem.Query("from", "from.after_to", "from is before to."));
        if (format != "json" && parameters.Cursor is not null) Add(ref problems, Problem.Query("cursor", "parameter.exclusive", "An export is all of it and has no pages: leave cursor out."));
        var (actor, action, target) = (Text(parameters, Parameter.Actor, "actor", ref problems), Text(parameters, Parameter.Action, "action", ref problems), Text(parameters, Parameter.Target, "target", ref problems));
        return new AuditParameters
        {
            Action = AuditPattern.Of(action), Target = AuditPattern.Of(target), Actor = actor, Environment = parameters.Env?.Text ?? "", Outcome = outcome,
            From = from, To = to, HasJournal = log != "audit" && outcome != "refused" && scope != "installation", HasEntries = log != "journal",
            IsOldestFirst = order.Length > 0 ? order == "oldest" : format != "json",
            Format = format switch { "csv" => AuditFormat.Csv, "jsonl" => AuditFormat.JsonLines, _ => AuditFormat.Json },
            IsInstallation = scope == "installation",
            Query = ["audit", actor, action, target, parameters.Env?.Text ?? "", outcome, log, scope, from?.ToString() ?? "", to?.ToString() ?? ""],
        };
    }

    static string Accepted(string accept) =>
        accept.Contains("text/csv", StringComparison.OrdinalIgnoreCase) ? "csv"
        : accept.Contains("application/jsonl", StringComparison.OrdinalIgnoreCase) || accept.Contains("application/x-ndjson", StringComparison.OrdinalIgnoreCase) ? "jsonl" : "json";

    static string OneOf(in RequestParameters parameters, Parameter parameter, string name, ref List<Problem>? problems, params ReadOnlySpan<string> choices)
    {
        var text = parameters.TextOf(parameter) ?? "";
        if (text.Length > 0 && !choices.Contains(text)) Add(ref problems, Problem.Query(name, "choice", $"{name} is one of {string.Join(", ", choices!)}."));
        return text;
    }

    static string Text(in RequestParameters parameters, Parameter parameter, string name, ref List<Problem>? problems)
    {
        var text = parameters.TextOf(parameter) ?? "";
        if (text.Length > SteleLimits.AuditTextCharacters.Value)
            Add(ref problems, Problem.Query(name, "filter.length", $"A filter has at most {SteleLimits.AuditTextCharacters.Value} characters; this one has {text.Length}."));
        else if (text.AsSpan().IndexOfAny('\0', '\uFFFD') >= 0 || text.Any(char.IsSurrogate) && text.EnumerateRunes().Contains(System.Text.Rune.ReplacementChar))
            Add(ref problems, Problem.Query(name, "filter.characters", "A filter is text without U+0000 and U+FFFD."));
        return text;
    }

    static Timestamp? Time(string name, string? text, ref List<Problem>? problems)
    {
        if (text is null) return null;
        if (Timestamp.TryParse(text, out var time)) return time;
        Add(ref problems, Problem.Query(name, $"{name}.time", $"{name} is a time of RFC 3339, such as 2026-01-31T14:03:00Z."));
        return null;
    }

    static void Add(ref List<Problem>? problems, Problem problem) => (problems ??= []).Add(problem);
}
