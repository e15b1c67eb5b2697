using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Stele.Client.Following;

namespace Stele.Client.Configuration;

/// <summary>A revision as .NET's configuration sees it: names with colons, texts, no difference of case. Immutable.</summary>
internal sealed class ConfigurationView
{
    readonly KeyMap<string?> texts;
    readonly KeyMap<string> owners;
    // the names below each path; as long as no name comes or goes, those of the revision before
    readonly Lazy<Dictionary<string, string[]>> children;
    readonly Held source;

    ConfigurationView(Held source, KeyMap<string?> texts, KeyMap<string> owners, Lazy<Dictionary<string, string[]>> children, IReadOnlyList<string> problems) =>
        (this.source, this.texts, this.owners, this.children, Problems) = (source, texts, owners, children, problems);

    internal static ConfigurationView Empty { get; } = new(Held.Nothing, KeyMap<string?>.EmptyIgnoringCase, KeyMap<string>.EmptyIgnoringCase, Children(KeyMap<string?>.EmptyIgnoringCase), []);

    /// <summary>Keys that have no name here, or share one.</summary>
    internal IReadOnlyList<string> Problems { get; }

    internal bool TryGet(string name, out string? text) => texts.TryGetValue(name, out text);

    /// <summary>The same, with one text set by the app itself.</summary>
    internal ConfigurationView With(string name, string? text)
    {
        var now = texts.Edit();
        now[name] = text;
        var all = now.Map();
        return new ConfigurationView(Held.Nothing, all, owners, Children(all), Problems);
    }

    /// <summary>The names of the next level below a path, with those of the providers before.</summary>
    internal IEnumerable<string> ChildKeys(IEnumerable<string> earlier, string? path)
    {
        var own = children.Value.GetValueOrDefault(path ?? "") ?? [];
        var before = earlier as ICollection<string> ?? [.. earlier];
        return before.Count == 0 ? own : own.Concat(before).Order(ConfigurationKeyComparer.Instance);
    }

    /// <summary>The view of what is held, from the view of what was, if only that has changed which lies between.</summary>
    internal static ConfigurationView Of(Held held, ConfigurationView before) =>
        held.Since is { } since && ReferenceEquals(since.Base.Items, before.source.Items) && before.Problems.Count == 0 ? before.After(held, since.Keys) ?? Of(held) : Of(held);

    internal static ConfigurationView Of(Held held)
    {
        var texts = new KeyMap<string?>.Editor(held.Items.Count, ignoreCase: true);
        var owners = new KeyMap<string>.Editor(held.Items.Count, ignoreCase: true);
        var problems = new List<string>();
        var named = new List<(string Name, SteleValue Value)>();
        foreach (var item in held.Items.Values.OrderBy(item => item.Key, StringComparer.Ordinal))
            if (NameOf(item.Key) is { } name) named.Add((name, item));
            else problems.Add($"The key {item.Key} has no name in .NET's configuration, because a part of it is empty, and is left out. Rename it.");
        // what is a value of its own goes before what is inside another's JSON
        foreach (var (name, item) in named.OrderBy(one => one.Value.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array))
            foreach (var (at, text) in Texts(name, item.Value))
                if (owners.TryAdd(at, item.Key)) texts[at] = text;
                else if (owners.TryGetValue(at, out var owner)) problems.Add($"The keys {owner} and {item.Key} both are {at} in .NET's configuration; {owner} is taken. Rename one, or delete it.");
        var all = texts.Map();
        return new ConfigurationView(held, all, owners.Map(), Children(all), problems);
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
        var (nowTexts, nowOwners) = (texts.Edit(), owners.Edit());
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
        var all = nowTexts.Map();
        return new ConfigurationView(held, all, nowOwners.Map(), gone.SetEquals(come) ? children : Children(all), []);
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

    // of all paths at once, when the first is asked for: who binds asks for many
    static Lazy<Dictionary<string, string[]>> Children(KeyMap<string?> texts) => new(() =>
    {
        var found = new Dictionary<string, HashSet<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, _) in texts)
            for (var from = 0; from >= 0;)
            {
                var end = name.IndexOf(':', from);
                var path = from == 0 ? "" : name[..(from - 1)];
                if (!found.TryGetValue(path, out var names)) found[path] = names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
                names.Add(end < 0 ? name[from..] : name[from..end]);
                from = end < 0 ? -1 : end + 1;
            }
        return found.ToDictionary(pair => pair.Key, pair => (string[])[.. pair.Value.Order(ConfigurationKeyComparer.Instance)], StringComparer.OrdinalIgnoreCase);
    });
}
