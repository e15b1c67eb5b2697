namespace Stele.Core.Faults;

/// <summary>
/// The closed list of reasons for which Stele refuses. Each transport maps it once, in a switch that a test proves
/// complete. HTTP statuses in the comments are those of design section 6.
/// </summary>
public enum FaultCode
{
    /// <summary>400: the request breaks a rule; <see cref="Fault.Problems"/> names each.</summary>
    Invalid,
    /// <summary>401: no credential, or one that is not known.</summary>
    Unauthenticated,
    /// <summary>403: known, and not allowed.</summary>
    Forbidden,
    /// <summary>403: a quota of the organization is used up.</summary>
    QuotaExceeded,
    /// <summary>404.</summary>
    NotFound,
    /// <summary>405.</summary>
    MethodNotAllowed,
    /// <summary>409: an <c>expected_*</c> member is stale.</summary>
    Conflict,
    /// <summary>409: the idempotency key was used for another request.</summary>
    IdempotencyConflict,
    /// <summary>410: below the floor of an archive.</summary>
    Gone,
    /// <summary>412: <c>If-Match</c> does not match.</summary>
    PreconditionFailed,
    /// <summary>413.</summary>
    TooLarge,
    /// <summary>415.</summary>
    UnsupportedMediaType,
    /// <summary>422: the value breaks the key's JSON Schema.</summary>
    SchemaViolation,
    /// <summary>429, with Retry-After.</summary>
    RateLimited,
    /// <summary>500: a bug; the answer carries only the request id.</summary>
    Internal,
    /// <summary>500: stored bytes fail their check.</summary>
    Integrity,
    /// <summary>503, with Retry-After: nothing was written.</summary>
    Unavailable,
    /// <summary>503: it may or may not have been written; the same idempotency key settles it.</summary>
    OutcomeUnknown,
}

/// <summary>Where in a request a problem lies.</summary>
public enum ProblemPlace
{
    /// <summary>In the body, at a JSON pointer.</summary>
    Body,
    /// <summary>In a query parameter.</summary>
    Query,
    /// <summary>In the path.</summary>
    Path,
    /// <summary>In a header.</summary>
    Header,
}

/// <summary>One broken rule of one field.</summary>
/// <param name="Place">Which part of the request.</param>
/// <param name="Name">For the body a JSON pointer (RFC 6901, <c>""</c> is the whole body), else the parameter's name.</param>
/// <param name="Rule">The rule's stable name, such as <c>key.length</c>.</param>
/// <param name="Message">A sentence for people, which gives the bound and what was found.</param>
public sealed record Problem(ProblemPlace Place, string Name, string Rule, string Message)
{
    /// <summary>A problem of the body at a JSON pointer.</summary>
    public static Problem Body(string pointer, string rule, string message) => new(ProblemPlace.Body, pointer, rule, message);

    /// <summary>A problem of a query parameter.</summary>
    public static Problem Query(string name, string rule, string message) => new(ProblemPlace.Query, name, rule, message);

    /// <summary>A problem of a part of the path.</summary>
    public static Problem Path(string name, string rule, string message) => new(ProblemPlace.Path, name, rule, message);

    /// <summary>A problem of a header.</summary>
    public static Problem Header(string name, string rule, string message) => new(ProblemPlace.Header, name, rule, message);
}

/// <summary>An expected refusal. A value, not an exception.</summary>
/// <param name="Code">Which of the closed list.</param>
/// <param name="Detail">One sentence for people: what, and what to do.</param>
/// <param name="Problems">Every broken rule, when the code has any.</param>
/// <param name="RetryAfterSeconds">For 429 and 503: when to try again.</param>
public sealed record Fault(FaultCode Code, string Detail, IReadOnlyList<Problem> Problems, int? RetryAfterSeconds = null)
{
    /// <summary>A fault without field problems.</summary>
    public Fault(FaultCode code, string detail) : this(code, detail, []) { }

    /// <summary>The request breaks rules, all of them listed.</summary>
    public static Fault Invalid(IReadOnlyList<Problem> problems) =>
        new(FaultCode.Invalid, problems.Count == 1 ? problems[0].Message : $"{problems.Count} rules are broken; errors lists them.", problems);

    /// <summary>The request breaks one rule.</summary>
    public static Fault Invalid(Problem problem) => Invalid([problem]);

    /// <summary>With <see cref="FaultCode.Gone"/>: the first revision of which the journal still answers; null when it is gone for another reason.</summary>
    public long? Floor { get; init; }

    /// <summary>What was asked for lies below the floor that an archive set: revisions from the floor on are answered.</summary>
    /// <param name="revision">What was asked for.</param>
    /// <param name="floor">The floor.</param>
    /// <param name="blamed">Which part of the request named it; rule and message are filled in.</param>
    public static Fault BelowFloor(long revision, long floor, Problem blamed)
    {
        var message = $"Revision {revision} is archived. The journal answers from revision {floor} on.";
        return new Fault(FaultCode.Gone, message, [blamed with { Rule = "revision.gone", Message = message }]) { Floor = floor };
    }

    /// <summary>Nothing was written; try again.</summary>
    public static Fault Unavailable(string detail, int retryAfterSeconds = 1) => new(FaultCode.Unavailable, detail, [], retryAfterSeconds);
}
