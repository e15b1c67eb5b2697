using Stele.Cli.Values;
using Stele.Core.Configs;

namespace Stele.Cli.Import;

/// <summary>One value to import.</summary>
internal sealed record ImportEntry(string Environment, string Key, string Json, string File, int Line);

/// <summary>What files say, per environment and key. A key said twice has the last value, and a warning says so.</summary>
internal sealed class ImportSet
{
    readonly Dictionary<(string Environment, string Key), ImportEntry> entries = [];

    /// <summary>Values in the files, those that a later one replaced included.</summary>
    internal int Leaves { get; private set; }

    /// <summary>By environment and key, ordinally.</summary>
    internal IReadOnlyList<ImportEntry> Entries => [.. entries.Values.OrderBy(entry => entry.Environment, StringComparer.Ordinal).ThenBy(entry => entry.Key, StringComparer.Ordinal)];

    /// <summary>Reads files: documents without a profile for <paramref name="environment"/>, the others for theirs.</summary>
    internal static ImportSet Read(IEnumerable<SourceFile> files, string environment, bool infer, ImportNotes notes)
    {
        var set = new ImportSet();
        foreach (var file in files)
            try
            {
                var service = TypedTextSaysWhole(file) ? null : file.Service;
                foreach (var document in Parse(file with { Service = service }, infer, out service)) set.Add(file, service, document, environment, notes);
            }
            catch (SourceFormatException e)
            {
                notes.Problems.Add(new SourceNote(file.Name, e.Line, e.Message));
            }
        return set;
    }

    /// <summary>The documents of a file; its service is null if the file says that its keys are whole.</summary>
    static IReadOnlyList<SourceDocument> Parse(SourceFile file, bool infer, out string? service)
    {
        service = file.Service;
        switch (file.Format)
        {
            case ConfigFormat.Yaml:
                return [.. YamlSource.Parse(file.Text).Select(root => new SourceDocument(Flattening.Flatten(root, file.Text.Length), root.Line))];
            case ConfigFormat.Properties:
                return PropertiesSource.Parse(file.Text, infer);
            case ConfigFormat.Dotenv:
                return [DotenvSource.Parse(file.Text, infer)];
            default:
                var root = JsonSource.Parse(file.Text);
                // JSON has no comments to carry the directive, so a member does; '$' begins no key.
                if (root is MapNode map && map.Members.Any(IsWholeKeysMember))
                {
                    service = null;
                    root = map with { Members = [.. map.Members.Where(member => !IsWholeKeysMember(member))] };
                }
                return [new SourceDocument(Flattening.Flatten(root, file.Text.Length), 1)];
        }
    }

    void Add(SourceFile file, string? service, SourceDocument document, string environment, ImportNotes notes)
    {
        IReadOnlyList<string> environments = [file.Profile ?? environment];
        if (service is not null)
        {
            var (profiles, line) = ActivationKeys.Of(document);
            if (Refuse(file, profiles) is { } reason)
            {
                notes.Problems.Add(new SourceNote(file.Name, line, reason));
                return;
            }
            if (profiles.Count > 0) environments = profiles;
        }
        foreach (var leaf in document.Leaves)
        {
            if (service is not null && ActivationKeys.Is(leaf.Path)) continue;
            if (service is not null && leaf.Path == ActivationKeys.CloudPlatform)
                notes.Warnings.Add(new SourceNote(file.Name, leaf.Line, $"{leaf.Path} limits the document to a platform in Spring; here it is a value like any other"));
            Leaves++;
            Add(file, service is null ? leaf.Path : $"{service}.{leaf.Path}", leaf, environments, notes);
        }
    }

    void Add(SourceFile file, string key, SourceLeaf leaf, IReadOnlyList<string> environments, ImportNotes notes)
    {
        if (!ConfigKey.TryParse(key, out _, out var rule, out var message))
        {
            notes.Problems.Add(new SourceNote(file.Name, leaf.Line, $"{Show(key)} is not a key ({rule}): {message}"));
            return;
        }
        foreach (var environment in environments)
        {
            var entry = new ImportEntry(environment, key, leaf.Json, file.Name, leaf.Line);
            if (entries.TryGetValue((environment, key), out var earlier))
                notes.Warnings.Add(new SourceNote(file.Name, leaf.Line, $"{key} is set twice for {environment}, first in {(earlier.File == file.Name ? "" : earlier.File + " ")}line {earlier.Line}: this, the last value, is taken"));
            entries[(environment, key)] = entry;
        }
    }

    static string? Refuse(SourceFile file, IReadOnlyList<string> profiles)
    {
        if (file.Profile is { } profile)
            return ActivationKeys.Refuse(profile) ?? (profiles.Count > 0 && !profiles.SequenceEqual([profile])
                ? $"the file's name gives the profile {profile} and the document {string.Join(", ", profiles)}: it can hold for one only" : null);
        return profiles.Select(ActivationKeys.Refuse).FirstOrDefault(reason => reason is not null);
    }

    static bool IsWholeKeysMember(MapMember member) => member.Name == "$stele" && member.Value is MapNode { Members: [{ Name: "keys", Value: ScalarNode { Json: "\"whole\"" } }] };

    static bool TypedTextSaysWhole(SourceFile file) => file.Format != ConfigFormat.Json && TypedText.SaysWholeKeys(file.Text);

    static string Show(string key) => JsonText.Quote(key.Length > 80 ? string.Concat(key.AsSpan(0, 80), "…") : key);
}
