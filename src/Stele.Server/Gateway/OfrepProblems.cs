using System.Globalization;
using Stele.Core.Faults;
using Stele.Core.Flags;

namespace Stele.Server.Gateway;

/// <summary>
/// A refusal as OFREP says it (protocol 0.3, openapi.yaml): <c>{"key","errorCode","errorDetails"}</c>, the key where the path has one. Everything
/// below /ofrep/ answers so, whoever refuses: the gate, the limits, the router or an endpoint.
/// </summary>
internal static class OfrepProblems
{
    /// <summary>Where the protocol's paths begin.</summary>
    public const string Root = "/ofrep/";

    /// <summary>The path of a bulk evaluation.</summary>
    public const string BulkPath = "/ofrep/v1/evaluate/flags";

    /// <summary>The path of a single evaluation, before the key.</summary>
    public const string KeyPath = BulkPath + "/";

    /// <summary>Whether a request is one of the protocol's.</summary>
    public static bool IsOfrep(HttpRequest request) => request.Path.Value is { } path && path.StartsWith(Root, StringComparison.Ordinal);

    /// <summary>The token in the header that the protocol has beside Authorization, or null. Its paths alone take it.</summary>
    public static string? ApiKeyOf(HttpRequest request) => IsOfrep(request) && request.Headers.TryGetValue("X-API-Key", out var key) && key is [{ Length: > 0 } text] ? text.Trim() : null;

    /// <summary>The flag's key as the path has it, escaped slashes and others; null: it names none.</summary>
    public static string? KeyOf(HttpContext context)
    {
        // Kestrel leaves %2F in a path and decodes all else, so that it must not be decoded again: only the target as it came is unambiguous
        if (context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()?.RawTarget is { } target && target.StartsWith(KeyPath, StringComparison.Ordinal))
        {
            var end = target.IndexOf('?');
            var key = target.AsSpan(KeyPath.Length..(end < 0 ? target.Length : end));
            return key.IsEmpty ? null : key.Contains('%') ? Uri.UnescapeDataString(key) : key.ToString();
        }
        return (string?)context.Request.RouteValues["key"];
    }

    /// <summary>Answers with a fault.</summary>
    public static Task Write(HttpContext context, Fault fault)
    {
        var response = context.Response;
        if (fault.RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (fault.Code == FaultCode.Unauthenticated) response.Headers.WWWAuthenticate = "Bearer";
        var key = KeyOf(context);
        var (status, code) = Of(fault, key is not null, context.Request.Path.Value == BulkPath);
        var details = fault.Problems is { Count: > 1 } problems ? string.Join(' ', problems.Select(problem => problem.Message)) : fault.Detail;
        return Write(context, fault, status, code, details);
    }

    /// <summary>Answers with an error of the protocol.</summary>
    public static Task Write(HttpContext context, FlagErrorCode code, string details)
    {
        var status = code == FlagErrorCode.FlagNotFound ? StatusCodes.Status404NotFound : StatusCodes.Status400BadRequest;
        // what gRPC says has no other place for the code
        return Write(context, new Fault(code == FlagErrorCode.FlagNotFound ? FaultCode.NotFound : FaultCode.Invalid, $"{code.Name()}: {details}"), status, code, details);
    }

    static Task Write(HttpContext context, Fault fault, int status, FlagErrorCode code, string details)
    {
        Caller.Of(context).Refusal = fault;
        context.Response.StatusCode = status;
        context.Response.ContentType = Answer.Json;
        var json = new JsonText().Raw("{"u8);
        if (KeyOf(context) is { } key) json.Raw("\"key\":"u8).Text(HttpProblems.Sound(key)).Raw(","u8);
        json.Raw("\"errorCode\":\""u8).Ascii(code.Name()).Raw("\",\"errorDetails\":"u8).Text(HttpProblems.Sound(details)).Raw("}"u8);
        return Answer.Body(context, json);
    }

    // the protocol's statuses are few: what is wrong with the request is 400, also where Stele has a finer one
    static (int Status, FlagErrorCode Code) Of(Fault fault, bool hasKey, bool isBulk) => fault.Code switch
    {
        FaultCode.NotFound when hasKey => (404, FlagErrorCode.FlagNotFound),
        // an environment that is not there
        FaultCode.NotFound when isBulk => (400, FlagErrorCode.General),
        FaultCode.TooLarge => (400, FlagErrorCode.InvalidContext),
        _ => (HttpProblems.Of(fault.Code).Status, FlagErrorCode.General),
    };
}
