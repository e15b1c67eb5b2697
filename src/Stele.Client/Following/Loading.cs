using System.Text.Json;

namespace Stele.Client.Following;

/// <summary>Reads everything of a plan, as of one revision.</summary>
internal static class Loading
{
    const int PageItems = 1_000;

    internal static async Task<Held> Load(SteleClient client, FollowPlan plan, CancellationToken cancellation)
    {
        var items = new Dictionary<string, SteleValue>(StringComparer.Ordinal);
        (long Revision, string? Cursor)? at = null;
        foreach (var prefix in Begins(plan))
            if (plan.Kind == "config") at = await Values(client, plan, prefix, at, items, cancellation);
            else if (plan.Kind == "secret") at = await Secrets(client, plan, prefix, at, items, cancellation);
            else at = await Flags(client, plan, prefix, at, items, cancellation);
        // by its cursor and not by its number: a fail-over may lose what was read, and put something else at the same revision
        return new Held(at!.Value.Revision, at.Value.Cursor, KeyMap<SteleValue>.Of(items, ignoreCase: false));
    }

    // flags are listed without the rules that they share, which are listed by themselves
    static IReadOnlyList<string?> Begins(FollowPlan plan)
    {
        if (plan.Kind == "flag") return [null, "$"];
        if (plan.Prefixes.Count == 0) return [null];
        return plan.Prefixes;
    }

    static async Task<(long, string?)> Values(SteleClient client, FollowPlan plan, string? prefix, (long Revision, string? Cursor)? at, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        string? cursor = null;
        do
        {
            var (page, place) = await client.ListConfigAt(new ConfigList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Revision = cursor is null ? at?.Revision : null, Cursor = cursor }, cancellation);
            foreach (var item in page.Items) items[item.Key] = new SteleValue(item.Key, item.Value, item.ValueType, item.Version, false, SecretLink.Of(item.Value, null));
            at ??= (page.Revision, place);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return at.Value;
    }

    // lists of secrets are of no revision that one could name: what changes between two of them is told again by the stream
    static async Task<(long, string?)> Secrets(SteleClient client, FollowPlan plan, string? prefix, (long Revision, string? Cursor)? at, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        string? cursor = null;
        do
        {
            var (page, place) = await client.ListSecretsAt(new SecretList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Cursor = cursor }, cancellation);
            foreach (var item in page.Items)
                if (item.Status is "active" or "rotation_due" or "expiring" && plan.Wants(item.Path)) items[item.Path] = SteleValue.Secret(item.Path, item.Version);
            if (at is null || page.Revision < at.Value.Revision) at = (page.Revision, place);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return at.Value;
    }

    static async Task<(long, string?)> Flags(SteleClient client, FollowPlan plan, string? prefix, (long Revision, string? Cursor)? at, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        string? cursor = null;
        do
        {
            var (page, place) = await client.ListFlagsAt(new FlagList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Revision = cursor is null ? at?.Revision : null, Cursor = cursor }, cancellation);
            foreach (var item in page.Items)
                if (item.Definition.ValueKind != JsonValueKind.Undefined) items[item.Name] = new SteleValue(item.Name, item.Definition, "json", item.Version, item.Killed);
            at ??= (page.Revision, place);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return at.Value;
    }
}
