using System.CommandLine;
using System.ComponentModel;
using Stele.Cli.Running;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele run -- COMMAND</c>: a command with an environment's values in its environment variables. Nothing is written to disk.</summary>
internal static class RunVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var words = new Argument<string[]>("COMMAND") { Arity = ArgumentArity.OneOrMore, Description = "After --: the command and its arguments" };
        var prefix = new Option<string[]>("--prefix") { Description = "Only keys that begin with this; may be repeated", HelpName = "PREFIX" };
        var secrets = new Option<string[]>("--secrets") { Description = "Secrets too, whose paths begin with this (\"\": all); may be repeated", HelpName = "PREFIX" };
        var strip = new Option<bool>("--strip") { Description = "Leave the prefix out of the names" };
        var restart = new Option<bool>("--restart") { Description = "Start the command again when a value changes" };
        var signal = new Option<string?>("--signal") { Description = $"Send the command a signal when a value changes: {Signals.Names}", HelpName = "SIGNAL" };
        var patience = new Option<int>("--stop-seconds") { Description = "How long a command that is told to stop may take, before it is killed", DefaultValueFactory = _ => 10 };
        return new Command("run", "Run a command with values as environment variables") { words, prefix, secrets, strip, restart, signal, patience }.Does(surroundings, options, async call =>
        {
            var name = call.Parsed.GetValue(signal);
            if (name is not null && Signals.Parse(name) is null) return call.Usage($"{name} is no signal: {Signals.Names}, or a number.");
            if (name is not null && call.Parsed.GetValue(restart)) return call.Usage("--restart and --signal are two answers to one question: give one.");
            var wish = new RunWish(call.Parsed.GetRequiredValue(words), call.Parsed.GetValue(prefix) ?? [], call.Parsed.GetValue(secrets) ?? [], call.Parsed.GetValue(strip), call.Parsed.GetValue(restart), name is null ? null : Signals.Parse(name), TimeSpan.FromSeconds(Math.Max(0, call.Parsed.GetValue(patience))));
            return await new RunSession(call, wish).Run();
        });
    }
}

/// <summary>What a run was asked to do.</summary>
internal sealed record RunWish(IReadOnlyList<string> Words, IReadOnlyList<string> Prefixes, IReadOnlyList<string> Secrets, bool Strips, bool Restarts, int? Signal, TimeSpan Patience);

/// <summary>One run: the command, and whoever watches for it.</summary>
internal sealed class RunSession(Call call, RunWish wish)
{
    ChildProcess? child;
    bool told;

    internal async Task<int> Run()
    {
        using var signals = Signals.Forward(number =>
        {
            told |= number is 2 or 3 or 15;
            child?.Signal(number);
        }, call.Surroundings.CanAsk);
        await call.Client.FollowAsync(new FollowOptions
        {
            Environment = call.Environment, Prefixes = wish.Prefixes, SecretPrefixes = wish.Secrets, AtStart = SteleStart.Fail, LastKnown = null, StartTimeout = TimeSpan.FromSeconds(5), Notice = notice =>
            {
                if (notice.Level == SteleNoticeLevel.Warning) call.Note($"stele: {notice.Text}");
            },
        }, call.Cancellation);
        try
        {
            return await Keep();
        }
        catch (Win32Exception e)
        {
            call.Note($"stele: {wish.Words[0]} cannot be started: {e.Message}");
            return ChildProcess.Code(e);
        }
        finally
        {
            await call.Client.DisposeAsync();
        }
    }

    // null: what is wrong has been said
    Dictionary<string, string>? Variables(IEnumerable<SteleValue> values)
    {
        var problems = new List<string>();
        var variables = EnvironmentVariables.Of(values, [.. wish.Prefixes, .. wish.Secrets], wish.Strips, problems);
        foreach (var problem in problems) call.Note($"stele: {problem}.");
        return problems.Count == 0 ? variables : null;
    }

    async Task<int> Keep()
    {
        using var over = new CancellationTokenSource();
        await using var changes = call.Client.WatchAllAsync(over.Token).GetAsyncEnumerator(over.Token);
        await changes.MoveNextAsync();
        if (Variables(changes.Current) is not { } variables) return ExitCode.Usage;
        child = ChildProcess.Start(wish.Words, variables);
        var next = changes.MoveNextAsync().AsTask();
        try
        {
            for (var ended = child.Ended(); ;)
            {
                if (await Task.WhenAny(ended, next) == ended) return await ended;
                await next;
                var now = changes.Current;
                next = changes.MoveNextAsync().AsTask();
                if (told || (!wish.Restarts && wish.Signal is null) || Variables(now) is not { } after || Same(variables, after)) continue;
                variables = after;
                ended = await Changed(variables) ?? ended;
            }
        }
        finally
        {
            child.Dispose();
            await over.CancelAsync();
            try
            {
                await next;
            }
            catch (OperationCanceledException)
            {
                // nobody waits for changes any more
            }
        }
    }

    // the end of another process, or null: it is the same
    async Task<Task<int>?> Changed(Dictionary<string, string> variables)
    {
        if (wish.Signal is { } signal)
        {
            child!.Signal(signal);
            return null;
        }
        call.Note("stele: a value has changed, and the command is started again.");
        await child!.Stop(wish.Patience, call.Surroundings.Clock);
        child.Dispose();
        child = ChildProcess.Start(wish.Words, variables);
        return child.Ended();
    }

    static bool Same(Dictionary<string, string> a, Dictionary<string, string> b) => a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var other) && other == pair.Value);
}
