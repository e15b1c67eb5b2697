using System.Text.Json;
using Stele.Core.Faults;
using Stele.Fuzz.Running;
using Stele.Server.Gateway;

namespace Stele.Fuzz.Wire;

/// <summary>What a refusal must be: a problem with a code that there is, or what OFREP says in its place.</summary>
internal static class HttpRefusal
{
    static readonly HashSet<string> codes = [.. Enum.GetValues<FaultCode>().Select(code => HttpProblems.Of(code).Code)];

    /// <summary>Throws if it is none.</summary>
    public static void Check(HttpWireAnswer answer)
    {
        // what is no HTTP is answered by the web server itself, and without a word
        if (answer.Body.Length == 0 && answer.Closes) return;
        try
        {
            using var json = JsonDocument.Parse(answer.Body);
            if (answer.ContentType == "application/problem+json")
                FuzzFinding.Unless(codes.Contains(json.RootElement.GetProperty("code").GetString()!) && json.RootElement.GetProperty("status").GetInt32() == answer.Status && json.RootElement.GetProperty("detail").GetString()!.Length > 0, () => $"a problem that is none: {answer.Text}");
            else
                FuzzFinding.Unless(answer.ContentType == "application/json" && json.RootElement.TryGetProperty("errorCode", out _), () => $"{answer.Status} with {answer.ContentType}: {answer.Text}");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FuzzFinding($"{answer.Status} with {answer.ContentType} that is no problem: {answer.Text}");
        }
    }
}
