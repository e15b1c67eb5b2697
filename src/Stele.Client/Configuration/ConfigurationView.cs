using System.Collections.Frozen;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Stele.Client.Following;

namespace Stele.Client.Configuration;

/// <summary>A revision as .NET's configuration sees it: names with colons, texts, no difference of case. Immutable.</summary>
internal sealed class ConfigurationView
{
    readonly Dictionary<string, string?> texts;

    ConfigurationView(Dictionary<string, string?> texts, IReadOnlyList<string> problems) => (this.texts, Problems) = (texts, problems);

    internal static ConfigurationView Empty { get; } = new([], []);

    /// <summary>Keys that have no name here, or share one.</summary>
    internal IReadOnlyList<string> Problems { get; }

    internal bool TryGet(string name, out string? text) => texts.TryGetValue(name, out text);

    /// <summary>The same, with one text set by the app itself.</summary>
    internal ConfigurationView With(string name, string? text) => new(new Dictionary<string, string?>(texts, StringComparer.OrdinalIgnoreCase) { [name] = text }, Problems);

    /// <summary>The names of the next level below a path, with those of the providers before.</summary>
    internal IEnumerable<string> ChildKeys(IEnumerable<string> earlier, string? path)
    {
        var found = new List<string>();
        foreach (var name in texts.Keys)
            if (path is null) found.Add(Segment(name, 0));
            else if (name.Length > path.Length && name[path.Length] == ':' && name.StartsWith(path, StringComparison.OrdinalIgnoreCase)) found.Add(Segment(name, path.Length + 1));
        found.AddRange(earlier);
        found.Sort(ConfigurationKeyComparer.Instance.Compare);
        return found;
    }

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
        foreach (var (name, item) in named)
            if (item.Value.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array)) Add(name, item.Value.ValueKind == JsonValueKind.Null ? null : item.Text, item.Key);
        foreach (var (name, item) in named)
            if (item.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array) Flatten(name, item.Value, item.Key);
        return new ConfigurationView(texts, problems);

        void Add(string name, string? text, string key)
        {
            if (owners.TryAdd(name, key)) texts[name] = text;
            else problems.Add($"The keys {owners[name]} and {key} both are {name} in .NET's configuration; {owners[name]} is taken. Rename one, or delete it.");
        }

        void Flatten(string name, JsonElement value, string key)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object when value.GetPropertyCount() > 0:
                    foreach (var member in value.EnumerateObject()) Flatten($"{name}:{member.Name}", member.Value, key);
                    break;
                case JsonValueKind.Array when value.GetArrayLength() > 0:
                    foreach (var (index, item) in value.EnumerateArray().Index()) Flatten(FormattableString.Invariant($"{name}:{index}"), item, key);
                    break;
                case JsonValueKind.Object or JsonValueKind.Null:
                    Add(name, null, key);
                    break;
                default:
                    Add(name, value.ValueKind == JsonValueKind.Array ? "" : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText(), key);
                    break;
            }
        }
    }

    /// <summary><c>services.payment.hosts[0].name</c> is <c>services:payment:hosts:0:name</c>; null where a part would be empty.</summary>
    internal static string? NameOf(string key)
    {
        var name = key.Replace("].", ":", StringComparison.Ordinal).Replace("][", ":", StringComparison.Ordinal).Replace('.', ':').Replace('[', ':').Replace("]", "", StringComparison.Ordinal);
        return name.Length == 0 || name[0] == ':' || name[^1] == ':' || name.Contains("::", StringComparison.Ordinal) ? null : name;
    }

    static string Segment(string name, int from) => name.IndexOf(':', from) is var end and >= 0 ? name[from..end] : name[from..];
}
