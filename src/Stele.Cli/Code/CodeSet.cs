using System.Text.Json;
using Stele.Cli.Import;
using Stele.Cli.Values;
using Stele.Core.Orgs;

namespace Stele.Cli.Code;

/// <summary>An environment as its directory says it is to be.</summary>
/// <param name="Name">The environment.</param>
/// <param name="Values">By key.</param>
/// <param name="Schemas">By key.</param>
/// <param name="Flags">By name; shared rules as $evaluators/NAME. Null: the directory says nothing of flags.</param>
internal sealed record CodeEnvironment(string Name, IReadOnlyDictionary<string, ImportEntry> Values, IReadOnlyDictionary<string, JsonElement> Schemas, IReadOnlyDictionary<string, JsonElement>? Flags);

/// <summary>
/// Configuration as code: <c>ENV/config/SERVICE.yml</c> as export writes them, <c>ENV/schemas.yml</c> (key: schema),
/// <c>ENV/flags.yml</c> (a flagd file).
/// </summary>
internal static class CodeSet
{
    internal const string ConfigDirectory = "config", SchemasFile = "schemas.yml", FlagsFile = "flags.yml", Rules = "$evaluators";

    internal static IReadOnlyList<CodeEnvironment> Read(string root, ImportNotes notes)
    {
        var found = new List<CodeEnvironment>();
        foreach (var directory in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(directory);
            if (name[0] == '.') continue;
            if (EnvironmentName.TryParse(name, out _)) found.Add(Environment(root, name, notes));
            else notes.Problems.Add(new SourceNote(name, 0, $"cannot be an environment. {EnvironmentName.Message}"));
        }
        return found;
    }

    static CodeEnvironment Environment(string root, string name, ImportNotes notes)
    {
        var values = new Dictionary<string, ImportEntry>(StringComparer.Ordinal);
        var config = Path.Combine(root, name, ConfigDirectory);
        if (Directory.Exists(config))
        {
            var (files, skipped) = ImportFiles.Read(config, new NamingRules(null, false, false), notes);
            foreach (var file in skipped) notes.Problems.Add(new SourceNote(file, 0, "is of no known format"));
            foreach (var entry in ImportSet.Read(files, name, false, notes).Entries)
                if (entry.Environment == name) values[entry.Key] = entry;
                else notes.Problems.Add(new SourceNote(entry.File, entry.Line, $"is for {entry.Environment}, and lies in {name}"));
        }
        var schemas = Members(Path.Combine(root, name, SchemasFile), notes)?.ToDictionary(member => member.Name, member => Json(member.Value), StringComparer.Ordinal) ?? [];
        foreach (var key in schemas.Keys.Where(key => !values.ContainsKey(key))) notes.Problems.Add(new SourceNote($"{name}/{SchemasFile}", 0, $"{key} has a schema and no value: a schema belongs to a value"));
        return new CodeEnvironment(name, values, schemas, Flags(Path.Combine(root, name, FlagsFile), notes));
    }

    static Dictionary<string, JsonElement>? Flags(string path, ImportNotes notes)
    {
        if (Members(path, notes) is not { } members) return null;
        var flags = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        try
        {
            foreach (var (name, _, value) in members)
                if (name is "flags" or Rules)
                    foreach (var flag in Each(value, path, notes)) flags[name == Rules ? $"{Rules}/{flag.Name}" : flag.Name] = Json(flag.Value);
                else if (name == "metadata") flags["$metadata"] = Json(value);
                else if (!name.StartsWith('$')) notes.Problems.Add(new SourceNote(path, value.Line, $"{name} is not known in a file of flags: flags, {Rules} and metadata are"));
        }
        catch (SourceFormatException e)
        {
            notes.Problems.Add(new SourceNote(path, e.Line, e.Message));
        }
        return flags;
    }

    // null: there is no such file, or it is not one (which is noted)
    static List<MapMember>? Members(string path, ImportNotes notes)
    {
        if (!File.Exists(path)) return null;
        try
        {
            var text = File.ReadAllText(path);
            var members = YamlSource.Parse(text) switch
            {
                [] => [],
                [var only] => Each(only, path, notes),
                [_, var other, ..] => throw new SourceFormatException(other.Line, "one map of names is expected, and here is a second document"),
            };
            // what is no JSON, or swells by its aliases, is said here, where the file is known
            foreach (var member in members) Json(member.Value, text.Length);
            return members;
        }
        catch (SourceFormatException e)
        {
            notes.Problems.Add(new SourceNote(path, e.Line, e.Message));
            return null;
        }
    }

    // of a map's members those that are there once; of nothing none
    static List<MapMember> Each(SourceNode node, string path, ImportNotes notes)
    {
        if (node is ScalarNode { Json: "null" }) return [];
        if (node is not MapNode map) throw new SourceFormatException(node.Line, "a map of names is expected");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var twice in map.Members.Where(member => !names.Add(member.Name))) notes.Problems.Add(new SourceNote(path, twice.Line, $"{JsonText.Quote(twice.Name)} is set a second time"));
        return [.. map.Members.DistinctBy(member => member.Name)];
    }

    static JsonElement Json(SourceNode node, int characters = int.MaxValue) => JsonText.Parse(Flattening.ToJson(node, characters)) ?? throw new SourceFormatException(node.Line, "cannot be written as JSON");
}
