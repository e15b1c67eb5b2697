using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Stele.Cli.Contexts;
using Stele.Cli.Export;
using Stele.Cli.Values;
using Stele.Client;
using Stele.Core.Configs;

namespace Stele.Cli;

/// <summary>One run of one verb: what was asked, the client, and how to say things.</summary>
internal sealed class Call(Surroundings surroundings, ParseResult parsed, GlobalOptions options, Connection connection, SteleClient client, CancellationToken cancellation)
{
    StringWriter? aside;

    static readonly JsonWriterOptions Indented = new() { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = JsonText.DepthMax };

    internal Surroundings Surroundings => surroundings;

    internal ParseResult Parsed => parsed;

    internal SteleClient Client => client;

    internal CancellationToken Cancellation => cancellation;

    internal Connection Connection => connection;

    /// <summary>Whether the answer is for a machine: as JSON, or as YAML.</summary>
    internal bool Json => parsed.GetValue(options.Json) || Yaml;

    internal bool Yaml => parsed.GetValue(options.Yaml);

    /// <summary>--env, else STELE_ENV; null leaves it to the server.</summary>
    internal string? Environment => parsed.GetValue(options.Environment) ?? connection.Environment;

    /// <summary>--env and nothing else: where the environment is a filter, and not where to do something.</summary>
    internal string? EnvironmentFilter => parsed.GetValue(options.Environment);

    internal Ink Ink => new(surroundings.Colours && !Json);

    internal void Line(string text) => (aside ?? surroundings.Out).WriteLine(text);

    /// <summary>What something would print.</summary>
    internal async Task<(int Code, string Printed)> Aside(Func<Task<int>> print)
    {
        aside = new StringWriter { NewLine = surroundings.Out.NewLine };
        try
        {
            return (await print(), aside.ToString());
        }
        finally
        {
            aside = null;
        }
    }

    /// <summary>To people, beside the answer.</summary>
    internal void Note(string text) => surroundings.Error.WriteLine(text);

    internal int Usage(string text)
    {
        Note($"stele: {text}");
        return ExitCode.Usage;
    }

    /// <summary>An answer as JSON, with whatever members the server gave it.</summary>
    internal int Print<T>(T answer, JsonTypeInfo<T> type)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Indented)) JsonSerializer.Serialize(writer, answer, type);
        var text = System.Text.Encoding.UTF8.GetString(buffer.ToArray());
        Line(Yaml ? YamlTree.Of(JsonText.Parse(text)!.Value) : text);
        return ExitCode.Done;
    }

    /// <summary>Rows under headings, for people.</summary>
    internal int Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        foreach (var line in Ink.Table(headings, rows)) Line(line);
        return ExitCode.Done;
    }

    /// <summary>The key that an argument gives, or null after saying what is wrong with it.</summary>
    internal string? Key(Argument<string> argument) => Key(parsed.GetRequiredValue(argument));

    /// <summary>The same for a text.</summary>
    internal string? Key(string text)
    {
        if (ConfigKey.TryParse(text, out _, out _, out var message)) return text;
        Note($"stele: {JsonText.Quote(text)} is not a key. {message}");
        return null;
    }

    /// <summary>The same, and only where the environment is protected: there what is gone is missed.</summary>
    internal async Task<int?> ConfirmIfProtected(string question, bool yes)
    {
        if (yes) return null;
        var all = (await client.ListEnvironmentsAsync(cancellation)).Items;
        var here = all.FirstOrDefault(item => Environment is { } name ? item.Name == name : item.Default);
        return here is { Protected: true } ? await Confirm($"{here.Name} is protected. {question}", yes: false) : null;
    }

    /// <summary>Null to go on; else the exit code: nobody can be asked, or he said no.</summary>
    internal async Task<int?> Confirm(string question, bool yes)
    {
        if (yes) return null;
        if (!surroundings.CanAsk) return Usage("nobody is here to be asked: --yes says yes beforehand.");
        await surroundings.Error.WriteAsync($"{question} [y/N] ");
        await surroundings.Error.FlushAsync(cancellation);
        using var reader = new StreamReader(surroundings.In(), leaveOpen: true);
        var answer = await reader.ReadLineAsync(cancellation);
        if (answer?.Trim().ToLowerInvariant() is "y" or "yes") return null;
        Note("Nothing was changed.");
        return ExitCode.Refused;
    }
}
