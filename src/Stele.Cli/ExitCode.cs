using Stele.Client;

namespace Stele.Cli;

/// <summary>What the tool's exit code says; the same list is in --help and docs/guides/command-line.md.</summary>
internal static class ExitCode
{
    internal const int Done = 0;

    /// <summary>The server refused, or failed; also <c>diff --exit-code</c> with differences, as diff and git do.</summary>
    internal const int Refused = 1;

    internal const int Usage = 2;

    internal const int NotFound = 3;

    /// <summary>Somebody changed it since it was read.</summary>
    internal const int Conflict = 4;

    /// <summary>Try again later: no server, or one that cannot answer now.</summary>
    internal const int Unavailable = 5;

    /// <summary>Ended by Ctrl-C, as shells count it.</summary>
    internal const int Interrupted = 130;

    internal const string Help =
        """
        Exit codes:
          0  done
          1  refused, or the server failed; diff --exit-code: there are differences
          2  the command line is wrong
          3  not found
          4  conflict: it has changed since it was read
          5  no server, or it cannot answer now: try again

        Environment variables:
          STELE_URL    the server (http://127.0.0.1:7300)
          STELE_TOKEN  the token to show it
          STELE_ENV    the environment, as --env
          STELE_ORG    the organization, as --org (root tokens only)
          STELE_CONTEXT  a server by name, as --context (stele context, stele login)
          NO_COLOR     no colours
        """;

    internal static int Of(SteleException failure) => failure.Code switch
    {
        "not_found" or "gone" => NotFound,
        "conflict" or "precondition_failed" => Conflict,
        "unavailable" or "outcome_unknown" or "rate_limited" or SteleException.Unreachable or SteleException.TimedOut => Unavailable,
        _ => Refused,
    };
}
