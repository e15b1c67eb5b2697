using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele delete KEY</c>: a version like any other; history and rollback still know what was there.</summary>
internal static class DeleteVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var key = new Argument<string>("KEY");
        var write = new WriteOptions();
        var command = new Command("delete", "Delete a value; its history stays") { key };
        write.AddTo(command);
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask, not in a protected environment either" };
        command.Add(yes);
        return command.Does(surroundings, options, async call =>
        {
            if (call.Key(key) is not { } name || !write.Check(call)) return ExitCode.Usage;
            if (await call.ConfirmIfProtected($"Delete {name}?", call.Parsed.GetValue(yes)) is { } no) return no;
            if (call.Parsed.GetValue(write.Message) is { } message) return await DeleteSaying(call, write, name, message);
            var expected = await write.ExpectedVersion(call, name);
            // Nothing to expect: the deletion itself says that there is nothing.
            var deleted = await call.Client.DeleteConfigAsync(name, call.Environment, expected == 0 ? null : expected, call.Cancellation);
            if (call.Json) return call.Print(deleted, SteleJson.Default.ConfigDeleted);
            call.Line($"{name} deleted {call.Ink.Faint($"(version {deleted.Version}, revision {deleted.Revision})")}");
            return ExitCode.Done;
        });
    }

    /// <summary>A DELETE has no body to say why in, so a deletion with a message is a change set of one.</summary>
    static async Task<int> DeleteSaying(Call call, WriteOptions write, string key, string message)
    {
        var expected = await write.ExpectedVersion(call, key);
        var change = new Change { Op = "delete", Key = key, ExpectedVersion = expected == 0 ? null : expected };
        var result = await call.Client.ApplyChangesAsync(call.Environment, new ChangeSet { Changes = [change], ChangeLog = message }, call.Cancellation);
        if (call.Json) return call.Print(result, SteleJson.Default.ChangeSetResult);
        call.Line($"{key} deleted {call.Ink.Faint($"(version {(result.Results is [var one, ..] ? one.Version : expected + 1)}, revision {result.Revision})")}");
        return ExitCode.Done;
    }
}
