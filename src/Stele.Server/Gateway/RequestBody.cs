using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Net.Http.Headers;
using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Server.Gateway;

/// <summary>All bytes of a request's body, in a pooled buffer: bodies are read whole, because all their problems are answered at once. It is zeroed afterwards, for a body may hold a secret.</summary>
internal sealed class RequestBody : IDisposable
{
    const int FirstBytes = 4 << 10;

    readonly SecretBuffer buffer;

    RequestBody(int expected)
    {
        buffer = new SecretBuffer(expected);
        buffer.Resize(0);
    }

    /// <summary>How much is read of a body that is refused; past it the connection is cut.</summary>
    public static long ReadBytesMax => 2 * SteleLimits.ChangeSetBytes.Value;

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Bytes => buffer.Span;

    /// <summary>Reads it. Faults: unsupported_media_type, too_large.</summary>
    public static ValueTask<Outcome<RequestBody>> Read(HttpContext context) => Read(context, SteleLimits.ChangeSetBytes);

    /// <summary>As the other, up to a limit of its own.</summary>
    public static ValueTask<Outcome<RequestBody>> Read(HttpContext context, Limit most, bool orYaml = false) => IsJson(context.Request.ContentType) || (orYaml && IsYaml(context.Request.ContentType)) ? ReadAny(context, most)
        : new(new Fault(FaultCode.UnsupportedMediaType, "A body is JSON: send Content-Type: application/json.",
            [Problem.Header("Content-Type", "content_type", "The content type is application/json, in UTF-8.")]));

    /// <summary>Reads it, whatever it calls itself. Faults: too_large.</summary>
    public static async ValueTask<Outcome<RequestBody>> ReadAny(HttpContext context, Limit most)
    {
        var request = context.Request;
        if (request.ContentLength > 2 * most.Value) return TooLarge(most);
        // a length is only a claim: what is rented for it is bounded, and grows with what comes
        var body = new RequestBody((int)Math.Min(request.ContentLength ?? FirstBytes, 1 << 20));
        var dropped = 0L;
        BodyDeadline? deadline = null;
        try
        {
            while (true)
            {
                // most bodies are there when they are asked for, and need no timer
                if (!request.BodyReader.TryRead(out var read))
                {
                    deadline ??= new BodyDeadline(request.BodyReader, Caller.Of(context).BodyTime);
                    read = await request.BodyReader.ReadAsync(context.RequestAborted);
                }
                if (read.IsCanceled)
                {
                    request.BodyReader.AdvanceTo(read.Buffer.End);
                    body.Dispose();
                    return TooSlow;
                }
                // what is past the limit is read and dropped: most clients read no answer before they have sent everything
                if (dropped > 0 || !body.Append(read.Buffer, most.Value)) dropped += read.Buffer.Length;
                request.BodyReader.AdvanceTo(read.Buffer.End);
                if (!read.IsCompleted && dropped <= most.Value) continue;
                if (dropped == 0) return body;
                body.Dispose();
                return TooLarge(most);
            }
        }
        catch (Exception e)
        {
            body.Dispose();
            // chunks of a size that is none: to the web server a fault of its transport, and no request of anybody
            if (e is IOException and not BadHttpRequestException && !context.RequestAborted.IsCancellationRequested) return Fault.Invalid(Problem.Body("", "http.request", e.Message));
            throw;
        }
        finally
        {
            deadline?.Dispose();
        }
    }

    /// <summary>
    /// When a body has to be there whole. It ends the read that waits instead of cancelling it: the web server takes a read that was cancelled for one that goes on, and says in
    /// its log that it could not pass over the rest.
    /// </summary>
    sealed class BodyDeadline : IDisposable
    {
        readonly CancellationTokenSource after;
        readonly CancellationTokenRegistration cut;

        public BodyDeadline(PipeReader reader, TimeSpan time)
        {
            after = new CancellationTokenSource(time);
            cut = after.Token.UnsafeRegister(static waiting => ((PipeReader)waiting!).CancelPendingRead(), reader);
        }

        // ends once nothing can be cut any more: the connection's next request is not this one's
        public void Dispose()
        {
            cut.Dispose();
            after.Dispose();
        }
    }

    // a request is work while its body comes: one that never ends would keep its place
    public static Fault TooSlow { get; } = Fault.Invalid(Problem.Body("", TrafficLimits.BodySeconds.Name, $"The body was not complete after {TrafficLimits.BodySeconds.Value} seconds."));

    /// <summary>The refusal of a body that is past the limit.</summary>
    public static Fault TooLarge(Limit most) => new(FaultCode.TooLarge, $"A body has at most {most.Value} bytes here (limit {most.Name}).",
        [Problem.Body("", most == SteleLimits.ChangeSetBytes ? "body.bytes" : most.Name, $"A body has at most {most.Value} bytes here.")]);

    /// <inheritdoc/>
    public void Dispose() => buffer.Dispose();

    bool Append(ReadOnlySequence<byte> more, long most)
    {
        var length = buffer.Length;
        if (length + more.Length > most) return false;
        buffer.Resize(length + (int)more.Length);
        more.CopyTo(buffer.Span[length..]);
        return true;
    }

    /// <summary>Whether a content type is YAML (RFC 9512), or one of the names that were used before it.</summary>
    public static bool IsYaml(string? contentType) => MediaTypeHeaderValue.TryParse(contentType, out var parsed)
        && parsed.MediaType.Value?.ToLowerInvariant() is "application/yaml" or "application/x-yaml" or "text/yaml" or "text/x-yaml";

    static bool IsJson(string? contentType)
    {
        if (contentType is "application/json" or "application/json; charset=utf-8") return true;
        return MediaTypeHeaderValue.TryParse(contentType, out var parsed)
            && parsed.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && (!parsed.Charset.HasValue || parsed.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase) || parsed.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase));
    }
}
