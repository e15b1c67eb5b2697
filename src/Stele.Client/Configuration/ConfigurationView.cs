using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Stele.Client.Following;

namespace Stele.Client.Configuration;

/// <summary>A revision as .NET's configuration sees it: names with colons, texts, no difference of case. Immutable.</summary>
internal sealed class ConfigurationView
{
    readonly Dictionary<string, string?> texts;
    readonly Dictionary<string, string> owners;
    // the names below each path; as long as no name comes or goes, those of the revision before
    readonly ConcurrentDictionary<string, string[]> children;
    readonly Held source;

    ConfigurationView(Held source, Dictionary<string, string?> texts, Dictionary<string, string> owners, ConcurrentDictionary<string, string[]> children, IReadOnlyList<string> problems) =>
        (this.source, this.texts, this.owners, this.children, Problems) = (source, texts, owners, children, problems);

    internal static ConfigurationView Empty { get; } = new(Held.Nothing, [], [], NoChildren(), []);

    /// <summary>Keys that have no name here, or share one.</summary>
    internal IReadOnlyList<string> Problems { get; }

    internal bool TryGet(string name, out string? text) => texts.TryGetValue(name, out text);

    /// <summary>The same, with one text set by the app itself.</summary>
    internal ConfigurationView With(string name, string? text) =>
        new(Held.Nothing, new Dictionary<string, string?>(texts, StringComparer.OrdinalIgnoreCase) { [name] = text }, owners, NoChildren(), Problems);

    /// <summary>The names of the next level below a path, with those of the providers before.</summary>
    internal IEnumerable<string> ChildKeys(IEnumerable<string> earlier, string? path)
    {
        var own = children.GetOrAdd(path ?? "", static (path, texts) => Children(texts, path), texts);
        var before = earlier as ICollection<string> ?? [.. earlier];
        return before.Count == 0 ? own : own.Concat(before).Order(ConfigurationKeyComparer.Instance);
    }

    /// <summary>The view of what is held, from the view of what was, if only that has changed which lies between.</summary>
    internal static ConfigurationView Of(Held held, ConfigurationView before) =>
        held.Since is { } since && ReferenceEquals(since.Base.Items, before.source.Items) && before.Problems.Count == 0 ? before.After(held, since.Keys) ?? Of(held) : Of(held);

    internal static ConfigurationView Of(Held held)
    {
        var texts = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var owners = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var problems = new List<string>();
        var named = new List<(string Name, SteleValue Value)>();
        foreach (var item in held.Items.Values.OrderBy(item => item.Key, StringComparer.Ordinal))
            if (NameOf(item.Key) is { } name) named.Add((name, item));
            else problems.Add($"The key {item.Key} has no name in .NET's configuration, because a part of it is empty, and is left out. Rename it.");
        // what is a value of its own goes before what is inside another's JSON
        foreach (var (name, item) in named.OrderBy(one => one.Value.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            foreach (var (at, text) in Texts(name, item.Value))
                if (owners.TryAdd(at, item.Key)) texts[at] = text;
                else problems.Add($"The keys {owners[at]} and {item.Key} both are {at} in .NET's configuration; {owners[at]} is taken. Rename one, or delete it.");
        return new ConfigurationView(held, texts, owners, NoChildren(), problems);
    }

    /// <summary><c>services.payment.hosts[0].name</c> is <c>services:payment:hosts:0:name</c>, <c>payments/db-password</c> is <c>payments:db-password</c>; null where a part would be empty.</summary>
    internal static string? NameOf(string key)
    {
        var name = key.Replace('/', ':').Replace("].", ":", StringComparison.Ordinal).Replace("][", ":", StringComparison.Ordinal).Replace('.', ':').Replace('[', ':').Replace("]", "", StringComparison.Ordinal);
        return name.Length == 0 || name[0] == ':' || name[^1] == ':' || name.Contains("::", StringComparison.Ordinal) ? null : name;
    }

    // null: it cannot be told from these keys alone
    ConfigurationView? After(Held held, IReadOnlyList<string> keys)
    {
        var nowTexts = new Dictionary<string, string?>(texts, StringComparer.OrdinalIgnoreCase);
        var nowOwners = new Dictionary<string, string>(owners, StringComparer.OrdinalIgnoreCase);
        var (gone, come) = (new HashSet<string>(StringComparer.OrdinalIgnoreCase), new HashSet<string>(StringComparer.OrdinalIgnoreCase));
        foreach (var key in keys)
            if (source.Items.TryGetValue(key, out var old) && NameOf(key) is { } name)
                foreach (var (at, _) in Texts(name, old.Value))
                {
                    nowTexts.Remove(at);
                    nowOwners.Remove(at);
                    gone.Add(at);
                }
        foreach (var key in keys.Where(held.Items.ContainsKey))
        {
            if (NameOf(key) is not { } name) return null;
            foreach (var (at, text) in Texts(name, held.Items[key].Value))
            {
                if (!nowOwners.TryAdd(at, key)) return null;
                nowTexts[at] = text;
                come.Add(at);
            }
        }
        return new ConfigurationView(held, nowTexts, nowOwners, gone.SetEquals(come) ? children : NoChildren(), []);
    }

    static IEnumerable<(string Name, string? Text)> Texts(string name, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.GetPropertyCount() > 0:
                return value.EnumerateObject().SelectMany(member => Texts($"{name}:{member.Name}", member.Value));
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                return value.EnumerateArray().SelectMany((item, index) => Texts(FormattableString.Invariant($"{name}:{index}"), item));
            case JsonValueKind.Object or JsonValueKind.Null:
                return [(name, null)];
            default:
                return [(name, value.ValueKind == JsonValueKind.Array ? "" : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText())];
        }
    }

    static string[] Children(Dictionary<string, string?> texts, string path)
    {
        var found = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var name in texts.Keys)
            if (path.Length == 0) found.Add(Segment(name, 0));
            else if (name.Length > path.Length && name[path.Length] == ':' && name.StartsWith(path, StringComparison.OrdinalIgnoreCase)) found.Add(Segment(name, path.Length + 1));
        return [.. found.Order(ConfigurationKeyComparer.Instance)];
    }

    static string Segment(string name, int from) => name.IndexOf(':', from) is var end and >= 0 ? name[from..end] : name[from..];

    static ConcurrentDictionary<string, string[]> NoChildren() => new(StringComparer.OrdinalIgnoreCase);
}
