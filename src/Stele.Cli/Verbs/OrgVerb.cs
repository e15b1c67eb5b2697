using System.CommandLine;
using Stele.Client;
using Stele.Core.Orgs;

namespace Stele.Cli.Verbs;

/// <summary><c>stele org</c>: lists organizations, with a root token all; creates, shows, renames, archives and unarchives one.</summary>
internal static class OrgVerb
{
    const int PageItems = 1_000;

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var list = List(surroundings, options);
        var command = new Command("org", "List organizations; create, rename or archive them")
        {
            list, Create(surroundings, options), Get(surroundings, options), Rename(surroundings, options),
            Change(surroundings, options, "archive", "Close an organization until it is opened again", "archived", (client, name, why, cancellation) => client.ArchiveOrgAsync(name, why, cancellation)),
            Change(surroundings, options, "unarchive", "Open an archived organization again", "open again", (client, name, why, cancellation) => client.UnarchiveOrgAsync(name, why, cancellation)),
        };
        command.Aliases.Add("orgs");
        return command.Polls(surroundings, options, call => Show(call, archived: false));
    }

    static Command List(Surroundings surroundings, GlobalOptions options)
    {
        var archived = new Option<bool>("--archived") { Description = "Those that are archived" };
        return new Command("list", "List organizations") { archived }.Polls(surroundings, options, call => Show(call, call.Parsed.GetValue(archived)));
    }

    static async Task<int> Show(Call call, bool archived)
    {
        var items = new List<OrgItem>();
        for (var page = await call.Client.ListOrgsAsync(archived, PageItems, null, call.Cancellation); ; page = await call.Client.ListOrgsAsync(archived, PageItems, page.NextCursor, call.Cancellation))
        {
            items.AddRange(page.Items);
            if (page.NextCursor is null) break;
        }
        if (call.Json) return call.Print(new OrgPage { Items = items }, SteleJson.Default.OrgPage);
        return call.Table(["NAME", "SINCE", "ARCHIVED"], items.Select(item => (IReadOnlyList<string>)[item.Name, Ink.Time(item.CreatedAt), Ink.Time(item.ArchivedAt)]));
    }

    static Command Create(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        var environments = new Option<string[]>("--environments") { Description = "Its environments, in order (development, staging, production)", HelpName = "NAMES", AllowMultipleArgumentsPerToken = true };
        return new Command("create", "Create an organization; with a root token") { name, environments }.Does(surroundings, options, async call =>
        {
            var text = call.Parsed.GetRequiredValue(name);
            if (!OrgName.TryParse(text, out _)) return call.Usage(OrgName.Message);
            string[] given = [.. (call.Parsed.GetValue(environments) ?? []).SelectMany(names => names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
            var item = await call.Client.CreateOrgAsync(new NewOrg { Name = text, Environments = given.Length > 0 ? given : null }, call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.OrgItem);
            call.Line($"{item.Name} created {call.Ink.Faint($"({string.Join(", ", item.Environments ?? [])})")}");
            if (item.Token is { } token) call.Line($"token: {token}");
            call.Note(call.Ink.Faint(item.Token is null ? "Its first token was shown to an earlier try; a root token makes another: stele token create." : "This is the only time that its first token is shown. It may do all that an owner may."));
            return ExitCode.Done;
        });
    }

    static Command Get(Surroundings surroundings, GlobalOptions options)
    {
        var name = Name();
        return new Command("get", "Show an organization") { name }.Does(surroundings, options, async call =>
        {
            var item = await call.Client.GetOrgAsync(call.Parsed.GetRequiredValue(name), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.OrgItem);
            call.Line($"{item.Name} {call.Ink.Faint($"(number {item.Id}, since {Ink.Time(item.CreatedAt)}{(item.ArchivedAt is { } at ? $", archived {Ink.Time(at)}" : "")})")}");
            call.Line($"  environments: {string.Join(", ", (item.Environments ?? []).Select(environment => environment == item.DefaultEnvironment ? $"{environment} (default)" : environment))}");
            if (item.FormerNames is { Count: > 0 } former) call.Line($"  formerly: {string.Join(", ", former)}");
            return ExitCode.Done;
        });
    }

    static Command Rename(Surroundings surroundings, GlobalOptions options)
    {
        var (name, other, message) = (Name(), new Argument<string>("NEW"), Message());
        return new Command("rename", "Rename an organization; the old name still leads to it") { name, other, message }.Does(surroundings, options, async call =>
        {
            var text = call.Parsed.GetRequiredValue(other);
            if (!OrgName.TryParse(text, out _)) return call.Usage(OrgName.Message);
            var item = await call.Client.RenameOrgAsync(call.Parsed.GetRequiredValue(name), text, call.Parsed.GetValue(message), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.OrgItem);
            call.Line($"it is {item.Name} now");
            return ExitCode.Done;
        });
    }

    static Command Change(Surroundings surroundings, GlobalOptions options, string word, string description, string done, Func<SteleClient, string, string?, CancellationToken, Task<OrgItem>> change)
    {
        var (name, message) = (Name(), Message());
        return new Command(word, description) { name, message }.Does(surroundings, options, async call =>
        {
            var item = await change(call.Client, call.Parsed.GetRequiredValue(name), call.Parsed.GetValue(message), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.OrgItem);
            call.Line($"{item.Name} is {done}");
            return ExitCode.Done;
        });
    }

    static Argument<string> Name() => new("NAME");

    static Option<string?> Message() => new("--message", "-m") { Description = "Why: kept in the journal", HelpName = "TEXT" };
}
