using System.CommandLine;

namespace Stele.Cli;

/// <summary>Options of every verb.</summary>
internal sealed class GlobalOptions
{
    internal Option<bool> Json { get; } = new("--json") { Description = "Print the whole answer as JSON", Recursive = true };

    internal Option<string?> Environment { get; } = new("--env", "-e") { Description = "The environment (STELE_ENV; else the token's or the org's default)", HelpName = "NAME", Recursive = true };

    internal Option<string?> Organization { get; } = new("--org") { Description = "The organization, for root tokens (STELE_ORG)", HelpName = "NAME", Recursive = true };

    internal Option<string?> Url { get; } = new("--url") { Description = "The server (STELE_URL; else http://127.0.0.1:7300)", HelpName = "URL", Recursive = true };

    internal Option<bool> Yaml { get; } = new("--yaml") { Description = "Print the whole answer as YAML", Recursive = true };

    internal Option<string?> Context { get; } = new("--context") { Description = "A server by its name (STELE_CONTEXT; else the one in use: stele context)", HelpName = "NAME", Recursive = true };

    internal IEnumerable<Option> All => [Json, Yaml, Environment, Organization, Url, Context];
}
