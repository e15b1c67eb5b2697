using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Code;

/// <summary>One difference between directory and server.</summary>
/// <param name="Op"><c>added</c>, <c>changed</c> or <c>removed</c>.</param>
/// <param name="Kind"><c>config</c>, <c>schema</c> or <c>flag</c>.</param>
/// <param name="Environment">Where.</param>
/// <param name="Key">Of what.</param>
/// <param name="From">What the server has; undefined: nothing.</param>
/// <param name="To">What the directory says; undefined: nothing.</param>
internal sealed record CodeDifference(string Op, string Kind, string Environment, string Key, JsonElement From, JsonElement To)
{
    /// <summary>On the wire.</summary>
    internal Change Change { get; init; } = new() { Op = "check", Key = Key };
}

/// <summary>What it takes to have the server as the directory says.</summary>
/// <param name="Base">The revision that was compared with.</param>
/// <param name="Missing">Environments that are not there.</param>
/// <param name="Differences">By environment and key.</param>
/// <param name="Unpruned">How many keys and flags are only at the server, and stay.</param>
internal sealed record CodePlan(long Base, IReadOnlyList<string> Missing, IReadOnlyList<CodeDifference> Differences, int Unpruned)
{
    internal bool IsEmpty => Missing.Count == 0 && Differences.Count == 0;
}

/// <summary>Compares a directory with the server, everything at one revision.</summary>
internal sealed class CodeComparison(Call call, bool prune)
{
    readonly List<CodeDifference> found = [];
    long? revision;
    int unpruned;

    internal async Task<CodePlan> Compare(IReadOnlyList<CodeEnvironment> code)
    {
        var existing = (await call.Client.ListEnvironmentsAsync(call.Cancellation)).Items.Select(item => item.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var environment in code)
        {
            var isThere = existing.Contains(environment.Name);
            await Values(environment, isThere);
            if (environment.Flags is not null) await Flags(environment, environment.Flags, isThere);
        }
        return new CodePlan(revision ?? 0, [.. code.Select(one => one.Name).Where(name => !existing.Contains(name))], found, unpruned);
    }

    async Task Values(CodeEnvironment environment, bool isThere)
    {
        var stored = isThere ? await CodeReading.Values(call, environment.Name, revision) : (revision ?? 0, []);
        if (isThere) revision ??= stored.Revision;
        foreach (var (key, entry) in environment.Values.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var value = JsonText.Parse(entry.Json)!.Value;
            var before = stored.Items.GetValueOrDefault(key);
            var schema = environment.Schemas.TryGetValue(key, out var given) ? given : (JsonElement?)null;
            var oldSchema = before is null ? default : await CodeReading.Schema(call, environment.Name, before, schema is not null);
            var newSchema = schema is { } wish && (oldSchema.ValueKind == JsonValueKind.Undefined || !JsonText.Same(oldSchema, wish)) ? schema : null;
            var isSame = before is not null && JsonText.Same(before.Value, value);
            if (isSame && newSchema is null) continue;
            var change = new Change
            {
                Op = "set", Kind = "config", Key = key, Environment = environment.Name, Value = value, Schema = newSchema,
                ValueType = before?.ValueType == "json" ? "json" : JsonText.TypeOf(value), ExpectedVersion = before?.Version ?? 0,
            };
            if (!isSame) found.Add(new CodeDifference(before is null ? "added" : "changed", "config", environment.Name, key, before?.Value ?? default, value) { Change = change });
            if (newSchema is { } now) found.Add(new CodeDifference(oldSchema.ValueKind == JsonValueKind.Undefined ? "added" : "changed", "schema", environment.Name, key, oldSchema, now) { Change = isSame ? change : change with { Op = "check" } });
        }
        foreach (var item in stored.Items.Values.Where(item => !environment.Values.ContainsKey(item.Key)).OrderBy(item => item.Key, StringComparer.Ordinal))
            Remove(new CodeDifference("removed", "config", environment.Name, item.Key, item.Value, default)
            {
                Change = new Change { Op = "delete", Kind = "config", Key = item.Key, Environment = environment.Name, ExpectedVersion = item.Version },
            });
    }

    async Task Flags(CodeEnvironment environment, IReadOnlyDictionary<string, JsonElement> flags, bool isThere)
    {
        var stored = isThere ? await CodeReading.Flags(call, environment.Name, revision) : [];
        foreach (var (name, definition) in flags.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var before = stored.GetValueOrDefault(name);
            if (before is not null && (JsonText.Same(before.Definition, definition) || JsonText.Same(before.Short, definition))) continue;
            found.Add(new CodeDifference(before is null ? "added" : "changed", "flag", environment.Name, name, before?.Definition ?? default, definition)
            {
                Change = new Change { Op = "set", Kind = "flag", Key = name, Environment = environment.Name, Definition = definition, ExpectedVersion = before?.Version },
            });
        }
        foreach (var item in stored.Values.Where(item => !flags.ContainsKey(item.Name) && item.Name != "$kill_switch").OrderBy(item => item.Name, StringComparer.Ordinal))
            Remove(new CodeDifference("removed", "flag", environment.Name, item.Name, item.Definition, default)
            {
                Change = new Change { Op = "delete", Kind = "flag", Key = item.Name, Environment = environment.Name, ExpectedVersion = item.Version },
            });
    }

    void Remove(CodeDifference difference)
    {
        if (prune) found.Add(difference);
        else unpruned++;
    }
}

/// <summary>What the server has of an environment, as of a revision.</summary>
internal static class CodeReading
{
    internal static async Task<(long Revision, Dictionary<string, ConfigItem> Items)> Values(Call call, string environment, long? revision)
    {
        var items = new Dictionary<string, ConfigItem>(StringComparer.Ordinal);
        string? cursor = null;
        do
        {
            var page = await call.Client.ListConfigAsync(new ConfigList { Environment = environment, Limit = Verbs.ListVerb.PageItems, Revision = cursor is null ? revision : null, Cursor = cursor }, call.Cancellation);
            foreach (var item in page.Items) items[item.Key] = item;
            revision ??= page.Revision;
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return (revision.Value, items);
    }

    internal static async Task<Dictionary<string, FlagItem>> Flags(Call call, string environment, long? revision)
    {
        var items = new Dictionary<string, FlagItem>(StringComparer.Ordinal);
        foreach (var prefix in (string?[])[null, "$"])
        {
            string? cursor = null;
            do
            {
                var page = await call.Client.ListFlagsAsync(new FlagList { Environment = environment, Prefix = prefix, Limit = Verbs.ListVerb.PageItems, Revision = cursor is null ? revision : null, Cursor = cursor }, call.Cancellation);
                foreach (var item in page.Items) items[item.Name] = item;
                cursor = page.NextCursor;
            }
            while (cursor is not null);
        }
        return items;
    }

    /// <summary>The schema of a value, which lists do not show; undefined if it has none, or nobody asks.</summary>
    internal static async Task<JsonElement> Schema(Call call, string environment, ConfigItem item, bool isAsked) =>
        isAsked ? (await call.Client.GetConfigAsync(item.Key, new ConfigRead { Environment = environment }, call.Cancellation)).Schema : default;
}
