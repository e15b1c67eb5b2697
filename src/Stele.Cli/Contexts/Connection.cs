using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Contexts;

/// <summary>
/// Where a call goes, as whom. What is given with the call wins over the process's environment, that over the context in use. A token goes
/// only to the address that it was given with: that of a context to its server, the one of this machine's own server to this machine.
/// </summary>
internal sealed record Connection(Uri Url, string? Token, string? Organization, string? Environment)
{
    /// <summary>A user's, in place of a token.</summary>
    internal SteleSession? Session { get; init; }

    const string DefaultUrl = "http://127.0.0.1:7300";

    /// <summary>The connection, or null and what is wrong.</summary>
    internal static Connection? Of(Surroundings surroundings, ParseResult parsed, GlobalOptions options, out string? problem)
    {
        var (named, url) = (parsed.GetValue(options.Context) ?? Given(surroundings, "STELE_CONTEXT"), parsed.GetValue(options.Url) ?? Given(surroundings, "STELE_URL"));
        var file = ContextFile.Read(surroundings);
        var context = (named ?? file.Current) is { } name ? file.Contexts.GetValueOrDefault(name) : null;
        if (named is not null && context is null)
        {
            problem = $"there is no context {named}. stele context list shows them.";
            return null;
        }
        var isOfContext = context?.Url is not null && (named is not null || url is null);
        var text = isOfContext ? context!.Url! : url ?? DefaultUrl;
        problem = Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" ? null : $"STELE_URL is \"{text}\", and should be like {DefaultUrl}";
        if (problem is not null) return null;
        var session = isOfContext && context!.Token is null ? context.Session : null;
        var token = session is not null ? null : isOfContext ? context!.Token ?? Given(surroundings, "STELE_TOKEN") : Given(surroundings, "STELE_TOKEN") ?? (address!.IsLoopback ? Given(surroundings, "STELE_LOCAL_TOKEN") : null);
        return new Connection(address!, token, parsed.GetValue(options.Organization) ?? Either(surroundings, "STELE_ORG", context?.Organization, named is not null), Either(surroundings, "STELE_ENV", context?.Environment, named is not null)) { Session = session };
    }

    internal SteleClient Client(Surroundings surroundings, int attempts, TimeSpan patience)
    {
        var options = new SteleClientOptions { Url = Url, Token = Token, Session = Session, Organization = Organization, Clock = surroundings.Clock, Attempts = attempts, AttemptTimeout = patience };
        return surroundings.Handler is { } handler ? new SteleClient(options, handler) : new SteleClient(options);
    }

    static string? Either(Surroundings surroundings, string variable, string? ofContext, bool contextFirst) =>
        contextFirst ? ofContext ?? Given(surroundings, variable) : Given(surroundings, variable) ?? ofContext;

    static string? Given(Surroundings surroundings, string variable) => surroundings.Variable(variable) is { Length: > 0 } value ? value : null;
}
