using Stele.Cli.Import;
using Stele.Core.Configs;

namespace Stele.Cli.Export;

/// <summary>A file of an export.</summary>
internal sealed record ExportFile(string Name, string Text);

/// <summary>
/// An environment as files: one per service, named after it, its keys without the service; so that import puts them
/// back where they were. What a service's file cannot say goes to one more file whose keys are whole: a key that is
/// only a service, one that import would read as a profile, services whose names differ only in case.
/// </summary>
internal static class ExportFiles
{
    internal const string RestName = "stele-other-keys";

    /// <summary>Everything in one text, keys whole.</summary>
    internal static string One(IEnumerable<ExportEntry> entries, ConfigFormat format) => Write(entries, format, wholeKeys: true);

    internal static IReadOnlyList<ExportFile> PerService(IEnumerable<ExportEntry> entries, ConfigFormat format)
    {
        var rest = new List<ExportEntry>();
        var services = new Dictionary<string, List<ExportEntry>>(StringComparer.OrdinalIgnoreCase);
        foreach (var entry in entries)
        {
            var service = ConfigKey.Parse(entry.Key, null).Service;
            if (service.Length == entry.Key.Length || ActivationKeys.Is(entry.Key[(service.Length + 1)..]) || service.Equals(RestName, StringComparison.OrdinalIgnoreCase)) rest.Add(entry);
            else if (!services.TryGetValue(service, out var group)) services[service] = [entry];
            else if (ConfigKey.Parse(group[0].Key, null).Service == service) group.Add(entry);
            else rest.Add(entry);
        }
        var files = services.OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => new ExportFile(group.Key + ConfigFormats.Ending(format), Write(group.Value.Select(entry => entry with { Key = entry.Key[(group.Key.Length + 1)..] }), format, wholeKeys: false)));
        return rest.Count == 0 ? [.. files] : [.. files, new ExportFile(RestName + ConfigFormats.Ending(format), One(rest, format))];
    }

    static string Write(IEnumerable<ExportEntry> entries, ConfigFormat format, bool wholeKeys) => format switch
    {
        ConfigFormat.Yaml => YamlText.Write(entries, wholeKeys),
        ConfigFormat.Json => JsonTreeText.Write(entries, wholeKeys),
        ConfigFormat.Properties => FlatText.WriteProperties(entries, wholeKeys),
        _ => FlatText.WriteDotenv(entries, wholeKeys),
    };
}
