using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele webhook</c>: where changes are sent, and what became of them.</summary>
internal static class WebhookVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options) => new("webhook", "Have changes sent, signed, to an address")
    {
        Create(surroundings, options), Change(surroundings, options), new Command("list", "List webhooks, and how far each has come").Polls(surroundings, options, List),
        One("get", "Show a webhook, and how far it has come", surroundings, options, async (call, id) => Shown(call, await call.Client.GetWebhookAsync(id, call.Cancellation))),
        One("delete", "Remove a webhook", surroundings, options, Delete), Rotate(surroundings, options), One("test", "Send one message now", surroundings, options, Test),
        One("deliveries", "What became of messages, the newest first", surroundings, options, (call, id) => Letters(call, id, onlyDead: false)),
        One("dead-letters", "Messages that were given up", surroundings, options, (call, id) => Letters(call, id, onlyDead: true)),
        Numbered("redeliver", "Send the message of a revision again, once", surroundings, options, (call, id, revision) => call.Client.RedeliverAsync(id, revision, call.Cancellation)),
        Numbered("replay", "Send everything after a revision again, in order", surroundings, options, (call, id, revision) => call.Client.ReplayWebhookAsync(id, revision, call.Cancellation)),
        One("resume", "End a suspension", surroundings, options, async (call, id) => Shown(call, await call.Client.ResumeWebhookAsync(id, call.Cancellation))),
        One("discard", "Forget the dead letters", surroundings, options, async (call, id) => Shown(call, await call.Client.DiscardDeadLettersAsync(id, call.Cancellation))),
    };

    static Command Create(Surroundings surroundings, GlobalOptions options)
    {
        var url = new Argument<string>("URL") { Description = "Where to: an https address" };
        var given = new Definition();
        return given.AddTo(new Command("create", "Make a webhook; what signs its messages is shown this once. With --env, of that environment alone") { url }).Does(surroundings, options, async call =>
            Secret(call, await call.Client.CreateWebhookAsync(given.Read(call) with { Url = call.Parsed.GetRequiredValue(url) }, call.Cancellation)));
    }

    static Command Change(Surroundings surroundings, GlobalOptions options)
    {
        var id = new Argument<string>("ID");
        var url = new Option<string?>("--url") { Description = "Where to", HelpName = "URL" };
        var enabled = new Option<bool?>("--enabled") { Description = "Whether anything is sent", HelpName = "true|false" };
        var given = new Definition();
        return given.AddTo(new Command("update", "Change a webhook, which sees as you from then on") { id, url, enabled }).Does(surroundings, options, async call =>
            Shown(call, await call.Client.ChangeWebhookAsync(call.Parsed.GetRequiredValue(id),
                given.Read(call) with { Url = call.Parsed.GetValue(url), Enabled = call.Parsed.GetValue(enabled) }, call.Cancellation)));
    }

    static Command Rotate(Surroundings surroundings, GlobalOptions options)
    {
        var id = new Argument<string>("ID");
        var overlap = new Option<long>("--overlap-seconds") { Description = "For how long the secret before signs, too", HelpName = "N", DefaultValueFactory = _ => 24 * 60 * 60 };
        return new Command("rotate", "Give a webhook another secret, which is shown this once") { id, overlap }.Does(surroundings, options, async call =>
            Secret(call, await call.Client.RotateWebhookSecretAsync(call.Parsed.GetRequiredValue(id), call.Parsed.GetValue(overlap), call.Cancellation)));
    }

    static Command One(string name, string description, Surroundings surroundings, GlobalOptions options, Func<Call, string, Task<int>> act)
    {
        var id = new Argument<string>("ID");
        return new Command(name, description) { id }.Does(surroundings, options, call => act(call, call.Parsed.GetRequiredValue(id)));
    }

    static Command Numbered(string name, string description, Surroundings surroundings, GlobalOptions options, Func<Call, string, long, Task<WebhookItem>> act)
    {
        var id = new Argument<string>("ID");
        var revision = new Argument<long>("REVISION");
        return new Command(name, description) { id, revision }.Does(surroundings, options, async call =>
            Shown(call, await act(call, call.Parsed.GetRequiredValue(id), call.Parsed.GetRequiredValue(revision))));
    }

    static async Task<int> List(Call call)
    {
        var items = new List<WebhookItem>();
        for (string? cursor = null; ;)
        {
            var page = await call.Client.ListWebhooksAsync(ListVerb.PageItems, cursor, call.Cancellation);
            items.AddRange(page.Items);
            if ((cursor = page.NextCursor) is null) break;
        }
        if (call.Json) return call.Print(new WebhookPage { Items = items }, SteleJson.Default.WebhookPage);
        return call.Table(["ID", "URL", "ENVIRONMENT", "KINDS", "PREFIXES", "STATE"], items.Select(item => (IReadOnlyList<string>)
            [item.Id, item.Url, item.Environment ?? "(all)", string.Join('+', item.Kinds), string.Join(' ', item.Prefixes), State(item)]));
    }

    static async Task<int> Delete(Call call, string id)
    {
        await call.Client.RemoveWebhookAsync(id, call.Cancellation);
        call.Line($"{id} removed");
        return ExitCode.Done;
    }

    static async Task<int> Test(Call call, string id)
    {
        var result = await call.Client.TestWebhookAsync(id, call.Cancellation);
        if (call.Json) call.Print(result, SteleJson.Default.WebhookTestResult);
        else call.Line(result.Arrived ? $"arrived after {result.DurationMs} ms, answered {result.Status}" : $"did not arrive: {result.Failure}");
        return result.Arrived ? ExitCode.Done : ExitCode.Refused;
    }

    static async Task<int> Letters(Call call, string id, bool onlyDead)
    {
        var page = await call.Client.ListDeliveriesAsync(id, onlyDead, ListVerb.PageItems, null, call.Cancellation);
        if (call.Json) return call.Print(page, SteleJson.Default.WebhookDeliveryPage);
        return call.Table(["REVISION", "STATE", "ATTEMPTS", "LAST", "FAILURE"], page.Items.Select(item => (IReadOnlyList<string>)
            [item.Revision.ToString(CultureInfo.InvariantCulture), item.State, item.Attempts.ToString(CultureInfo.InvariantCulture), Ink.Time(item.LastAt), item.Failure ?? ""]));
    }

    static int Secret(Call call, WebhookItem item)
    {
        if (call.Json) return call.Print(item, SteleJson.Default.WebhookItem);
        if (item.Secret is null)
        {
            // a first answer was lost on the way, and the second does not have it
            call.Note($"stele: it was done, and the answer that showed the secret was lost. Give it another: stele webhook rotate {item.Id} --overlap-seconds 0");
            return ExitCode.Refused;
        }
        call.Line(item.Secret);
        call.Note(call.Ink.Faint($"Webhook {item.Id}. What signs its messages is not shown again."));
        return ExitCode.Done;
    }

    static int Shown(Call call, WebhookItem item)
    {
        if (call.Json) return call.Print(item, SteleJson.Default.WebhookItem);
        call.Line(Text(call, item));
        return ExitCode.Done;
    }

    static string Text(Call call, WebhookItem item)
    {
        var what = $"{item.Environment ?? "all environments"}, {string.Join('+', item.Kinds)}{(item.Prefixes.Count == 0 ? "" : $", {string.Join(' ', item.Prefixes)}")}";
        return $"{item.Id}  {item.Url}  {call.Ink.Faint($"({what}; {State(item)})")}";
    }

    static string State(WebhookItem item) => item switch
    {
        { Enabled: false } => "disabled",
        { Delivery.Suspended: { } why } => $"suspended: {why}",
        { Delivery: { Failure: { } failure } delivery } => $"{delivery.LagRevisions} behind: {failure}",
        { Delivery: { } delivery } => $"{delivery.LagRevisions} behind",
        _ => $"version {item.Version}",
    };

    /// <summary>The options that making and changing share.</summary>
    sealed class Definition
    {
        readonly Option<string[]?> prefixes = new("--prefix", "-p") { Description = "Of keys that begin with it; may be given more than once", HelpName = "PREFIX" };
        readonly Option<string[]?> kinds = new("--kind") { Description = "config, flag or secret; may be given more than once", HelpName = "KIND" };
        readonly Option<string?> description = new("--description") { HelpName = "TEXT" };
        readonly Option<string?> account = new("--service-account") { Description = "The id of the service account as which it sees", HelpName = "ID" };

        public Command AddTo(Command command)
        {
            foreach (var option in (Option[])[prefixes, kinds, description, account]) command.Add(option);
            return command;
        }

        public WebhookDefinition Read(Call call) => new()
        {
            Environment = call.Environment, Description = call.Parsed.GetValue(description), ServiceAccount = call.Parsed.GetValue(account),
            Prefixes = call.Parsed.GetValue(prefixes) is { Length: > 0 } given ? given : null, Kinds = call.Parsed.GetValue(kinds) is { Length: > 0 } named ? named : null,
        };
    }
}
