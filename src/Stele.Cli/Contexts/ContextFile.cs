using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stele.Cli.Contexts;

/// <summary>The user's contexts: contexts.json in XDG_CONFIG_HOME/stele or ~/.config/stele, mode 600 because tokens are in it.</summary>
internal sealed record ContextFile
{
    public string? Current { get; init; }

    public IReadOnlyDictionary<string, SteleContext> Contexts { get; init; } = new Dictionary<string, SteleContext>();

    /// <summary>Where it is; null: nobody has a home here.</summary>
    internal static string? PathOf(Surroundings surroundings)
    {
        if (surroundings.Variable("XDG_CONFIG_HOME") is { Length: > 0 } config) return Path.Combine(config, "stele", "contexts.json");
        return surroundings.Variable("HOME") is { Length: > 0 } home ? Path.Combine(home, ".config", "stele", "contexts.json") : null;
    }

    internal static ContextFile Read(Surroundings surroundings)
    {
        if (PathOf(surroundings) is not { } path || !File.Exists(path)) return new ContextFile();
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ContextJson.Default.ContextFile) ?? new ContextFile();
        }
        catch (JsonException e)
        {
            throw new IOException($"{path} cannot be read: {e.Message} Correct it, or delete it and log in again.");
        }
    }

    /// <summary>Replaces it whole; nobody else can read it at any moment.</summary>
    internal void Write(Surroundings surroundings)
    {
        var path = PathOf(surroundings) ?? throw new IOException("there is no place for contexts: HOME is not set");
        var directory = Path.GetDirectoryName(path)!;
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(directory);
        else
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        var temporary = $"{path}.{System.Environment.ProcessId}";
        using (var file = new FileStream(temporary, options)) JsonSerializer.Serialize(file, this, ContextJson.Default.ContextFile);
        File.Move(temporary, path, overwrite: true);
    }

    internal ContextFile With(string name, SteleContext context, bool current) =>
        new() { Current = current ? name : Current, Contexts = new Dictionary<string, SteleContext>(Contexts) { [name] = context } };

    internal ContextFile Without(string name) =>
        new() { Current = Current == name ? null : Current, Contexts = Contexts.Where(pair => pair.Key != name).ToDictionary(pair => pair.Key, pair => pair.Value) };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ContextFile))]
internal sealed partial class ContextJson : JsonSerializerContext;
