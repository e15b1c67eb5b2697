using System.CommandLine;
using Stele.Cli.Running;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele agent</c>: keeps files as templates say, until it is told to stop.</summary>
internal static class AgentVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var file = new Option<string>("--file", "-f") { Description = "What to keep: a YAML file with templates", HelpName = "FILE", Required = true };
        var prefix = new Option<string[]>("--prefix") { Description = "Only keys that begin with this; may be repeated", HelpName = "PREFIX" };
        var once = new Option<bool>("--once") { Description = "Render once, and end: with 1 when a template fails" };
        var check = new Option<bool>("--check") { Description = "Read the file and the templates, ask no server, and say what is wrong" };
        return new Command("agent", "Keep files as templates say") { file, prefix, once, check }.Does(surroundings, options, async call =>
        {
            var problems = new List<string>();
            var templates = AgentFile.Read(call.Parsed.GetRequiredValue(file), problems);
            foreach (var problem in problems) call.Note($"stele: {problem}");
            if (problems.Count > 0) return ExitCode.Usage;
            if (call.Parsed.GetValue(check))
            {
                call.Line($"{templates.Count} templates can be read");
                return ExitCode.Done;
            }
            return await Run(call, new AgentSession(call, templates), call.Parsed.GetValue(prefix) ?? [], [.. templates.SelectMany(template => template.Template.Secrets).Distinct(StringComparer.Ordinal)], call.Parsed.GetValue(once));
        });
    }

    static async Task<int> Run(Call call, AgentSession session, IReadOnlyList<string> prefixes, IReadOnlyList<string> secrets, bool once)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(call.Cancellation);
        using var signals = Signals.Forward(number =>
        {
            if (number is 2 or 3 or Signals.Term) stop.Cancel();
        }, atTerminal: false);
        try
        {
            // files outlive a server that is away, and so does the agent: it begins when one answers
            await call.Client.FollowAsync(new FollowOptions
            {
                Environment = call.Environment, Prefixes = prefixes, SecretPrefixes = secrets, SecretsExactly = true, AtStart = once ? SteleStart.Fail : SteleStart.Anyhow, LastKnown = null, StartTimeout = TimeSpan.FromSeconds(3), Notice = notice => call.Note($"stele: {notice.Text}"),
            }, stop.Token);
            if (once) return await session.Render([.. call.Client.Values.All.Values, .. call.Client.Secrets.All.Values]) ? ExitCode.Done : ExitCode.Refused;
            await foreach (var values in call.Client.WatchAllAsync(stop.Token))
                if (call.Client.Values.Status.Age is not null && (secrets.Count == 0 || call.Client.Secrets.Status.Age is not null)) await session.Render(values);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // told to stop, which is how it ends
        }
        finally
        {
            await call.Client.DisposeAsync();
        }
        return ExitCode.Done;
    }
}
