namespace Stele.Core.Limits;

/// <summary>What a node takes from its clients, and how much of it is work at a time. docs/operations/limits.md says how each is kept.</summary>
public static class TrafficLimits
{
    /// <summary>Requests a second that one token, session or external identity may send.</summary>
    public static readonly Limit TokenPerSecond = new("rate.token_per_second", 20_000, "requests/s",
        "rate_limited, with Retry-After; as many may come at once; the root token is not limited on loopback", true);
    /// <summary>Requests a second of all tokens of an org together.</summary>
    public static readonly Limit OrgPerSecond = new("rate.org_per_second", 40_000, "requests/s",
        "rate_limited, with Retry-After; as many may come at once", true, PerOrg: true);
    /// <summary>How long who goes on sending past its rate waits at least for each further refusal; at most twice as long.</summary>
    public static readonly Limit RefusalMilliseconds = new("rate.refusal_milliseconds", 100, "ms",
        "past a tenth of its rate in refusals a second, a token or an org hears further ones so much later, or up to twice, so that it sends fewer");
    /// <summary>Refusals of a node that wait at a time.</summary>
    public static readonly Limit RefusalsWaiting = new("rate.refusals_waiting", 4_096, "refusals", "further ones are answered at once");
    /// <summary>Tokens that are not known, a minute and address.</summary>
    public static readonly Limit UnknownTokensPerMinute = new("rate.unknown_tokens_per_minute", 1_000, "tokens/min",
        "an address with more is told rate_limited, and its tokens are not looked up; one that the node knows already still passes", true);
    /// <summary>Sign-ins that fail, a minute and address.</summary>
    public static readonly Limit FailedSignInsPerMinute = new("rate.failed_sign_ins_per_minute", 30, "sign-ins/min", "an address with more is told rate_limited, and no password of its is checked", true);
    /// <summary>Principals whose rate a node counts at a time.</summary>
    public static readonly Limit Principals = new("rate.principals", 100_000, "principals", "those beyond it are limited by their organization's rate only", true);
    /// <summary>Requests that a node works on at a time.</summary>
    public static readonly Limit InWork = new("requests.in_work", 2_048, "requests",
        "one more is refused, unavailable with Retry-After; /healthz, /readyz and /metrics are answered all the same", true);
    /// <summary>Requests of one org that a node works on at a time.</summary>
    public static readonly Limit OrgInWork = new("requests.org_in_work", 1_024, "requests", "one more is refused, rate_limited with Retry-After: the others keep their share", true, PerOrg: true);
    /// <summary>Connections of a node.</summary>
    public static readonly Limit Connections = new("connections.count", 16_384, "connections", "one more is closed at once", true);
    /// <summary>Bytes of a request's first line.</summary>
    public static readonly Limit LineBytes = new("request.line_bytes", 8_192, "bytes", "a longer one is answered 414, and the connection is closed", true);
    /// <summary>Bytes of a request's header fields together.</summary>
    public static readonly Limit HeaderBytes = new("request.header_bytes", 32_768, "bytes", "a request with more is answered 431, and the connection is closed", true);
    /// <summary>Header fields of a request.</summary>
    public static readonly Limit HeaderFields = new("request.header_fields", 100, "fields", "a request with more is answered 431, and the connection is closed", true);
    /// <summary>Time in which a request's header must have come.</summary>
    public static readonly Limit HeaderSeconds = new("request.header_seconds", 15, "seconds", "a connection whose header is not complete by then is answered 408 and closed", true);
    /// <summary>How long a connection may be idle between requests.</summary>
    public static readonly Limit KeepAliveSeconds = new("connection.idle_seconds", 130, "seconds", "a connection that sends nothing is closed", true);
    /// <summary>Time in which a request's body must have come.</summary>
    public static readonly Limit BodySeconds = new("body.seconds", 60, "seconds", "a request whose body is not complete by then is refused, rule body.seconds", true);
    /// <summary>How fast a body must come, and an answer be read, after the first five seconds.</summary>
    public static readonly Limit BodyBytesPerSecond = new("body.bytes_per_second", 240, "bytes/s", "a connection that is slower is cut", true);
    /// <summary>Bytes of a sign-in, which is read from whoever sends it.</summary>
    public static readonly Limit SignInBytes = new("sign_in.bytes", 16 << 10, "bytes", "a larger one is refused, too_large; from an address whose sign-ins failed too often none is read");
    /// <summary>Characters of the reason why nodes take no writes.</summary>
    public static readonly Limit ReadOnlyReasonCharacters = new("read_only.reason_characters", 1_024, "characters", "a longer one is refused, rule reason.length");
    /// <summary>Keys of an org.</summary>
    public static readonly Limit OrgKeys = new("org.keys", 5_000_000, "keys", "one more is refused, quota_exceeded", true, PerOrg: true);
    /// <summary>Mebibytes of an org's current values.</summary>
    public static readonly Limit OrgMebibytes = new("org.mib", 16_384, "MiB", "values that would take more are refused, quota_exceeded", true, PerOrg: true);
    /// <summary>Streams of an org on one node.</summary>
    public static readonly Limit OrgSubscriptions = new("org.subscriptions", 50_000, "subscriptions", "one more on a node is refused, quota_exceeded", true, PerOrg: true);
    /// <summary>Revisions of an org in a day of UTC.</summary>
    public static readonly Limit OrgWritesPerDay = new("org.writes_per_day", 100_000_000, "writes",
        "one more is refused until midnight UTC, quota_exceeded with Retry-After, unless root sends it", true, PerOrg: true);

    /// <summary>All of them, in the order in which <c>stele limits</c> shows them.</summary>
    public static IReadOnlyList<Limit> All { get; } =
    [
        TokenPerSecond, OrgPerSecond, RefusalMilliseconds, RefusalsWaiting, UnknownTokensPerMinute, FailedSignInsPerMinute, Principals, InWork, OrgInWork, Connections, LineBytes, HeaderBytes, HeaderFields, HeaderSeconds,
        KeepAliveSeconds, BodySeconds, BodyBytesPerSecond, SignInBytes, ReadOnlyReasonCharacters, OrgKeys, OrgMebibytes, OrgSubscriptions, OrgWritesPerDay,
    ];
}
