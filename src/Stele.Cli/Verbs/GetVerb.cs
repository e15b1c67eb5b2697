using System.CommandLine;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele get KEY</c>: the bare value on standard output, and nothing else.</summary>
internal static class GetVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var key = new Argument<string>("KEY");
        var past = new PastOptions();
        var version = new Option<long?>("--version") { Description = "This version of the key", HelpName = "N" };
        var consistency = new Option<string?>("--consistency") { Description = "strong (default) or local: what this node has, even when the database is away" };
        consistency.AcceptOnlyFromAmong("strong", "local");
        var staleness = new Option<int?>("--max-staleness") { Description = "With local: refuse what was confirmed longer ago", HelpName = "SECONDS" };
        var command = new Command("get", "Print a value") { key, version, consistency, staleness };
        past.AddTo(command);
        var watch = new WatchOption();
        watch.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (call.Key(key) is not { } name || !past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            var read = new ConfigRead
            {
                Environment = call.Environment,
                Version = call.Parsed.GetValue(version),
                Revision = revision,
                At = at,
                Consistency = call.Parsed.GetValue(consistency),
                StalenessMax = call.Parsed.GetValue(staleness) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            };
            if (!watch.Check(call, read.Version is not null || at is not null || revision is not null)) return ExitCode.Usage;
            return await watch.Run(call, "config", name, change => change.Key == name, () => Print(call, name, read));
        });
    }

    static async Task<(int Code, long Revision)> Print(Call call, string name, ConfigRead read)
    {
        var item = await call.Client.GetConfigAsync(name, read, call.Cancellation);
        if (call.Json) return (call.Print(item, SteleJson.Default.ConfigItem), item.Revision);
        if (item.Redacted)
        {
            // nothing on standard output: whoever reads it would take it for the value
            call.Surroundings.Error.WriteLine($"stele: version {item.Version} of {name} was redacted: its value is gone for good.");
            return (ExitCode.NotFound, item.Revision);
        }
        call.Line(JsonText.Bare(item.Value));
        return (ExitCode.Done, item.Revision);
    }
}
