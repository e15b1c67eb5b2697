using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using Stele.Core.Faults;

namespace Stele.Server.Gateway;

/// <summary>A fault as HTTP says it: <c>application/problem+json</c> (RFC 9457), design section 6.</summary>
internal static class HttpProblems
{
    const string ContentType = "application/problem+json";

    /// <summary>The status and the name of a code.</summary>
    public static (int Status, string Code) Of(FaultCode code) => code switch
    {
        FaultCode.Invalid => (400, "invalid"),
        FaultCode.Unauthenticated => (401, "unauthenticated"),
        FaultCode.Forbidden => (403, "forbidden"),
        FaultCode.QuotaExceeded => (403, "quota_exceeded"),
        FaultCode.NotFound => (404, "not_found"),
        FaultCode.MethodNotAllowed => (405, "method_not_allowed"),
        FaultCode.Conflict => (409, "conflict"),
        FaultCode.IdempotencyConflict => (409, "idempotency_conflict"),
        FaultCode.Gone => (410, "gone"),
        FaultCode.PreconditionFailed => (412, "precondition_failed"),
        FaultCode.TooLarge => (413, "too_large"),
        FaultCode.UnsupportedMediaType => (415, "unsupported_media_type"),
        FaultCode.SchemaViolation => (422, "schema_violation"),
        FaultCode.RateLimited => (429, "rate_limited"),
        FaultCode.Internal => (500, "internal"),
        FaultCode.Integrity => (500, "integrity"),
        FaultCode.Unavailable => (503, "unavailable"),
        FaultCode.OutcomeUnknown => (503, "outcome_unknown"),
        _ => throw new ArgumentOutOfRangeException(nameof(code), code, "a fault code without a status"),
    };

    /// <summary>Answers with a fault.</summary>
    public static Task Write(HttpContext context, Fault fault)
    {
        if (OfrepProblems.IsOfrep(context.Request)) return OfrepProblems.Write(context, fault);
        var response = context.Response;
        var (status, code) = Of(fault.Code);
        var caller = Caller.Of(context);
        caller.Refusal = fault;
        response.StatusCode = status;
        response.ContentType = ContentType;
        if (fault.RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (fault.Code == FaultCode.Unauthenticated) response.Headers.WWWAuthenticate = "Bearer";
        var json = new JsonText();
        json.Raw("{\"type\":\"urn:stele:fault:"u8).Ascii(code)
            .Raw("\",\"title\":"u8).Text(ReasonPhrases.GetReasonPhrase(status))
            .Raw(",\"status\":"u8).Number(status)
            .Raw(",\"detail\":"u8).Text(Sound(fault.Detail))
            .Raw(",\"code\":\""u8).Ascii(code)
            .Raw("\",\"request_id\":"u8).Text(caller.RequestIdText);
        if (fault.Floor is { } floor) json.Raw(",\"floor\":"u8).Number(floor);
        if (fault.Problems.Count > 0) Errors(json, fault.Problems);
        json.Raw("}"u8);
        return Answer.Body(context, json);
    }

    static void Errors(JsonText json, IReadOnlyList<Problem> problems)
    {
        json.Raw(",\"errors\":["u8);
        foreach (var (index, problem) in problems.Index())
        {
            if (index > 0) json.Raw(","u8);
            if (problem.Place == ProblemPlace.Body) json.Raw("{\"pointer\":"u8);
            else json.Raw("{\"in\":\""u8).Ascii(PlaceOf(problem.Place)).Raw("\",\"name\":"u8);
            json.Text(Sound(problem.Name))
                .Raw(",\"rule\":"u8).Text(problem.Rule)
                .Raw(",\"message\":"u8).Text(Sound(problem.Message)).Raw("}"u8);
        }
        json.Raw("]"u8);
    }

    static string PlaceOf(ProblemPlace place) => place switch
    {
        ProblemPlace.Query => "query",
        ProblemPlace.Path => "path",
        ProblemPlace.Header => "header",
        _ => throw new ArgumentOutOfRangeException(nameof(place), place, "a place without a name"),
    };

    /// <summary>Text that JSON can hold: messages may quote what a client sent.</summary>
    public static string Sound(string text)
    {
        for (var i = 0; i < text.Length; i++)
            if (text[i] == '\0' || char.IsSurrogate(text[i]))
                return string.Concat(text.EnumerateRunes().Select(rune => rune.Value == 0 ? "\uFFFD" : rune.ToString()));
        return text;
    }
}
