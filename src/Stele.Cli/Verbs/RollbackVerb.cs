using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>
/// <c>stele rollback KEY --version N</c> writes an old value of one key again; <c>stele rollback --revision R</c> puts
/// an environment back, or what lies under a prefix. Both are new versions: nothing is undone, and both can be rolled back.
/// </summary>
internal static class RollbackVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var key = new Argument<string?>("KEY") { Arity = ArgumentArity.ZeroOrOne, Description = "One key, with --version" };
        var version = new Option<long?>("--version") { Description = "The version of KEY whose value comes back", HelpName = "N" };
        var revision = new Option<long?>("--revision") { Description = "The revision to go back to, without KEY", HelpName = "R" };
        var prefix = new Option<string?>("--prefix") { Description = "With --revision: only keys that begin with this", HelpName = "PREFIX" };
        var write = new WriteOptions();
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var command = new Command("rollback", "Put an old value, or an old state, back as a new version") { key, version, revision, prefix, yes };
        write.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            var (name, to, back) = (call.Parsed.GetValue(key), call.Parsed.GetValue(version), call.Parsed.GetValue(revision));
            if (name is not null && to is not null && back is null && call.Parsed.GetValue(prefix) is null)
                return call.Key(name) is { } one && write.Check(call) ? await One(call, write, one, to.Value) : ExitCode.Usage;
            if (name is null && to is null && back is not null && !write.IsConditional(call))
                return await All(call, new Rollback { Revision = back.Value, Prefix = call.Parsed.GetValue(prefix), ChangeLog = call.Parsed.GetValue(write.Message) }, call.Parsed.GetValue(yes));
            return call.Usage("rollback KEY --version N, or rollback --revision R [--prefix PREFIX]; --force and --expect-version go with KEY.");
        });
    }

    static async Task<int> One(Call call, WriteOptions write, string key, long version)
    {
        var rollback = new ConfigRollback { Version = version, ChangeLog = call.Parsed.GetValue(write.Message), ExpectedVersion = await write.ExpectedVersion(call, key) };
        var item = await call.Client.RollbackConfigAsync(key, call.Environment, rollback, call.Cancellation);
        if (call.Json) return call.Print(item, SteleJson.Default.ConfigItem);
        call.Line($"{item.Key} = {Ink.Show(item.Value)} {call.Ink.Faint($"({item.Environment}, as in version {version}; now version {item.Version}, revision {item.Revision})")}");
        return ExitCode.Done;
    }

    static async Task<int> All(Call call, Rollback rollback, bool yes)
    {
        var what = $"{(rollback.Prefix is null ? "everything" : $"what begins with {rollback.Prefix}")} in {call.Environment ?? "the default environment"}";
        if (await call.Confirm($"Put {what} back as it was at revision {rollback.Revision}?", yes) is { } no) return no;
        var result = await call.Client.RollbackAsync(call.Environment, rollback, call.Cancellation);
        if (call.Json) return call.Print(result, SteleJson.Default.ChangeSetResult);
        var count = result.Results?.Count;
        call.Line(count == 0 ? $"Nothing differs from revision {rollback.Revision}." : $"{count} values are as at revision {rollback.Revision} {call.Ink.Faint($"(now revision {result.Revision})")}");
        return ExitCode.Done;
    }
}
