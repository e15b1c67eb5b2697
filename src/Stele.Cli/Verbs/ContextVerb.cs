using System.CommandLine;
using Stele.Cli.Contexts;

namespace Stele.Cli.Verbs;

/// <summary><c>stele context</c>: servers by name; what is shown them comes by <see cref="SessionVerb"/>.</summary>
internal static class ContextVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        var use = new Command("use", "Have every call from now on go there") { name };
        use.SetAction(parsed => With(surroundings, parsed.GetRequiredValue(name), (file, context, word) =>
        {
            file.With(word, context, current: true).Write(surroundings);
            surroundings.Out.WriteLine($"{word} is in use: {context.Url}");
        }));
        var gone = new Argument<string>("NAME");
        var remove = new Command("remove", "Forget one, with its token") { gone };
        remove.SetAction(parsed => With(surroundings, parsed.GetRequiredValue(gone), (file, _, word) => file.Without(word).Write(surroundings)));
        var list = new Command("list", "List them");
        list.SetAction(_ => List(surroundings));
        var command = new Command("context", "Servers by name: list, set, use, remove") { list, Set(surroundings, options), use, remove };
        command.SetAction(_ => List(surroundings));
        return command;
    }

    static Command Set(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        var set = new Command("set", "Give one its --url, --env and --org; stele login gives it a token") { name };
        set.SetAction(parsed =>
        {
            var (file, word) = (ContextFile.Read(surroundings), parsed.GetRequiredValue(name));
            var before = file.Contexts.GetValueOrDefault(word) ?? new SteleContext();
            var url = parsed.GetValue(options.Url);
            // a token is for the server that it was given for
            var after = before with { Url = url ?? before.Url, Token = url is null || url == before.Url ? before.Token : null, Session = url is null || url == before.Url ? before.Session : null, Environment = parsed.GetValue(options.Environment) ?? before.Environment, Organization = parsed.GetValue(options.Organization) ?? before.Organization };
            if (after.Url is null)
            {
                surroundings.Error.WriteLine("stele: a context needs --url.");
                return ExitCode.Usage;
            }
            file.With(word, after, current: false).Write(surroundings);
            return ExitCode.Done;
        });
        return set;
    }

    static int With(Surroundings surroundings, string name, Action<ContextFile, SteleContext, string> act)
    {
        var file = ContextFile.Read(surroundings);
        if (file.Contexts.GetValueOrDefault(name) is { } context)
        {
            act(file, context, name);
            return ExitCode.Done;
        }
        surroundings.Error.WriteLine($"stele: there is no context {name}.{(file.Contexts.Keys.OrderBy(word => Suggestions.Edits(word, name)).FirstOrDefault() is { } near ? $" Did you mean {near}?" : " stele login makes one.")}");
        return ExitCode.NotFound;
    }

    static int List(Surroundings surroundings)
    {
        var file = ContextFile.Read(surroundings);
        var rows = file.Contexts.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => (IReadOnlyList<string>)[pair.Key == file.Current ? "*" : "", pair.Key, pair.Value.Url ?? "", pair.Value.Organization ?? "", pair.Value.Environment ?? "", pair.Value.Token is not null ? "yes" : pair.Value.Session is not null ? "session" : "no"]);
        foreach (var line in new Ink(surroundings.Colours).Table(["", "NAME", "URL", "ORG", "ENV", "TOKEN"], rows)) surroundings.Out.WriteLine(line);
        return ExitCode.Done;
    }
}
