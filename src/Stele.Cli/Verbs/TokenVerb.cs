using System.CommandLine;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele token create</c>, <c>list</c>, <c>revoke</c>.</summary>
internal static class TokenVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new("token", "Make, list and revoke tokens") { Create(surroundings, options), new Command("list", "List tokens").Polls(surroundings, options, List), Revoke(surroundings, options) };

    static Command Create(Surroundings surroundings, GlobalOptions options)
    {
        var name = new Argument<string>("NAME") { Description = "What it is for" };
        var scope = new Option<string[]>("--scope", "-s") { Description = ScopeText.Help, HelpName = "SCOPE", Required = true };
        var days = new Option<double?>("--expires-in-days") { Description = "After so many days it does not hold any more", HelpName = "N" };
        var account = new Option<string?>("--service-account") { Description = "The id of the service account whose it is to be", HelpName = "ID" };
        return new Command("create", "Make a token, which is shown this once; with --env, that is its own environment") { name, scope, days, account }.Does(surroundings, options, async call =>
        {
            if (ScopeText.Parse(call, call.Parsed.GetValue(scope)) is not { } scopes) return ExitCode.Usage;
            var token = await call.Client.CreateTokenAsync(new TokenCreate
            {
                Name = call.Parsed.GetRequiredValue(name), Scopes = scopes, Environment = call.Environment, ServiceAccount = call.Parsed.GetValue(account),
                ExpiresAt = call.Parsed.GetValue(days) is { } count ? call.Surroundings.Clock.GetUtcNow().AddDays(count) : null,
            }, call.Cancellation);
            if (call.Json) return call.Print(token, SteleJson.Default.TokenItem);
            // a first answer was lost on the way, and the second does not have it
            if (token.Token is null) return Lost(call, token);
            call.Line(token.Token);
            call.Note(call.Ink.Faint($"Token {token.Id}. It is not shown again."));
            return ExitCode.Done;
        });
    }

    static int Lost(Call call, TokenItem token)
    {
        call.Note($"stele: the token was made, and the answer that showed it was lost. Revoke it (stele token revoke {token.Id}) and make another.");
        return ExitCode.Refused;
    }

    static async Task<int> List(Call call)
    {
        var items = new List<TokenItem>();
        for (string? cursor = null; ;)
        {
            var page = await call.Client.ListTokensAsync(ListVerb.PageItems, cursor, call.Cancellation);
            items.AddRange(page.Items);
            if ((cursor = page.NextCursor) is null) break;
        }
        if (call.Json) return call.Print(new TokenPage { Items = items }, SteleJson.Default.TokenPage);
        return call.Table(["ID", "NAME", "ENVIRONMENT", "EXPIRES", "LAST USED", "SCOPES"], items.Select(item => (IReadOnlyList<string>)
            [item.Id, item.Name, item.Environment ?? "", item.ExpiresAt is { } end ? Ink.Time(end) : "never", item.LastUsedAt is { } used ? Ink.Time(used) : "never", string.Join(' ', item.Scopes.Select(ScopeText.Of))]));
    }

    static Command Revoke(Surroundings surroundings, GlobalOptions options)
    {
        var id = new Argument<string>("ID");
        return new Command("revoke", "Revoke a token, and those that were made with it") { id }.Does(surroundings, options, async call =>
        {
            await call.Client.RevokeTokenAsync(call.Parsed.GetRequiredValue(id), call.Cancellation);
            call.Line($"{call.Parsed.GetRequiredValue(id)} revoked");
            return ExitCode.Done;
        });
    }
}
