namespace Stele.Cli.Import;

/// <summary>The file formats that import reads and export writes.</summary>
internal enum ConfigFormat
{
    Yaml,
    Json,
    Properties,
    Dotenv,
}

internal static class ConfigFormats
{
    /// <summary>The words that --format takes, with the ending of the files that each writes.</summary>
    internal static readonly IReadOnlyList<(string Word, ConfigFormat Format, string Ending)> All =
    [
        ("yaml", ConfigFormat.Yaml, ".yml"),
        ("json", ConfigFormat.Json, ".json"),
        ("properties", ConfigFormat.Properties, ".properties"),
        ("env", ConfigFormat.Dotenv, ".env"),
    ];

    /// <summary>By the ending of the name; null for a file that is none of ours.</summary>
    internal static ConfigFormat? OfFile(string name) => Path.GetExtension(name).ToLowerInvariant() switch
    {
        ".yml" or ".yaml" => ConfigFormat.Yaml,
        ".json" => ConfigFormat.Json,
        ".properties" => ConfigFormat.Properties,
        ".env" => ConfigFormat.Dotenv,
        _ => null,
    };

    internal static string Ending(ConfigFormat format) => All.First(known => known.Format == format).Ending;
}
