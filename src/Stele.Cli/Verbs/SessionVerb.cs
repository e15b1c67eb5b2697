using System.CommandLine;
using Stele.Cli.Contexts;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele login</c>, <c>logout</c>, <c>whoami</c> and <c>password</c>: as whom calls go.</summary>
internal static class SessionVerb
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    internal static Command MakeLogin(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne, Description = "What to call it; without: the server's name" };
        var email = new Option<string?>("--email") { Description = "Sign in as a user; what is read is his password", HelpName = "EMAIL" };
        return new Command("login", "Keep a token, or a user's session, for a server, read from standard input, and use it from now on") { name, email }.Does(surroundings, options, async call =>
        {
            var (url, user) = (call.Connection.Url, call.Parsed.GetValue(email));
            if (await Hidden(call, user is null ? $"Token for {url}" : $"Password of {user} for {url}") is not { } secret) return call.Usage($"there is no {(user is null ? "token" : "password")} on standard input.");
            var connection = user is null ? call.Connection with { Token = secret.Trim(), Session = null } : await SignedIn(call, user, secret);
            using (var client = connection.Client(surroundings, 1, Patience)) await client.GetCallerAsync(call.Cancellation);
            var word = call.Parsed.GetValue(name) ?? url.Host;
            var context = new SteleContext { Url = url.ToString(), Token = connection.Token, Session = connection.Session, Organization = connection.Organization, Environment = call.Environment };
            ContextFile.Read(surroundings).With(word, context, current: true).Write(surroundings);
            call.Line($"{word} is in use: {url}");
            call.Note(call.Ink.Faint($"The {(user is null ? "token" : $"session, until {Ink.Time(connection.Session?.ExpiresAt)},")} is in {ContextFile.PathOf(surroundings)}, which only you can read."));
            return ExitCode.Done;
        });
    }

    internal static Command MakeLogout(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne, Description = "Of which server; without: the one in use" };
        var command = new Command("logout", "End the session, and forget it or the token") { name };
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = ContextFile.Read(surroundings);
            if ((parsed.GetValue(name) ?? file.Current) is not { } word || file.Contexts.GetValueOrDefault(word) is not { } context)
            {
                surroundings.Error.WriteLine("stele: there is no such context. stele context list shows them.");
                return ExitCode.NotFound;
            }
            // forgotten first: whatever the server says, this machine has it no longer
            file.With(word, context with { Token = null, Session = null }, current: false).Write(surroundings);
            if (context is { Session: { } session, Url: { } url })
            {
                using var client = new Connection(new Uri(url), null, context.Organization, null) { Session = session }.Client(surroundings, 1, Patience);
                await client.SignOutAsync(cancellation);
            }
            surroundings.Out.WriteLine($"logged out of {word}");
            return ExitCode.Done;
        });
        return command;
    }

    internal static Command MakeWhoAmI(Surroundings surroundings, GlobalOptions options) => new Command("whoami", "Show as whom calls go").Does(surroundings, options, async call =>
    {
        var caller = await call.Client.GetCallerAsync(call.Cancellation);
        if (call.Json) return call.Print(caller, SteleJson.Default.SteleCaller);
        var name = caller.User is { } user ? $"{user.Email} ({user.Name})" : caller.Token is { } token ? $"token {token.Name}" : caller.Actor;
        call.Line($"{name}, {caller.Kind.Replace('_', ' ')}, organization {caller.Organization}, at {call.Connection.Url}");
        return ExitCode.Done;
    });

    internal static Command MakePassword(Surroundings surroundings, GlobalOptions options) =>
        new Command("password", "Give yourself another password: the current one and the new one, a line each, on standard input. All your sessions end").Does(surroundings, options, async call =>
        {
            using var reader = new StreamReader(surroundings.In());
            if (await Hidden(call, "Current password", reader) is not { } current || await Hidden(call, "New password", reader) is not { } next) return call.Usage("there are no two passwords on standard input.");
            await call.Client.ChangePasswordAsync(current, next, call.Cancellation);
            call.Line("password set");
            call.Note("Your sessions have ended: stele login --email EMAIL");
            return ExitCode.Done;
        });

    static async Task<Connection> SignedIn(Call call, string email, string password)
    {
        using var client = (call.Connection with { Token = null, Session = null }).Client(call.Surroundings, 1, Patience);
        var session = await client.SignInAsync(call.Connection.Organization, email, password, call.Cancellation);
        return call.Connection with { Token = null, Session = session };
    }

    /// <summary>A line that is not shown at a terminal, or of standard input; null: there is none.</summary>
    internal static async Task<string?> Hidden(Call call, string prompt, StreamReader? reader = null)
    {
        if (call.Surroundings is not { CanAsk: true, Hidden: { } hidden })
        {
            reader ??= new StreamReader(call.Surroundings.In());
            return await reader.ReadLineAsync(call.Cancellation) is { Length: > 0 } line ? line : null;
        }
        await call.Surroundings.Error.WriteAsync($"{prompt}: ");
        await call.Surroundings.Error.FlushAsync(call.Cancellation);
        return hidden() is { Length: > 0 } typed ? typed : null;
    }
}
