using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele user</c> and <c>stele service-account</c>: <c>create</c>, <c>list</c>, <c>change</c>, <c>remove</c>; of a user also <c>password</c>.</summary>
internal static class MemberVerb
{
    internal static Command MakeUser(Surroundings surroundings, GlobalOptions options) =>
        new("user", "Make, list, change and remove users")
        {
            Create(surroundings, options, isUser: true), new Command("list", "List users").Polls(surroundings, options, call => List(call, call.Client.ListUsersAsync)),
            Get(surroundings, options, "Show a user", isUser: true), Change(surroundings, options, isUser: true), Remove(surroundings, options, "Remove a user, with his tokens and sessions", isUser: true), Password(surroundings, options),
        };

    internal static Command MakeServiceAccount(Surroundings surroundings, GlobalOptions options) =>
        new("service-account", "Make, list, change and remove service accounts")
        {
            Create(surroundings, options, isUser: false), new Command("list", "List service accounts").Polls(surroundings, options, call => List(call, call.Client.ListServiceAccountsAsync)),
            Get(surroundings, options, "Show a service account", isUser: false), Change(surroundings, options, isUser: false), Remove(surroundings, options, "Remove a service account, with its tokens", isUser: false),
        };

    static Command Create(Surroundings surroundings, GlobalOptions options, bool isUser)
    {
        var (email, name, role) = (new Argument<string>("EMAIL"), new Argument<string>("NAME"), RoleOption());
        var identity = IdentityOption();
        role.Required = true;
        var command = isUser ? new Command("create", "Make a user; stele user password gives him a password") { email, name, role, identity } : new Command("create", "Make a service account") { name, role };
        return command.Does(surroundings, options, async call =>
        {
            var member = new MemberSet { Email = isUser ? call.Parsed.GetRequiredValue(email) : null, Name = call.Parsed.GetRequiredValue(name), Roles = Roles(call.Parsed.GetValue(role)), Identity = isUser ? Identity(call.Parsed.GetValue(identity)) : null };
            return Show(call, isUser ? await call.Client.CreateUserAsync(member, call.Cancellation) : await call.Client.CreateServiceAccountAsync(member, call.Cancellation));
        });
    }

    static Command Change(Surroundings surroundings, GlobalOptions options, bool isUser)
    {
        var (id, role) = (new Argument<string>("ID"), RoleOption());
        var email = new Option<string?>("--email") { HelpName = "EMAIL" };
        var name = new Option<string?>("--name") { HelpName = "NAME" };
        var status = new Option<string?>("--status") { Description = "active or suspended", HelpName = "STATUS" };
        var (identity, none) = (IdentityOption(), new Option<bool>("--no-identity") { Description = "No issuer vouches for him any more" });
        var command = new Command("change", "Change what is given; the rest stays") { id, name, role, status };
        foreach (var option in isUser ? (Option[])[email, identity, none] : []) command.Add(option);
        return command.Does(surroundings, options, async call =>
        {
            var member = new MemberSet
            {
                Email = isUser ? call.Parsed.GetValue(email) : null, Name = call.Parsed.GetValue(name), Roles = Roles(call.Parsed.GetValue(role)), Status = call.Parsed.GetValue(status),
                Identity = isUser ? Identity(call.Parsed.GetValue(identity)) : null, NoIdentity = isUser && call.Parsed.GetValue(none),
            };
            var which = call.Parsed.GetRequiredValue(id);
            return Show(call, isUser ? await call.Client.ChangeUserAsync(which, member, call.Cancellation) : await call.Client.ChangeServiceAccountAsync(which, member, call.Cancellation));
        });
    }

    static Command Get(Surroundings surroundings, GlobalOptions options, string what, bool isUser)
    {
        var id = new Argument<string>("ID");
        return new Command("get", what) { id }.Does(surroundings, options, async call =>
            Show(call, isUser ? await call.Client.GetUserAsync(call.Parsed.GetRequiredValue(id), call.Cancellation) : await call.Client.GetServiceAccountAsync(call.Parsed.GetRequiredValue(id), call.Cancellation)));
    }

    static Command Remove(Surroundings surroundings, GlobalOptions options, string what, bool isUser)
    {
        var id = new Argument<string>("ID");
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        return new Command("remove", what) { id, yes }.Does(surroundings, options, async call =>
        {
            var which = call.Parsed.GetRequiredValue(id);
            if (await call.Confirm($"Remove {which}?", call.Parsed.GetValue(yes)) is { } no) return no;
            await (isUser ? call.Client.RemoveUserAsync(which, call.Cancellation) : call.Client.RemoveServiceAccountAsync(which, call.Cancellation));
            call.Line($"{which} removed");
            return ExitCode.Done;
        });
    }

    static Command Password(Surroundings surroundings, GlobalOptions options)
    {
        var id = new Argument<string>("ID");
        return new Command("password", "Give a user the password that standard input holds; his sessions end") { id }.Does(surroundings, options, async call =>
        {
            // never an argument, which everybody on the machine can read
            if (await SetVerb.ReadFile(call, "-") is not { } text) return ExitCode.Usage;
            await call.Client.SetPasswordAsync(call.Parsed.GetRequiredValue(id), text.TrimEnd('\r', '\n'), call.Cancellation);
            call.Line("password set");
            return ExitCode.Done;
        });
    }

    static async Task<int> List(Call call, Func<int?, string?, CancellationToken, Task<MemberPage>> read)
    {
        var items = new List<MemberItem>();
        for (string? cursor = null; ;)
        {
            var page = await read(ListVerb.PageItems, cursor, call.Cancellation);
            items.AddRange(page.Items);
            if ((cursor = page.NextCursor) is null) break;
        }
        if (call.Json) return call.Print(new MemberPage { Items = items }, SteleJson.Default.MemberPage);
        return call.Table(["ID", "EMAIL", "NAME", "STATUS", "ROLES"], items.Select(item => (IReadOnlyList<string>)[item.Id, item.Email ?? "", item.Name, item.Status ?? "", Roles(item)]));
    }

    static int Show(Call call, MemberItem item)
    {
        if (call.Json) return call.Print(item, SteleJson.Default.MemberItem);
        call.Line(Text(call, item));
        return ExitCode.Done;
    }

    static string Text(Call call, MemberItem item) =>
        $"{item.Id}  {(item.Email is { } email ? $"{email}  " : "")}{item.Name}  {Roles(item)} {call.Ink.Faint($"({item.Status}, version {item.Version})")}";

    static string Roles(MemberItem item) => string.Join(' ', item.Roles.Select(role => role.Role + ScopeText.Of(role.Environments, role.Prefix)));

    static Option<string[]> IdentityOption() => new("--identity") { Description = "As whom an issuer of JWTs vouches for him: iss and sub of his tokens", HelpName = "ISSUER SUBJECT", Arity = new ArgumentArity(2, 2), AllowMultipleArgumentsPerToken = true };

    static AccessIdentity? Identity(string[]? texts) => texts is [var issuer, var subject] ? new AccessIdentity { Issuer = issuer, Subject = subject } : null;

    static Option<string[]> RoleOption() => new("--role", "-r") { Description = "ROLE[@ENVIRONMENT,…][/PREFIX], such as editor@staging; may be given more than once", HelpName = "ROLE" };

    static List<AccessRoleBinding>? Roles(string[]? texts)
    {
        if (texts is null or []) return null;
        var roles = new List<AccessRoleBinding>();
        foreach (var text in texts)
        {
            var slash = text.IndexOf('/', StringComparison.Ordinal);
            var (place, prefix) = slash < 0 ? (text, "") : (text[..slash], text[(slash + 1)..]);
            var at = place.IndexOf('@', StringComparison.Ordinal);
            roles.Add(new AccessRoleBinding { Role = at < 0 ? place : place[..at], Environments = at < 0 ? ["*"] : place[(at + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries), Prefix = prefix });
        }
        return roles;
    }
}
