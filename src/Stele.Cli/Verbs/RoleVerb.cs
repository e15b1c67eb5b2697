using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele role list</c>, <c>set</c>, <c>remove</c>; and <c>stele access explain</c>, which says what roles come to.</summary>
internal static class RoleVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new("role", "List, make, change and remove roles") { new Command("list", "List roles, the built-in ones included").Polls(surroundings, options, List), Get(surroundings, options), Set(surroundings, options), Remove(surroundings, options) };

    internal static Command MakeAccess(Surroundings surroundings, GlobalOptions options) => new("access", "Say why something is allowed or not") { Explain(surroundings, options) };

    static async Task<int> List(Call call)
    {
        var items = new List<RoleItem>();
        for (string? cursor = null; ;)
        {
            var page = await call.Client.ListRolesAsync(ListVerb.PageItems, cursor, call.Cancellation);
            items.AddRange(page.Items);
            if ((cursor = page.NextCursor) is null) break;
        }
        if (call.Json) return call.Print(new RolePage { Items = items }, SteleJson.Default.RolePage);
        return call.Table(["NAME", "DESCRIPTION", "GRANTS", "DENIES"], items.Select(item => (IReadOnlyList<string>)
            [item.Name, item.Description ?? "", item.BuiltIn ? "(built in)" : string.Join(' ', item.Grants.Select(ScopeText.Of)), string.Join(' ', item.Denies.Select(ScopeText.Of))]));
    }

    static Command Get(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        return new Command("get", "Show a role") { name }.Does(surroundings, options, async call =>
        {
            var item = await call.Client.GetRoleAsync(call.Parsed.GetRequiredValue(name), call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.RoleItem);
            Text(call, item);
            return ExitCode.Done;
        });
    }

    static Command Set(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        var grant = new Option<string[]>("--grant", "-g") { Description = ScopeText.Help, HelpName = "GRANT" };
        var deny = new Option<string[]>("--deny", "-d") { Description = "As a grant; it wins over every grant that somebody has", HelpName = "DENY" };
        var description = new Option<string?>("--description") { HelpName = "TEXT" };
        return new Command("set", "Make a role, or change it whole") { name, grant, deny, description }.Does(surroundings, options, async call =>
        {
            if (ScopeText.Parse(call, call.Parsed.GetValue(grant)) is not { } grants || ScopeText.Parse(call, call.Parsed.GetValue(deny)) is not { } denies) return ExitCode.Usage;
            var role = await call.Client.SetRoleAsync(call.Parsed.GetRequiredValue(name), new RoleDefinition { Grants = grants, Denies = denies, Description = call.Parsed.GetValue(description) }, call.Cancellation);
            if (call.Json) return call.Print(role, SteleJson.Default.RoleItem);
            Text(call, role);
            return ExitCode.Done;
        });
    }

    static Command Remove(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME");
        return new Command("remove", "Remove a role that nobody has") { name }.Does(surroundings, options, async call =>
        {
            await call.Client.RemoveRoleAsync(call.Parsed.GetRequiredValue(name), call.Cancellation);
            call.Line($"{call.Parsed.GetRequiredValue(name)} removed");
            return ExitCode.Done;
        });
    }

    static Command Explain(Surroundings surroundings, GlobalOptions options)
    {
        var permission = new Argument<string>("PERMISSION") { Description = "Such as config:write" };
        var key = new Argument<string?>("KEY") { Arity = ArgumentArity.ZeroOrOne, Description = "On which key; absent: on all" };
        var user = new Option<string?>("--user") { Description = "Of a user, by id; absent: of yourself", HelpName = "ID" };
        var account = new Option<string?>("--service-account") { Description = "Of a service account", HelpName = "ID" };
        var token = new Option<string?>("--token") { Description = "Of a token", HelpName = "ID" };
        return new Command("explain", "Say why something is allowed or not; exit code 1 if it is not") { permission, key, user, account, token }.Does(surroundings, options, async call =>
        {
            var explained = await call.Client.ExplainAccessAsync(new AccessQuestion
            {
                Permission = call.Parsed.GetRequiredValue(permission), Key = call.Parsed.GetValue(key), Environment = call.Environment,
                User = call.Parsed.GetValue(user), ServiceAccount = call.Parsed.GetValue(account), Token = call.Parsed.GetValue(token),
            }, call.Cancellation);
            if (call.Json) call.Print(explained, SteleJson.Default.AccessExplanation);
            else call.Line($"{(explained.Allowed ? "allowed" : "not allowed")}: {explained.Reason}");
            return explained.Allowed ? ExitCode.Done : ExitCode.Refused;
        });
    }

    static void Text(Call call, RoleItem role)
    {
        call.Line($"{role.Name} {call.Ink.Faint($"({(role.BuiltIn ? "built in" : $"version {role.Version}")}){(role.Description is { } text ? $" {text}" : "")}")}");
        if (role.BuiltIn) return;
        foreach (var grant in role.Grants) call.Line($"  grants {ScopeText.Of(grant)}");
        foreach (var deny in role.Denies) call.Line($"  denies {ScopeText.Of(deny)}");
    }
}
