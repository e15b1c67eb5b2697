using System.CommandLine;
using System.CommandLine.Completions;
using Stele.Cli.Contexts;
using Stele.Client;

namespace Stele.Cli;

/// <summary>What a shell may offer besides words: the keys, flags and environments that there are. A server that is away, or slow, offers nothing.</summary>
internal static class Completions
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    const int Most = 200;

    internal static void AddTo(Command command, Surroundings surroundings, GlobalOptions options)
    {
        foreach (var argument in command.Arguments)
            if (Source(command, argument) is { } source) argument.CompletionSources.Add(context => Ask(context, surroundings, options, source));
        foreach (var option in command.Options.Where(option => option == options.Environment)) option.CompletionSources.Add(context => Ask(context, surroundings, options, Environments));
        foreach (var option in command.Options.Where(option => option.Name == "--prefix")) option.CompletionSources.Add(context => Ask(context, surroundings, options, Keys));
        foreach (var below in command.Subcommands) AddTo(below, surroundings, options);
    }

    /// <summary>Where the names are of which an argument is one; null: it is none of a list.</summary>
    internal static Func<SteleClient, string?, string, Task<IEnumerable<string>>>? Source(Command command, Argument argument)
    {
        bool IsOf(string parent) => command.Parents.Any(above => above.Name == parent);
        return argument.Name switch
        {
            "KEY" or "prefix" => Keys,
            "PREFIX" => IsOf("flag") ? Flags : Keys,
            "PATH" when IsOf("secret") => Secrets,
            "NAME" when IsOf("flag") => Flags,
            "FROM" or "TO" => Environments,
            "NAME" when IsOf("environments") => Environments,
            _ => null,
        };
    }

    static IEnumerable<CompletionItem> Ask(CompletionContext context, Surroundings surroundings, GlobalOptions options, Func<SteleClient, string?, string, Task<IEnumerable<string>>> names)
    {
        try
        {
            if (Connection.Of(surroundings, context.ParseResult, options, out _) is not { } connection) return [];
            using var client = connection.Client(surroundings, 1, Patience);
            return [.. names(client, context.ParseResult.GetValue(options.Environment) ?? connection.Environment, context.WordToComplete).GetAwaiter().GetResult().Select(name => new CompletionItem(name))];
        }
        catch (Exception e) when (e is SteleException or IOException or OperationCanceledException)
        {
            // somebody presses a key: nothing that goes wrong here is worth a word
            return [];
        }
    }

    static async Task<IEnumerable<string>> Keys(SteleClient client, string? environment, string word) =>
        (await client.ListConfigAsync(new ConfigList { Environment = environment, Prefix = word, KeysOnly = true, Limit = Most }, CancellationToken.None)).Items.Select(item => item.Key);

    static async Task<IEnumerable<string>> Flags(SteleClient client, string? environment, string word) =>
        (await client.ListFlagsAsync(new FlagList { Environment = environment, Prefix = word, Limit = Most }, CancellationToken.None)).Items.Select(item => item.Name);

    static async Task<IEnumerable<string>> Secrets(SteleClient client, string? environment, string word) =>
        (await client.ListSecretsAsync(new SecretList { Environment = environment, Prefix = word, Limit = Most }, CancellationToken.None)).Items.Select(item => item.Path);

    internal static async Task<IEnumerable<string>> Environments(SteleClient client, string? environment, string word) => (await client.ListEnvironmentsAsync(CancellationToken.None)).Items.Select(item => item.Name);
}
