using System.Text.Json;

namespace Stele.Client.Following;

/// <summary>Puts the values of secrets where something stands for them. Nothing falls back: what cannot be read is not used.</summary>
internal static class SecretValues
{
    const int AtOnce = 16;

    /// <summary>
    /// Reads what is missing in something that nobody uses yet. Null: all is there; else why it cannot be used. Throws when nobody
    /// can tell now: then it is asked again.
    /// </summary>
    internal static async Task<SteleException?> Resolve(SteleClient client, FollowPlan plan, Held held, CancellationToken cancellation)
    {
        // of what was looked through before, only what has changed can be missing
        var changed = held.Since is { Base.IsWhole: true } since ? since.Keys.Select(key => held.Items.TryGetValue(key, out var item) ? item : null).OfType<SteleValue>() : held.Items.Values;
        var missing = changed.Where(item => item.IsMissing).GroupBy(item => (item.Link!.Path, item.Link.Version)).ToList();
        var items = held.Items.Edit();
        foreach (var some in missing.Chunk(AtOnce))
        {
            var read = await Task.WhenAll(some.Select(group => Read(client, plan, group.Key.Path, group.Key.Version, cancellation)));
            foreach (var (group, (value, refusal)) in some.Zip(read))
                foreach (var item in group)
                    if (value is { } text) items[item.Key] = item.Resolved(text);
                    // a secret that is gone again, or that only its writers see, is none of those that are followed
                    else if (plan.Kind == "secret") items.Remove(item.Key);
                    else return new SteleException(refusal!.Code, refusal.Status, $"{item.Key} stands for the secret {group.Key.Path}, which cannot be read: {refusal.Detail}", refusal.RequestId, refusal.Errors);
        }
        if (missing.Count > 0) held.Items = items.Map();
        held.IsWhole = true;
        return null;
    }

    static async Task<(JsonElement? Value, SteleException? Refusal)> Read(SteleClient client, FollowPlan plan, string path, long? version, CancellationToken cancellation)
    {
        try
        {
            using var secret = await client.GetSecretAsync(path, new SecretRead { Environment = plan.Environment, Version = version }, cancellation);
            return (JsonSerializer.SerializeToElement(secret.IsText ? secret.GetText() : Convert.ToBase64String(secret.Bytes.Span), SteleJson.Default.String), null);
        }
        catch (SteleException e) when (e.Code is "forbidden" or "not_found" or "gone" or "integrity" or "invalid")
        {
            return (null, e);
        }
    }
}
