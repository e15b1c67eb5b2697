using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Import;

/// <summary>A value that differs from what is stored, or is not there yet.</summary>
/// <param name="Entry">What the files say.</param>
/// <param name="Value">The same, parsed.</param>
/// <param name="Stored">What the server has; null for a new key.</param>
internal sealed record PlannedChange(ImportEntry Entry, JsonElement Value, ConfigItem? Stored)
{
    /// <summary>On the wire: only if the key is still as the plan saw it.</summary>
    internal Change Change => new()
    {
        Op = "set",
        Key = Entry.Key,
        Environment = Entry.Environment,
        Value = Value,
        // A key that is json may hold anything and stays so; any other takes the type of its value.
        ValueType = Stored?.ValueType == "json" ? "json" : JsonText.TypeOf(Value),
        ExpectedVersion = Stored?.Version ?? 0,
    };
}

/// <summary>One environment of an import.</summary>
internal sealed record EnvironmentPlan(string Name, bool Exists, IReadOnlyList<PlannedChange> Changes, int Equal)
{
    internal int Added => Changes.Count(change => change.Stored is null);

    internal int Changed => Changes.Count - Added;
}

/// <summary>What an import would do. It sets and never deletes: what files do not mention stays as it is.</summary>
internal static partial class ImportPlan
{
    /// <summary>Room in a request for everything that is not changes.</summary>
    const int EnvelopeBytes = 16 << 10;

    internal static EnvironmentPlan Of(string environment, bool exists, IEnumerable<ImportEntry> entries, IReadOnlyDictionary<string, ConfigItem> stored)
    {
        var changes = new List<PlannedChange>();
        var equal = 0;
        foreach (var entry in entries)
        {
            var value = JsonText.Parse(entry.Json) ?? throw new InvalidOperationException($"{entry.Key} was read as {entry.Json}, which is not JSON");
            var before = stored.GetValueOrDefault(entry.Key);
            if (before is not null && JsonText.Same(before.Value, value)) equal++;
            else changes.Add(new PlannedChange(entry, value, before));
        }
        return new EnvironmentPlan(environment, exists, changes, equal);
    }

    /// <summary>
    /// Lists that are shorter in the files than they are stored: their last items stay, and a reader of the list would
    /// still see them. Said, and not done: a file that sets list[0] and list[1] does not say that list[2] must go.
    /// </summary>
    internal static IEnumerable<string> LongerLists(string environment, IEnumerable<ImportEntry> entries, IEnumerable<string> stored)
    {
        var lengths = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in entries)
            foreach (var (list, index) in Items(entry.Key)) lengths[list] = Math.Max(lengths.GetValueOrDefault(list), index + 1);
        foreach (var key in stored)
            if (Items(key).Any(item => lengths.TryGetValue(item.List, out var length) && item.Index >= length))
                yield return $"{key} stays in {environment}, though the list is shorter in the files: stele delete {key} --env {environment}";
    }

    /// <summary>Change sets within the limits, in order; one when everything fits.</summary>
    internal static List<List<PlannedChange>> Split(IEnumerable<PlannedChange> changes, long changesMax, long bytesMax)
    {
        var sets = new List<List<PlannedChange>>();
        long bytes = 0;
        foreach (var change in changes)
        {
            var size = Encoding.UTF8.GetByteCount(JsonSerializer.Serialize(change.Change, SteleJson.Default.Change)) + 1;
            if (sets.Count == 0 || sets[^1].Count >= changesMax || bytes + size > bytesMax - EnvelopeBytes)
            {
                sets.Add([]);
                bytes = 0;
            }
            sets[^1].Add(change);
            bytes += size;
        }
        return sets;
    }

    /// <summary>The change that a pointer of a refusal (/changes/7/value) means.</summary>
    internal static PlannedChange? Refused(IReadOnlyList<PlannedChange> set, string? pointer) =>
        pointer?.Split('/') is ["", "changes", var index, ..] && int.TryParse(index, out var i) && i >= 0 && i < set.Count ? set[i] : null;

    static IEnumerable<(string List, int Index)> Items(string key) =>
        Index().Matches(key).Where(match => match.Index > 0).Select(match => (key[..match.Index], int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"\[(0|[1-9][0-9]{0,5})\]")]
    private static partial Regex Index();
}
