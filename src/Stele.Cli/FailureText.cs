using System.Text;
using Stele.Client;

namespace Stele.Cli;

/// <summary>A failure in words: what happened, where, and what to do next.</summary>
internal static class FailureText
{
    internal static string Of(SteleException failure)
    {
        var text = new StringBuilder("stele: ").Append(failure.Detail);
        if (failure.Status > 0) text.Append(" (").Append(failure.Code).Append(')');
        if (failure.Errors.Count > 1 || (failure.Errors.Count == 1 && failure.Errors[0].Message != failure.Detail))
            foreach (var error in failure.Errors) text.Append("\n  ").Append(Place(error)).Append(": ").Append(error.Message).Append(" (").Append(error.Rule).Append(')');
        if (Next(failure) is { } next) text.Append("\n  ").Append(next);
        if (failure is { RequestId: { } id, Code: "internal" or "integrity" or "outcome_unknown" }) text.Append("\n  The server's log has it under request ").Append(id).Append('.');
        return text.ToString();
    }

    static string Place(SteleProblem problem) => problem.Pointer is { } pointer ? (pointer.Length == 0 ? "the body" : pointer) : $"{problem.In} {problem.Name}";

    static string? Next(SteleException failure) => failure.Code switch
    {
        SteleException.Unreachable => "Is it running? Start one with: ./stele up. Another place: STELE_URL.",
        SteleException.TimedOut => "Try again; if it stays so, look at: stele status.",
        SteleException.BadAnswer => "Is STELE_URL the address of a Stele server?",
        "unauthenticated" => "Set STELE_TOKEN; the first one is in .stele/root-token, where ./stele up was started. A session ends by itself: stele login --email EMAIL begins another.",
        "forbidden" => "The token may not do this: use another one in STELE_TOKEN.",
        "conflict" when failure.Errors.Any(error => error.Rule?.StartsWith("expected", StringComparison.Ordinal) == true) => "It has changed since it was read. Look with: stele history KEY, and do it again; --force writes in any case.",
        "unavailable" => "Try again; stele status says how the node is.",
        "gone" when failure.Floor is not null => "An operator can put it back: ./stele archive --restore.",
        "outcome_unknown" => "It may or may not have been written: look with stele history KEY before doing it again.",
        "rate_limited" => "Too many requests: wait a little.",
        "invalid" when failure.Errors.Any(error => error.Rule?.StartsWith("value_type", StringComparison.Ordinal) == true) => "To keep the value text: --string. To change the key's type on purpose: --type TYPE.",
        "not_found" when failure.Errors.Any(error => error.Rule?.StartsWith("environment", StringComparison.Ordinal) == true) => "stele environments lists them; stele environments create NAME makes one.",
        _ => null,
    };
}
