using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele flag</c>: one flag at a time; whole sets are <see cref="FlagFileVerb"/>.</summary>
internal static class FlagVerb
{
    const int DefinitionCharacters = 60;

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var command = new Command("flag", "Feature flags: define, switch, list, move between environments")
        {
            Get(surroundings, options), Set(surroundings, options), List(surroundings, options), Delete(surroundings, options), History(surroundings, options), Rollback(surroundings, options),
            Archive(surroundings, options), Kill(surroundings, options),
        };
        foreach (var verb in FlagFileVerb.All(surroundings, options).Concat(FlagAskVerb.All(surroundings, options))) command.Add(verb);
        return command;
    }

    static Argument<string> Name() => new("NAME") { Description = "A flag's name; or $evaluators/NAME for a shared rule, $metadata, $kill_switch" };

    static Command Get(Surroundings surroundings, GlobalOptions options)
    {
        var (name, past) = (Name(), new PastOptions());
        var version = new Option<long?>("--version") { Description = "A version of it", HelpName = "N" };
        var command = new Command("get", "Print a flag's definition, now or as it was") { name, version };
        past.AddTo(command);
        var watch = new WatchOption();
        watch.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            var (flag, read) = (call.Parsed.GetRequiredValue(name), new ConfigRead { Environment = call.Environment, Version = call.Parsed.GetValue(version), Revision = revision, At = at });
            if (!watch.Check(call, read.Version is not null || at is not null || revision is not null)) return ExitCode.Usage;
            return await watch.Run(call, "flag", flag, change => change.Key == flag, async () =>
            {
                var item = await call.Client.GetFlagAsync(flag, read, call.Cancellation);
                return (call.Json ? call.Print(item, SteleJson.Default.FlagItem) : call.Print(Given(item), SteleJson.Default.JsonElement), item.Revision);
            });
        });
    }

    static Command Set(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var definition = new Argument<string?>("DEFINITION") { Arity = ArgumentArity.ZeroOrOne, Description = "flagd's flag object, or the short form, as JSON" };
        var file = new Option<string?>("--file", "-f") { Description = "Take the definition from a file; - is standard input", HelpName = "FILE" };
        var percentage = new Option<int?>("--percentage", "-p") { Description = "The short form: on for so many of a hundred", HelpName = "N" };
        var users = new Option<string[]>("--user", "-u") { Description = "The short form: on for these targeting keys", HelpName = "KEY" };
        var (on, off) = (new Option<bool>("--on") { Description = "The short form: on" }, new Option<bool>("--off") { Description = "The short form: off" });
        var dry = new Option<bool>("--dry-run") { Description = "Say what it would move, and write nothing" };
        var expect = new Option<long?>("--expect-version") { Description = "Write only if it is at this version; 0: only if it does not exist", HelpName = "N" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        return new Command("set", "Define a flag") { name, definition, file, percentage, users, on, off, dry, expect, message }.Does(surroundings, options, async call =>
        {
            var (given, path) = (call.Parsed.GetValue(definition), call.Parsed.GetValue(file));
            var isShort = call.Parsed.GetValue(on) || call.Parsed.GetValue(off) || call.Parsed.GetValue(percentage) is not null || call.Parsed.GetValue(users) is { Length: > 0 };
            if ((given is null ? 0 : 1) + (path is null ? 0 : 1) + (isShort ? 1 : 0) != 1) return call.Usage("flag set takes DEFINITION, --file, or the short form by --on, --off, --percentage and --user: one of them.");
            if (call.Parsed.GetValue(on) && call.Parsed.GetValue(off)) return call.Usage("--on and --off contradict each other.");
            if ((isShort ? Short(!call.Parsed.GetValue(off), call.Parsed.GetValue(percentage), call.Parsed.GetValue(users) ?? []) : given ?? await SetVerb.ReadFile(call, path!)) is not { } text) return ExitCode.Usage;
            if (JsonText.Parse(text) is not { } json) return call.Usage("the definition is not JSON.");
            return await Write(call, call.Parsed.GetRequiredValue(name), new FlagWrite { Definition = json, ChangeLog = call.Parsed.GetValue(message), ExpectedVersion = call.Parsed.GetValue(expect) }, call.Parsed.GetValue(dry));
        });
    }

    static Command List(Surroundings surroundings, GlobalOptions options)
    {
        var prefix = new Argument<string?>("PREFIX") { Arity = ArgumentArity.ZeroOrOne, Description = "How names begin; $ lists shared rules, metadata and kill switch" };
        var archived = new Option<bool>("--archived") { Description = "Those that are archived" };
        var stale = new Option<int?>("--stale") { Description = "Those that gave one variant to everybody, or were evaluated by nobody, for so many days", HelpName = "DAYS" };
        var past = new PastOptions();
        var command = new Command("list", "List flags") { prefix, archived, stale };
        past.AddTo(command);
        var watch = new WatchOption();
        watch.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            var list = new FlagList
            {
                Environment = call.Environment, Prefix = call.Parsed.GetValue(prefix), Archived = call.Parsed.GetValue(archived), StaleDays = call.Parsed.GetValue(stale), Limit = ListVerb.PageItems, At = at, Revision = revision,
            };
            if (!watch.Check(call, at is not null || revision is not null)) return ExitCode.Usage;
            return await watch.Run(call, "flag", list.Prefix, static _ => true, () => Print(call, list));
        });
    }

    static async Task<(int Code, long Revision)> Print(Call call, FlagList list)
    {
        var page = await call.Client.ListFlagsAsync(list, call.Cancellation);
        var items = page.Items.ToList();
        for (; page.NextCursor is not null; items.AddRange(page.Items)) page = await call.Client.ListFlagsAsync(list with { Cursor = page.NextCursor }, call.Cancellation);
        if (call.Json) return (call.Print(new FlagPage { Items = items, Revision = page.Revision }, SteleJson.Default.FlagPage), page.Revision);
        foreach (var line in call.Ink.Table(["NAME", "VERSION", "WHEN", "LAST EVALUATED", "STATE", "DEFINITION"], items.Select(Row))) call.Line(line);
        return (ExitCode.Done, page.Revision);
    }

    static Command Delete(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var expect = new Option<long?>("--expect-version") { Description = "Delete only at this version", HelpName = "N" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask, in a protected environment either" };
        return new Command("delete", "Delete a flag; its history stays") { name, expect, message, yes }.Does(surroundings, options, async call =>
        {
            if (await call.ConfirmIfProtected($"Delete the flag {call.Parsed.GetRequiredValue(name)}?", call.Parsed.GetValue(yes)) is { } no) return no;
            var item = await call.Client.DeleteFlagAsync(call.Parsed.GetRequiredValue(name), call.Environment, call.Parsed.GetValue(expect), call.Parsed.GetValue(message), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.FlagItem);
            call.Line($"{item.Name} deleted {Place(call, item)}");
            return ExitCode.Done;
        });
    }

    static Command History(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var watch = new WatchOption();
        var command = new Command("history", "Show the versions of a flag, newest first") { name };
        watch.AddTo(command);
        return command.Does(surroundings, options, call =>
        {
            var flag = call.Parsed.GetRequiredValue(name);
            return watch.Run(call, "flag", flag, change => change.Key == flag, async () =>
            {
                var items = new List<FlagVersion>();
                for (string? cursor = null; ;)
                {
                    var page = await call.Client.GetFlagHistoryAsync(flag, call.Environment, ListVerb.PageItems, cursor, call.Cancellation);
                    items.AddRange(page.Items);
                    if ((cursor = page.NextCursor) is null) break;
                }
                var revision = items.Select(item => item.Revision).DefaultIfEmpty().Max();
                if (call.Json) return (call.Print(new FlagHistory { Items = items }, SteleJson.Default.FlagHistory), revision);
                foreach (var line in call.Ink.Table(["VERSION", "REVISION", "WHEN", "BY", "DEFINITION", "WHY"], items.Select(Row))) call.Line(line);
                return (ExitCode.Done, revision);
            });
        });
    }

    static Command Rollback(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var version = new Argument<long>("VERSION");
        var dry = new Option<bool>("--dry-run") { Description = "Say what it would move, and write nothing" };
        var message = new Option<string?>("--message", "-m") { Description = "Why: kept in the history", HelpName = "TEXT" };
        return new Command("rollback", "Write an old definition as a new version") { name, version, dry, message }.Does(surroundings, options, async call =>
        {
            var rollback = new ConfigRollback { Version = call.Parsed.GetRequiredValue(version), ChangeLog = call.Parsed.GetValue(message) };
            return Written(call, await call.Client.RollbackFlagAsync(call.Parsed.GetRequiredValue(name), call.Environment, rollback, call.Parsed.GetValue(dry), call.Cancellation));
        });
    }

    static Command Archive(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var undo = new Option<bool>("--undo") { Description = "Bring it back" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask, in a protected environment either" };
        return new Command("archive", "Put a flag away: kept, and not evaluated") { name, undo, yes }.Does(surroundings, options, async call =>
        {
            var (flag, back) = (call.Parsed.GetRequiredValue(name), call.Parsed.GetValue(undo));
            return !back && await call.ConfirmIfProtected($"Put the flag {flag} away, so that it answers nobody?", call.Parsed.GetValue(yes)) is { } no ? no : await Write(call, flag, new FlagWrite { Archived = !back }, dryRun: false);
        });
    }

    static Command Kill(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "All flags of the environment" };
        var undo = new Option<bool>("--undo") { Description = "Turn the kill switch off again" };
        return new Command("kill", "Turn a kill switch on: the flag answers as if it were disabled") { name, all, undo }.Does(surroundings, options, call =>
        {
            var on = !call.Parsed.GetValue(undo);
            if (call.Parsed.GetValue(name) is null != call.Parsed.GetValue(all)) return Task.FromResult(call.Usage("flag kill takes NAME or --all, one of them."));
            return call.Parsed.GetValue(name) is { } one ? Write(call, one, new FlagWrite { Killed = on }, dryRun: false)
                : Write(call, "$kill_switch", new FlagWrite { Definition = JsonText.Parse(on ? "true" : "false") }, dryRun: false);
        });
    }

    static async Task<int> Write(Call call, string name, FlagWrite set, bool dryRun) => Written(call, await call.Client.SetFlagAsync(name, call.Environment, set, dryRun, call.Cancellation));

    static int Written(Call call, FlagItem item)
    {
        if (call.Json) return call.Print(item, SteleJson.Default.FlagItem);
        call.Line($"{item.Name}{(item.DryRun ? " would be" : "")} {State(item)} {Place(call, item)}");
        call.Line(Moved(item.Moved, item.MovedReason));
        return ExitCode.Done;
    }

    internal static string Moved(double? moved, string? reason) => moved is { } share ? string.Create(CultureInfo.InvariantCulture, $"  moves {share * 100:0.######} % of the bucket space") : $"  moves: not known exactly. {reason}";

    static string Place(Call call, FlagItem item) => call.Ink.Faint($"({item.Environment}, version {item.Version}, revision {item.Revision})");

    static string State(FlagItem item) => item.Archived ? "archived" : item.Killed ? "killed" : item.Use?.Status is "stale" ? $"stale: {item.Use.Reason}" : "set";

    static string Short(bool enabled, int? percentage, string[] users) => $"{{\"enabled\":{(enabled ? "true" : "false")}"
        + (percentage is { } share ? string.Create(CultureInfo.InvariantCulture, $",\"percentage\":{share}") : "")
        + (users.Length > 0 ? $",\"target_users\":[{string.Join(',', users.Select(JsonText.Quote))}]" : "") + "}";

    static JsonElement Given(FlagItem item) => item.Short.ValueKind == JsonValueKind.Undefined ? item.Definition : item.Short;

    static IReadOnlyList<string> Row(FlagItem item) =>
        [item.Name, item.Version.ToString(CultureInfo.InvariantCulture), Ink.Time(item.UpdatedAt), item.LastEvaluatedAt is { } last ? Ink.Time(last) : "", State(item) is "set" ? "" : State(item), Ink.Cut(Ink.Show(Given(item)), DefinitionCharacters)];

    static IReadOnlyList<string> Row(FlagVersion item) =>
    [
        item.Version.ToString(CultureInfo.InvariantCulture), item.Revision.ToString(CultureInfo.InvariantCulture), Ink.Time(item.UpdatedAt), item.UpdatedBy ?? "",
        item.Deleted ? "(deleted)" : $"{(item.Archived ? "(archived) " : item.Killed ? "(killed) " : "")}{Ink.Cut(Ink.Show(item.Definition), DefinitionCharacters)}", item.ChangeLog ?? "",
    ];
}
