namespace Stele.Client;

/// <summary>
/// Everything that a call can fail with, but for its own cancellation: a refusal of the server (its problem+json, RFC 9457),
/// or no usable answer at all.
/// </summary>
public sealed class SteleException : Exception
{
    /// <summary>The <see cref="Code"/> when no connection could be made or it broke.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>The <see cref="Code"/> when no answer came within the time of an attempt.</summary>
    public const string TimedOut = "timeout";

    /// <summary>The <see cref="Code"/> when what answered does not speak Stele's protocol.</summary>
    public const string BadAnswer = "bad_answer";

    /// <summary>A refusal.</summary>
    public SteleException(string code, int status, string detail, string? requestId, IReadOnlyList<SteleProblem> errors)
        : base(detail) => (Code, Status, Detail, RequestId, Errors) = (code, status, detail, requestId, errors);

    /// <summary>No usable answer.</summary>
    public SteleException(string code, string detail, Exception? cause)
        : base(detail, cause) => (Code, Detail, Errors) = (code, detail, []);

    /// <summary>The server's code, such as <c>not_found</c> or <c>conflict</c>; or one of this type's constants.</summary>
    public string Code { get; }

    /// <summary>The HTTP status; 0 when there was no answer.</summary>
    public int Status { get; }

    /// <summary>A sentence for people.</summary>
    public string Detail { get; }

    /// <summary>The id under which the server logged the request; null when there was no answer.</summary>
    public string? RequestId { get; }

    /// <summary>Every broken rule, when the code has any; never null.</summary>
    public IReadOnlyList<SteleProblem> Errors { get; }

    /// <summary>With the code <c>gone</c>, the first revision that the journal still answers for: what lies before it is archived. Null otherwise.</summary>
    public long? Floor { get; init; }

    /// <summary>How long the server asks to wait; null when it does not.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>One broken rule of one field.</summary>
public sealed record SteleProblem
{
    /// <summary>Where in the body (RFC 6901); null outside bodies.</summary>
    public string? Pointer { get; init; }

    /// <summary><c>query</c>, <c>path</c> or <c>header</c>; null in bodies.</summary>
    public string? In { get; init; }

    /// <summary>The parameter's name; null in bodies.</summary>
    public string? Name { get; init; }

    /// <summary>The rule's stable name, such as <c>key.length</c>.</summary>
    public string? Rule { get; init; }

    /// <summary>A sentence for people.</summary>
    public string? Message { get; init; }
}
