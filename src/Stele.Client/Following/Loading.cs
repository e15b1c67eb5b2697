using System.Text.Json;

namespace Stele.Client.Following;

/// <summary>Reads everything of a plan, as of one revision.</summary>
internal static class Loading
{
    const int PageItems = 1_000;

    internal static async Task<Held> Load(SteleClient client, FollowPlan plan, CancellationToken cancellation)
    {
        var items = new Dictionary<string, SteleValue>(StringComparer.Ordinal);
        long? revision = null;
        foreach (var prefix in Begins(plan))
            if (plan.Kind == "config") revision = await Values(client, plan, prefix, revision, items, cancellation);
            else if (plan.Kind == "secret") revision = Math.Min(revision ?? long.MaxValue, await Secrets(client, plan, prefix, items, cancellation));
            else revision = await Flags(client, plan, prefix, revision, items, cancellation);
        return new Held(revision!.Value, null, KeyMap<SteleValue>.Of(items, ignoreCase: false));
    }

    // flags are listed without the rules that they share, which are listed by themselves
    static IReadOnlyList<string?> Begins(FollowPlan plan)
    {
        if (plan.Kind == "flag") return [null, "$"];
        if (plan.Prefixes.Count == 0) return [null];
        return plan.Prefixes;
    }

    static async Task<long> Values(SteleClient client, FollowPlan plan, string? prefix, long? revision, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        string? cursor = null;
        do
        {
            var page = await client.ListConfigAsync(new ConfigList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Revision = cursor is null ? revision : null, Cursor = cursor }, cancellation);
            foreach (var item in page.Items) items[item.Key] = new SteleValue(item.Key, item.Value, item.ValueType, item.Version, false, SecretLink.Of(item.Value, null));
            revision ??= page.Revision;
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return revision.Value;
    }

    // lists of secrets are of no revision that one could name: what changes between two of them is told again by the stream
    static async Task<long> Secrets(SteleClient client, FollowPlan plan, string? prefix, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        var (cursor, revision) = ((string?)null, long.MaxValue);
        do
        {
            var page = await client.ListSecretsAsync(new SecretList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Cursor = cursor }, cancellation);
            foreach (var item in page.Items)
                if (item.Status is "active" or "rotation_due" or "expiring" && plan.Wants(item.Path)) items[item.Path] = SteleValue.Secret(item.Path, item.Version);
            revision = Math.Min(revision, page.Revision);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return revision;
    }

    static async Task<long> Flags(SteleClient client, FollowPlan plan, string? prefix, long? revision, Dictionary<string, SteleValue> items, CancellationToken cancellation)
    {
        string? cursor = null;
        do
        {
            var page = await client.ListFlagsAsync(new FlagList { Environment = plan.Environment, Prefix = prefix, Limit = PageItems, Revision = cursor is null ? revision : null, Cursor = cursor }, cancellation);
            foreach (var item in page.Items)
                if (item.Definition.ValueKind != JsonValueKind.Undefined) items[item.Name] = new SteleValue(item.Name, item.Definition, "json", item.Version, item.Killed);
            revision ??= page.Revision;
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return revision.Value;
    }
}
