using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>--watch</c>: the same again whenever it changes, until Ctrl-C.</summary>
internal sealed class WatchOption
{
    static readonly TimeSpan Every = TimeSpan.FromSeconds(2);
    readonly Option<bool> option = new("--watch", "-w") { Description = "Print it again whenever it changes, until Ctrl-C" };

    internal void AddTo(Command command) => command.Add(option);

    /// <summary>False after saying that the past does not change.</summary>
    internal bool Check(Call call, bool isPast)
    {
        if (!isPast || !call.Parsed.GetValue(option)) return true;
        call.Usage("--watch is for what is now: the past does not change.");
        return false;
    }

    /// <summary>Does it, and again after each change of a kind that fits.</summary>
    /// <param name="call">The call.</param>
    /// <param name="kind"><c>config</c>, <c>flag</c> or <c>secret</c>.</param>
    /// <param name="prefix">How names begin; null: all.</param>
    /// <param name="isIt">Whether a change is one of what was printed.</param>
    /// <param name="once">Prints it; gives the exit code, and the revision that it was of.</param>
    internal async Task<int> Run(Call call, string kind, string? prefix, Func<WatchedChange, bool> isIt, Func<Task<(int Code, long Revision)>> once)
    {
        var (code, revision) = await once();
        if (code != ExitCode.Done || !call.Parsed.GetValue(option)) return code;
        var request = new WatchRequest { Environment = call.Environment, Kinds = [kind], Prefixes = string.IsNullOrEmpty(prefix) ? [] : [prefix], FromRevision = revision };
        await foreach (var said in call.Client.WatchAsync(request, call.Cancellation))
            if (said.Revision > revision && (said.Kind == WatchEventKind.Reset || said.Changes.Any(isIt))) (code, revision) = await once();
        return code;
    }

    /// <summary>The same of what sends no changes: it is asked for every two seconds, and printed when it is not as it was.</summary>
    internal async Task<int> Poll(Call call, Func<Task<int>> once)
    {
        if (!call.Parsed.GetValue(option)) return await once();
        var (code, shown) = await call.Aside(once);
        call.Surroundings.Out.Write(shown);
        using var timer = new PeriodicTimer(Every, call.Surroundings.Clock);
        while (code == ExitCode.Done && await timer.WaitForNextTickAsync(call.Cancellation))
        {
            (code, var now) = await call.Aside(once);
            if (now == shown) continue;
            if (!call.Json) call.Line("");
            call.Surroundings.Out.Write(shown = now);
        }
        return code;
    }
}

/// <summary>Listings that people leave open.</summary>
internal static class WatchedCommands
{
    /// <summary>Gives a verb its action, and <c>--watch</c>, by which it is done again and again.</summary>
    internal static Command Polls(this Command command, Surroundings surroundings, GlobalOptions options, Func<Call, Task<int>> action)
    {
        var watch = new WatchOption();
        watch.AddTo(command);
        return command.Does(surroundings, options, call => watch.Poll(call, () => action(call)));
    }
}
