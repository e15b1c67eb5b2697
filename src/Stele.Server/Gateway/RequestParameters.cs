using System.Globalization;
using System.Runtime.InteropServices;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Gateway;

/// <summary>The query parameters there are.</summary>
[Flags]
internal enum Parameter : long
{
    None = 0,
    Env = 1 << 0,
    Consistency = 1 << 1,
    MaxStaleness = 1 << 2,
    Version = 1 << 3,
    Revision = 1 << 4,
    At = 1 << 5,
    Prefix = 1 << 6,
    KeysOnly = 1 << 7,
    Limit = 1 << 8,
    Cursor = 1 << 9,
    ExpectedVersion = 1 << 10,
    From = 1 << 11,
    To = 1 << 12,
    AfterRevision = 1 << 13,
    Confirm = 1 << 20,
    ChangeLog = 1 << 21,
    Archived = 1 << 22,
    Actor = 1 << 23,
    Target = 1 << 24,
    Action = 1 << 25,
    Outcome = 1 << 26,
    Log = 1 << 27,
    Order = 1 << 28,
    Format = 1 << 29,
    Scope = 1 << 30,

    /// <summary>Which items of a log, and how they are shown: <see cref="RequestParameters.TextOf"/>.</summary>
    Filter = Actor | Target | Action | Outcome | Log | Order | Format | Scope,
    Prefixes = 1L << 40,
    Kinds = 1L << 41,
    FromCursor = 1L << 42,
    FromRevision = 1L << 43,
    Wait = 1L << 44,
    AfterCursor = 1L << 45,
    WaitFor = 1L << 46,
    MinSubscribers = 1L << 47,
    Timeout = 1L << 48,
    DryRun = 1L << 49,
    Mode = 1L << 50,
    Stale = 1L << 51,
    Days = 1L << 52,
    FlagConfigEtag = 1L << 56,
    FlagConfigLastModified = 1L << 57,
    /// <summary>What an event stream's address carries; read before there is anybody who asks.</summary>
    Pass = 1L << 58,
    Value = 1L << 59,
    Status = 1L << 60,
    Resolve = 1L << 61,

    /// <summary>What every read of current state takes.</summary>
    Read = Consistency | MaxStaleness,

    /// <summary>What every list takes.</summary>
    Page = Limit | Cursor,

    /// <summary>What <see cref="WatchParameters"/> reads.</summary>
    OfWatch = Prefixes | Kinds | FromCursor | FromRevision | Wait | AfterCursor | WaitFor | MinSubscribers | Timeout,
}

/// <summary>What is done with a value that refers to a secret.</summary>
internal enum Resolving : byte
{
    /// <summary>The secret's value is answered.</summary>
    Resolve,
    /// <summary>The same, and the whole organization has been read for it.</summary>
    Whole,
    /// <summary>The reference is answered as it stands.</summary>
    Not,
}

/// <summary>
/// The query of a request, parsed: the one place that knows how each parameter is written. What an endpoint does not take
/// is refused, because a misspelt condition that is ignored is a condition that does not hold. Percent-escapes are decoded
/// once; <c>+</c> is itself, as in RFC 3986, so that an offset in a time survives.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct RequestParameters
{
    const int LimitDefault = 100;

    const int FilterBit = 23, Filters = 8;

    Parameter seen;
    string?[]? texts;

    public EnvironmentName? Env { get; private set; }
    public Consistency Consistency { get; private set; }
    public TimeSpan? MaxStaleness { get; private set; }
    public Cursor? MinCursor { get; private set; }
    public int? Version { get; private set; }
    public long? Revision { get; private set; }
    public Timestamp? At { get; private set; }
    public string? Prefix { get; private set; }
    public bool KeysOnly { get; private set; }
    public int Limit { get; private set; }
    public string? Cursor { get; private set; }
    public int? ExpectedVersion { get; private set; }
    public string? From { get; private set; }
    public string? To { get; private set; }
    public long? AfterRevision { get; private set; }
    public string? Confirm { get; private set; }
    public string? ChangeLog { get; private set; }
    public bool Archived { get; private set; }
    public bool DryRun { get; private set; }
    public bool Stale { get; private set; }
    public int? Days { get; private set; }
    public string? Mode { get; private set; }
    public string? Status { get; private set; }

    /// <summary>Whether a secret is asked for without its value.</summary>
    public bool NoValue { get; private set; }

    /// <summary>Whether what refers to a secret is answered with its value.</summary>
    public Resolving Resolving { get; private set; }

    /// <summary>What an OFREP client was told by an event: the least that the answer must reflect.</summary>
    public string? FlagConfigEtag { get; private set; }

    /// <summary>The text of one of <see cref="Parameter.Filter"/>, or null.</summary>
    public readonly string? TextOf(Parameter parameter) => texts?[int.TrailingZeroCount((int)parameter) - FilterBit];
    /// <summary>Those of watching and waiting; null when none is given.</summary>
    public WatchParameters? Watch { get; private set; }

    /// <summary>How fresh a read must be.</summary>
    public readonly ReadOptions Reading => new(Consistency, MaxStaleness, MinCursor);

    /// <summary>Whether it asks for the past.</summary>
    public readonly bool IsPast => (seen & (Parameter.Version | Parameter.Revision | Parameter.At)) != 0;

    /// <summary>Reads the query and Stele-Min-Cursor.</summary>
    /// <param name="request">The request.</param>
    /// <param name="allowed">What the endpoint takes.</param>
    /// <param name="problems">Gets every broken rule; made when the first one comes.</param>
    public static RequestParameters Parse(HttpRequest request, Parameter allowed, ref List<Problem>? problems)
    {
        var parameters = new RequestParameters { Limit = LimitDefault };
        if (request.QueryString.Value is { Length: > 1 } query)
            foreach (var range in query.AsSpan(1).Split('&'))
                if (query.AsSpan(1)[range] is { Length: > 0 } pair) parameters.Take(pair, allowed, ref problems);
        if (request.Headers.TryGetValue("Stele-Min-Cursor", out var minCursor))
        {
            if (Core.Journal.Cursor.TryParse(minCursor, out var cursor)) parameters.MinCursor = cursor;
            else Add(ref problems, Problem.Header("Stele-Min-Cursor", "cursor.malformed", "This is not a cursor that an answer carried."));
        }
        parameters.CheckTogether(allowed, ref problems);
        // a token may have an environment of its own, which comes before the org's
        if ((allowed & Parameter.Env) != 0 && parameters.Env is null && request.HttpContext.Features.Get<Caller>()?.Principal.Environment is { } own && EnvironmentName.TryParse(own, out var environment))
            parameters.Env = environment;
        return parameters;
    }

    void Take(ReadOnlySpan<char> pair, Parameter allowed, ref List<Problem>? problems)
    {
        var equals = pair.IndexOf('=');
        var name = equals < 0 ? pair : pair[..equals];
        var value = Decode(equals < 0 ? "" : pair[(equals + 1)..]);
        var parameter = Named(name);
        if (parameter == Parameter.Prefix && (allowed & Parameter.Prefixes) != 0) parameter = Parameter.Prefixes;
        if ((parameter & allowed) == 0)
            Add(ref problems, IsPlanned(name)
                ? Problem.Query(name.ToString(), "not_supported", $"{name} is not supported yet.")
                : Problem.Query(Decode(name), "parameter.unknown", $"This request takes no parameter '{Decode(name)}'."));
        else if ((seen & parameter & ~Parameter.Prefixes) != 0)
            Add(ref problems, Problem.Query(name.ToString(), "parameter.repeated", $"{name} is given more than once."));
        else if (Set(parameter, value) is { } problem)
            Add(ref problems, problem);
        seen |= parameter & allowed;
    }

    Problem? Set(Parameter parameter, string value)
    {
        if ((parameter & Parameter.OfWatch) != 0) return (Watch ??= new WatchParameters()).Set(parameter, value);
        switch (parameter)
        {
            case Parameter.Env:
                if (!EnvironmentName.TryParse(value, out var environment)) return Problem.Query("env", EnvironmentName.Rule, EnvironmentName.Message);
                Env = environment;
                return null;
            case Parameter.Consistency:
                Consistency = value == "local" ? Consistency.Local : Consistency.Strong;
                return value is "local" or "strong" ? null : Problem.Query("consistency", "consistency.value", "consistency is strong or local.");
            case Parameter.MaxStaleness:
                MaxStaleness = Duration(value);
                return MaxStaleness is null ? Problem.Query("max_staleness", "duration", "A duration is a whole number with ms, s or m, such as 5s.") : null;
            case Parameter.Archived:
                Archived = value is "" or "true";
                return Archived || value == "false" ? null : Problem.Query("archived", "boolean", "archived is true or false.");
            case Parameter.DryRun:
                DryRun = value is "" or "true";
                return DryRun || value == "false" ? null : Problem.Query("dry_run", "boolean", "dry_run is true or false.");
            case Parameter.Stale:
                Stale = value is "" or "true";
                return Stale || value == "false" ? null : Problem.Query("stale", "boolean", "stale is true or false.");
            case Parameter.Mode: Mode = value; return null;
            case Parameter.Status: Status = value; return null;
            case Parameter.Value:
                NoValue = value == "false";
                return NoValue || value is "" or "true" ? null : Problem.Query("value", "boolean", "value is true or false.");
            case Parameter.Resolve:
                Resolving = value == "false" ? Resolving.Not : Resolving.Resolve;
                return value is "" or "true" or "false" ? null : Problem.Query("resolve", "boolean", "resolve is true or false.");
            case Parameter.KeysOnly:
                KeysOnly = value is "" or "true";
                return KeysOnly || value == "false" ? null : Problem.Query("keys_only", "boolean", "keys_only is true or false.");
            case Parameter.At:
                if (!Timestamp.TryParse(value, out var at)) return Problem.Query("at", "at.time", "at is a time of RFC 3339, such as 2026-01-31T14:03:00Z.");
                At = at;
                return null;
            case Parameter.Prefix: return SetPrefix(value);
            case Parameter.Cursor: Cursor = value; return null;
            case Parameter.From: From = value; return null;
            case Parameter.To: To = value; return null;
            case Parameter.Confirm: Confirm = value; return null;
            case Parameter.ChangeLog: return SetChangeLog(value);
            case Parameter.FlagConfigEtag: FlagConfigEtag = value; return null;
            // the protocol has it for those who know flags by time
            case Parameter.FlagConfigLastModified or Parameter.Pass: return null;
            default:
                if ((parameter & Parameter.Filter) == 0) return SetNumber(parameter, value);
                (texts ??= new string?[Filters])[int.TrailingZeroCount((int)parameter) - FilterBit] = value;
                return null;
        }
    }

    Problem? SetNumber(Parameter parameter, string value)
    {
        (string name, string rule, long min, long max) = parameter switch
        {
            Parameter.Version => ("version", "version.number", 1, int.MaxValue),
            Parameter.Revision => ("revision", "revision.number", 1, long.MaxValue),
            Parameter.AfterRevision => ("after_revision", "revision.number", 0, long.MaxValue),
            Parameter.ExpectedVersion => ("expected_version", "version.number", 0, int.MaxValue),
            Parameter.Days => ("days", "days.range", 1, (int)SteleLimits.FlagUseDays.Value),
            _ => ("limit", "limit.range", 1, SteleLimits.PageItems.Value),
        };
        if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < min || number > max)
            return Problem.Query(name, rule, $"{name} is a whole number from {min} to {max}.");
        switch (parameter)
        {
            case Parameter.Version: Version = (int)number; break;
            case Parameter.Revision: Revision = number; break;
            case Parameter.AfterRevision: AfterRevision = number; break;
            case Parameter.ExpectedVersion: ExpectedVersion = (int)number; break;
            case Parameter.Days: Days = (int)number; break;
            default: Limit = (int)number; break;
        }
        return null;
    }

    Problem? SetPrefix(string value)
    {
        Prefix = value;
        return KeyPrefix.Check(value) is var (rule, message) ? Problem.Query("prefix", rule, message) : null;
    }

    // stored with the revision, in a column that cannot hold U+0000
    Problem? SetChangeLog(string value)
    {
        ChangeLog = value;
        return value.Length > SteleLimits.ChangeLogCharacters.Value
            ? Problem.Query("change_log", "change_log.length", $"A change log has at most {SteleLimits.ChangeLogCharacters.Value} characters; this one has {value.Length}.")
            : value.Contains('\0') ? Problem.Query("change_log", "change_log.characters", "A change log cannot hold U+0000.") : null;
    }

    readonly void CheckTogether(Parameter allowed, ref List<Problem>? problems)
    {
        if (MaxStaleness is not null && Consistency != Consistency.Local)
            Add(ref problems, Problem.Query("max_staleness", "max_staleness.local", "max_staleness goes with consistency=local."));
        // flags have a moment at which a revision of them is evaluated
        var past = (allowed & Parameter.FlagConfigEtag) != 0 ? Parameter.None : seen & (Parameter.Version | Parameter.Revision | Parameter.At);
        if ((past & (past - 1)) != 0)
            Add(ref problems, Problem.Query((past & Parameter.At) != 0 ? "at" : "revision", "parameter.exclusive", "Give one of version, revision and at."));
    }

    static Parameter Named(ReadOnlySpan<char> name) => name switch
    {
        "env" => Parameter.Env,
        "consistency" => Parameter.Consistency,
        "max_staleness" => Parameter.MaxStaleness,
        "version" => Parameter.Version,
        "revision" => Parameter.Revision,
        "at" => Parameter.At,
        "prefix" => Parameter.Prefix,
        "keys_only" => Parameter.KeysOnly,
        "limit" => Parameter.Limit,
        "cursor" => Parameter.Cursor,
        "expected_version" => Parameter.ExpectedVersion,
        "from" => Parameter.From,
        "to" => Parameter.To,
        "after_revision" => Parameter.AfterRevision,
        "confirm" => Parameter.Confirm,
        "change_log" => Parameter.ChangeLog,
        "archived" => Parameter.Archived,
        "dry_run" => Parameter.DryRun,
        "mode" => Parameter.Mode,
        "stale" => Parameter.Stale,
        "days" => Parameter.Days,
        "actor" => Parameter.Actor,
        "target" => Parameter.Target,
        "action" => Parameter.Action,
        "outcome" => Parameter.Outcome,
        "log" => Parameter.Log,
        "order" => Parameter.Order,
        "format" => Parameter.Format,
        "scope" => Parameter.Scope,
        "kinds" => Parameter.Kinds,
        "from_cursor" => Parameter.FromCursor,
        "from_revision" => Parameter.FromRevision,
        "wait" => Parameter.Wait,
        "after_cursor" => Parameter.AfterCursor,
        "wait_for" => Parameter.WaitFor,
        "min_subscribers" => Parameter.MinSubscribers,
        "timeout" => Parameter.Timeout,
        "flagConfigEtag" => Parameter.FlagConfigEtag,
        "flagConfigLastModified" => Parameter.FlagConfigLastModified,
        "pass" => Parameter.Pass,
        "value" => Parameter.Value,
        "status" => Parameter.Status,
        "resolve" => Parameter.Resolve,
        _ => Parameter.None,
    };

    static bool IsPlanned(ReadOnlySpan<char> name) => name is "schema";

    /// <summary>A duration as parameters write it; null if it is none.</summary>
    public static TimeSpan? Duration(string value)
    {
        var digits = value.AsSpan().TrimEnd("ms");
        if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count)) return null;
        return value.AsSpan(digits.Length) switch
        {
            "ms" => TimeSpan.FromMilliseconds(count),
            "s" => TimeSpan.FromSeconds(count),
            "m" => TimeSpan.FromMinutes(count),
            _ => null,
        };
    }

    static string Decode(ReadOnlySpan<char> text) => text.Contains('%') ? Uri.UnescapeDataString(text) : text.ToString();

    static void Add(ref List<Problem>? problems, Problem problem) => (problems ??= []).Add(problem);
}
