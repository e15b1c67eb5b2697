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

    /// <summary>The same of what sends no changes: every two seconds.</summary>
    internal async Task<int> Poll(Call call, Func<Task<int>> once)
    {
        var code = await once();
        if (!call.Parsed.GetValue(option)) return code;
        using var timer = new PeriodicTimer(Every, call.Surroundings.Clock);
        while (await timer.WaitForNextTickAsync(call.Cancellation))
        {
            if (!call.Json) call.Line("");
            code = await once();
        }
        return code;
    }
}
