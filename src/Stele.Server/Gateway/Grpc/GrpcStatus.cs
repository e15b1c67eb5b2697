using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using Stele.Core.Faults;
using Stele.Proto.Rpc;

namespace Stele.Server.Gateway.Grpc;

/// <summary>How a call ends.</summary>
/// <param name="Code">The status code.</param>
/// <param name="Message">One sentence for people; empty when all is well.</param>
/// <param name="Fault">The fault that it is, or null for a breach of the protocol, which no fault is.</param>
internal sealed record GrpcStatus(GrpcCode Code, string Message, Fault? Fault = null)
{
    /// <summary>All is well.</summary>
    public static GrpcStatus Ok { get; } = new(GrpcCode.Ok, "");

    /// <summary>What a fault is in gRPC.</summary>
    public static GrpcStatus Of(Fault fault) => new(CodeOf(fault.Code), fault.Detail, fault);

    /// <summary>
    /// The code of a fault. Three are chosen for what generic clients do with them: they repeat a call that was UNAVAILABLE
    /// by themselves, so only what wrote nothing is that; ABORTED tells a caller to read again and decide anew; and
    /// OUT_OF_RANGE is what etcd, too, answers for a revision that is no longer kept.
    /// </summary>
    public static GrpcCode CodeOf(FaultCode code) => code switch
    {
        FaultCode.Invalid => GrpcCode.InvalidArgument,
        FaultCode.Unauthenticated => GrpcCode.Unauthenticated,
        FaultCode.Forbidden => GrpcCode.PermissionDenied,
        FaultCode.QuotaExceeded => GrpcCode.ResourceExhausted,
        FaultCode.NotFound => GrpcCode.NotFound,
        FaultCode.MethodNotAllowed => GrpcCode.Unimplemented,
        FaultCode.Conflict => GrpcCode.Aborted,
        FaultCode.IdempotencyConflict => GrpcCode.FailedPrecondition,
        FaultCode.Gone => GrpcCode.OutOfRange,
        FaultCode.PreconditionFailed => GrpcCode.FailedPrecondition,
        FaultCode.TooLarge => GrpcCode.ResourceExhausted,
        FaultCode.UnsupportedMediaType => GrpcCode.InvalidArgument,
        FaultCode.SchemaViolation => GrpcCode.InvalidArgument,
        FaultCode.RateLimited => GrpcCode.ResourceExhausted,
        FaultCode.Internal => GrpcCode.Internal,
        FaultCode.Integrity => GrpcCode.DataLoss,
        FaultCode.Unavailable => GrpcCode.Unavailable,
        FaultCode.OutcomeUnknown => GrpcCode.Unknown,
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "a fault code without a gRPC status"),
    };

    /// <summary>
    /// The google.rpc.Status for <c>grpc-status-details-bin</c>, or null when there is nothing to add: ErrorInfo with the
    /// code that HTTP has, RequestInfo, RetryInfo, and BadRequest with one violation a problem. Clients take few kilobytes
    /// of trailers, so what does not fit is left out, and ErrorInfo says how many there are.
    /// </summary>
    public ByteString? Details(MessageDescriptor? request, string requestId)
    {
        if (Fault is null) return null;
        var info = new ErrorInfo { Reason = HttpProblems.Of(Fault.Code).Code, Domain = Domain };
        var status = new Status { Code = (int)Code, Message = Cut(Message) };
        if (Fault.Floor is { } floor) info.Metadata["floor"] = floor.ToString(CultureInfo.InvariantCulture);
        if (Fault.Problems.Count > 0) info.Metadata["problems"] = Fault.Problems.Count.ToString(CultureInfo.InvariantCulture);
        status.Details.Add(Any.Pack(info));
        status.Details.Add(Any.Pack(new RequestInfo { RequestId = requestId }));
        if (Fault.RetryAfterSeconds is { } seconds) status.Details.Add(Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds)) }));
        if (Violations(request, DetailsBytesMax - status.CalculateSize()) is { FieldViolations.Count: > 0 } bad) status.Details.Add(Any.Pack(bad));
        return status.ToByteString();
    }

    /// <summary>The message, short enough for a trailer.</summary>
    public static string Cut(string message) => message.Length <= MessageCharactersMax ? message : string.Concat(message.AsSpan(0, MessageCharactersMax), "…");

    BadRequest Violations(MessageDescriptor? request, int bytes)
    {
        var bad = new BadRequest();
        foreach (var problem in Fault!.Problems)
        {
            var violation = new BadRequest.Types.FieldViolation { Field = FieldOf(problem, request), Description = Cut(Sound(problem.Message)), Reason = problem.Rule };
            bytes -= violation.CalculateSize() + 4;
            if (bytes < 0) break;
            bad.FieldViolations.Add(violation);
        }
        return bad;
    }

    /// <summary>Where a problem lies, as fields are written: <c>changes[1].value_json</c>. Of metadata, its name.</summary>
    static string FieldOf(Problem problem, MessageDescriptor? request)
    {
        if (problem.Place == ProblemPlace.Header) return Sound(problem.Name.ToLowerInvariant());
        if (problem.Place != ProblemPlace.Body) return request is null ? Sound(problem.Name) : GrpcFields.Find(request, problem.Name)?.Name ?? Sound(problem.Name);
        var path = new System.Text.StringBuilder();
        var isList = false;
        foreach (var step in problem.Name.Split('/').Skip(1))
        {
            // a number is an index in a list and inside of a value, and else a field that nobody knows
            if ((isList || (request is null && path.Length > 0)) && int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            {
                path.Append(CultureInfo.InvariantCulture, $"[{index}]");
                isList = false;
                continue;
            }
            var field = request is null ? null : GrpcFields.Find(request, step);
            if (path.Length > 0) path.Append('.');
            path.Append(field?.Name ?? Sound(step));
            isList = field is { IsRepeated: true };
            // inside a value there are no fields
            request = field is { FieldType: FieldType.Message } ? field.MessageType : null;
        }
        return path.ToString();
    }

    // messages may quote what a client sent, which need not be text
    static string Sound(string text) => text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') || text.Contains('\0')
        ? string.Concat(text.EnumerateRunes().Select(rune => rune.Value == 0 ? "\uFFFD" : rune.ToString()))
        : text;

    const string Domain = "stele";
    const int DetailsBytesMax = 4 << 10, MessageCharactersMax = 1_024;
}
