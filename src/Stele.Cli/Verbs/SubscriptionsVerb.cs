using System.CommandLine;
using System.Globalization;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele subscriptions</c>: who watches on the node that answers, and how far each has come.</summary>
internal static class SubscriptionsVerb
{
    const int PageItems = 1000;

    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new Command("subscriptions", "Show who watches, and what they have applied") { Acknowledge(surroundings, options) }.Polls(surroundings, options, async call =>
        {
            var items = new List<SubscriptionItem>();
            SubscriptionPage page;
            string? cursor = null;
            do
            {
                page = await call.Client.ListSubscriptionsAsync(PageItems, cursor, call.Cancellation);
                items.AddRange(page.Items);
                cursor = page.NextCursor;
            }
            while (cursor is not null);
            if (call.Json) return call.Print(page with { Items = items }, SteleJson.Default.SubscriptionPage);
            foreach (var line in call.Ink.Table(["CLIENT", "FROM", "BY", "ENVIRONMENT", "PREFIXES", "DELIVERED", "APPLIED", "LAG", "SINCE", "REJECTED"], items.Select(Row))) call.Line(line);
            return ExitCode.Done;
        });

    static Command Acknowledge(Surroundings surroundings, GlobalOptions options)
    {
        var (id, revision) = (new Argument<string>("ID") { Description = "The subscription: of the header Stele-Subscription" }, new Argument<long>("REVISION"));
        var rejected = new Option<string?>("--rejected") { Description = "It could not be applied, and why", HelpName = "REASON" };
        return new Command("ack", "Tell the server what one who watches has applied, on his behalf") { id, revision, rejected }.Does(surroundings, options, async call =>
        {
            await call.Client.AcknowledgeAsync(call.Parsed.GetRequiredValue(id), call.Parsed.GetRequiredValue(revision), call.Parsed.GetValue(rejected), call.Cancellation);
            return ExitCode.Done;
        });
    }

    static IReadOnlyList<string> Row(SubscriptionItem item) =>
    [
        Ink.Cut(item.Client ?? item.Id, 32), item.Address ?? "", item.Transport ?? "", item.Environment ?? "", Ink.Cut(string.Join(' ', item.Prefixes ?? []), 40),
        item.DeliveredRevision.ToString(CultureInfo.InvariantCulture), item.AppliedRevision?.ToString(CultureInfo.InvariantCulture) ?? "-",
        item.LagRevisions.ToString(CultureInfo.InvariantCulture), Ink.Time(item.Since), item.Rejected is { } rejected ? FormattableString.Invariant($"{rejected.Revision}: {rejected.Reason}") : "",
    ];
}
