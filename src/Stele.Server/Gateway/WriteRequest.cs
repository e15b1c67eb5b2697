using System.Security.Cryptography;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Server.Journal;

namespace Stele.Server.Gateway;

/// <summary>What every write carries besides its own fields: caller, parameters, idempotency key, body; and the list that collects what is wrong with any of it.</summary>
internal sealed class WriteRequest : IDisposable
{
    RequestBody? body;

    WriteRequest(Caller caller, RequestParameters parameters, List<Problem> problems) => (Caller, Parameters, Problems) = (caller, parameters, problems);

    public Caller Caller { get; }

    public RequestParameters Parameters { get; }

    /// <summary>Every broken rule so far.</summary>
    public List<Problem> Problems { get; }

    /// <summary>The key under which a retry finds the outcome, or null. Who writes what must not be guessed from its fingerprint puts another one here.</summary>
    public Idempotency? Idempotency { get; set; }

    /// <summary>The body; empty for a DELETE.</summary>
    public ReadOnlySpan<byte> Body => body is null ? default : body.Bytes;

    /// <summary>Reads a write that has a body. Faults: those of <see cref="RequestBody.Read"/>.</summary>
    public static ValueTask<Outcome<WriteRequest>> Read(HttpContext context, Parameter allowed) => Read(context, allowed, SteleLimits.ChangeSetBytes);

    /// <summary>As the other, with a limit of its own for the body, which may be YAML where that is read.</summary>
    public static async ValueTask<Outcome<WriteRequest>> Read(HttpContext context, Parameter allowed, Limit most, bool orYaml = false)
    {
        if (!(await RequestBody.Read(context, most, orYaml)).TryGet(out var body, out var fault)) return fault;
        var request = WithoutBody(context, allowed, body);
        return request;
    }

    /// <summary>Reads a write that has none.</summary>
    public static WriteRequest WithoutBody(HttpContext context, Parameter allowed) => WithoutBody(context, allowed, null);

    /// <summary>The fault of the problems, or null when there are none. What only breaks limits of size is too_large.</summary>
    public Fault? Refused
    {
        get
        {
            if (Problems.Count == 0) return null;
            var fault = Fault.Invalid(Problems);
            return Problems.TrueForAll(problem => problem.Rule is "value.bytes" or "secret.bytes" or "schema.bytes" or "changes.count") ? fault with { Code = FaultCode.TooLarge } : fault;
        }
    }

    /// <summary>The fault of a write without a body, whose conditions are in the query.</summary>
    public static Fault InQuery(Fault fault) => fault with
    {
        Problems = [.. fault.Problems.Select(problem => problem is { Place: ProblemPlace.Body, Name: "/expected_version" or "/change_log" }
            ? Problem.Query(problem.Name[1..], problem.Rule, problem.Message)
            : problem)],
    };

    /// <inheritdoc/>
    public void Dispose() => body?.Dispose();

    static WriteRequest WithoutBody(HttpContext context, Parameter allowed, RequestBody? body)
    {
        List<Problem>? problems = null;
        var parameters = RequestParameters.Parse(context.Request, allowed, ref problems);
        var request = new WriteRequest(Caller.Of(context), parameters, problems ?? []) { body = body };
        request.Caller.MayHaveWritten = true;
        if (context.Request.Headers.TryGetValue("Idempotency-Key", out var key)) request.TakeKey(context.Request, key.ToString());
        return request;
    }

    void TakeKey(HttpRequest request, string key)
    {
        if (key.Length == 0 || key.Length > SteleLimits.IdempotencyKeyCharacters.Value)
            Problems.Add(Problem.Header("Idempotency-Key", "idempotency_key.length", $"An idempotency key has 1 to {SteleLimits.IdempotencyKeyCharacters.Value} characters; this one has {key.Length}."));
        else if (key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            Problems.Add(Problem.Header("Idempotency-Key", "idempotency_key.characters", "An idempotency key holds visible ASCII characters only."));
        else
            Idempotency = new Idempotency(key, Fingerprint(request));
    }

    byte[] Fingerprint(HttpRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.Method}\n{request.Path.Value}\n{request.QueryString.Value}\n"));
        hash.AppendData(Body);
        return hash.GetHashAndReset();
    }
}
