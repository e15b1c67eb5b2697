using System.Text;
using System.Text.RegularExpressions;

namespace Stele.Cli.Import;

/// <summary>A file to import.</summary>
/// <param name="Name">As shown to people.</param>
/// <param name="Service">What goes before its keys; null when its keys are whole.</param>
/// <param name="Profile">The profile that its name gives, with --profile-files.</param>
internal sealed record SourceFile(string Name, string? Service, string? Profile, ConfigFormat Format, string Text);

/// <summary>How files are named.</summary>
/// <param name="Service">--service: instead of the files' names.</param>
/// <param name="WholeKeys">--whole-keys: the keys in the files are whole.</param>
/// <param name="ProfileFiles">--profile-files: NAME-PROFILE.yml is NAME's for that profile.</param>
internal sealed record NamingRules(string? Service, bool WholeKeys, bool ProfileFiles);

/// <summary>Which files an import reads, and whose they are. The one part of reading that touches the disk.</summary>
internal static partial class ImportFiles
{
    /// <summary>A larger file is not configuration.</summary>
    internal const long FileBytesMax = 256 << 20;

    static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The files of a path, in ordinal order, and the names of those that are of no known format.</summary>
    internal static (List<SourceFile> Files, List<string> Skipped) Read(string path, NamingRules rules, ImportNotes notes)
    {
        if (File.Exists(path))
        {
            var format = FormatOf(Path.GetFileName(path), rules);
            return format is null ? ([], [path]) : (Load([(path, Path.GetFileName(path), format.Value)], rules, notes), []);
        }
        var found = Walk(path).Select(file => (Path: file, Name: Path.GetRelativePath(path, file).Replace('\\', '/'))).OrderBy(file => file.Name, StringComparer.Ordinal).ToList();
        var known = found.Where(file => FormatOf(Path.GetFileName(file.Path), rules) is not null).ToList();
        return (Load([.. known.Select(file => (file.Path, file.Name, FormatOf(Path.GetFileName(file.Path), rules)!.Value))], rules, notes), [.. found.Except(known).Select(file => file.Name)]);
    }

    /// <summary>Strict UTF-8, or UTF-16 where a byte-order mark says so; null if it is neither.</summary>
    internal static string? Decode(byte[] bytes)
    {
        try
        {
            return bytes switch
            {
                [0xEF, 0xBB, 0xBF, ..] => StrictUtf8.GetString(bytes.AsSpan(3)),
                [0xFF, 0xFE, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(2)),
                [0xFE, 0xFF, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(2)),
                _ => StrictUtf8.GetString(bytes),
            };
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>
    /// The service and the profile in a file's name. A name is split at a '-' only with --profile-files, and only where
    /// what stands before it is a file of the same directory, or "application": customers-service.yml is a service.
    /// </summary>
    internal static (string? Service, string? Profile) Owner(string directory, string name, IReadOnlySet<string> stems, NamingRules rules)
    {
        var (stem, profile) = (Stem(name), (string?)null);
        if (rules.ProfileFiles && DotenvOfProfile().Match(name) is { Success: true } dotenv) (stem, profile) = ("", dotenv.Groups[1].Value);
        else if (rules.ProfileFiles && OwnerLength(stem, stems) is > 0 and var length) (stem, profile) = (stem[..length], stem[(length + 1)..]);
        if (rules.WholeKeys) return (null, profile);
        if (rules.Service is not null) return (rules.Service, profile);
        // A bare ".env" has no name of its own: it belongs to the directory it lies in.
        return (stem.Length > 0 ? stem : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))), profile);
    }

    /// <summary>The longest part before a '-' that is a service known beside this file; 0 if there is none.</summary>
    static int OwnerLength(string stem, IReadOnlySet<string> stems) =>
        Enumerable.Range(1, Math.Max(0, stem.Length - 2)).LastOrDefault(dash => stem[dash] == '-' && (stem[..dash] == "application" || stems.Contains(stem[..dash])));

    static List<SourceFile> Load(IReadOnlyList<(string Path, string Name, ConfigFormat Format)> files, NamingRules rules, ImportNotes notes)
    {
        var stems = files.GroupBy(file => Directory(file.Path)).ToDictionary(group => group.Key, group => group.Select(file => Stem(Path.GetFileName(file.Path))).ToHashSet(StringComparer.Ordinal));
        var loaded = new List<SourceFile>();
        foreach (var (path, name, format) in files)
        {
            if (new FileInfo(path).Length > FileBytesMax)
                notes.Problems.Add(new SourceNote(name, 0, $"larger than {FileBytesMax >> 20} MiB"));
            else if (Decode(File.ReadAllBytes(path)) is not { } text)
                notes.Problems.Add(new SourceNote(name, 0, "neither UTF-8 nor UTF-16 with a byte-order mark: save it as UTF-8"));
            else
            {
                var (service, profile) = Owner(Directory(path), Path.GetFileName(path), stems[Directory(path)], rules);
                loaded.Add(new SourceFile(name, service, profile, format, text));
            }
        }
        return loaded;
    }

    /// <summary>Below a directory, hidden ones (.git) and links left out.</summary>
    static IEnumerable<string> Walk(string directory)
    {
        foreach (var file in System.IO.Directory.EnumerateFiles(directory)) yield return file;
        foreach (var below in new DirectoryInfo(directory).EnumerateDirectories())
            if (below.Name[0] != '.' && below.LinkTarget is null)
                foreach (var file in Walk(below.FullName)) yield return file;
    }

    static ConfigFormat? FormatOf(string name, NamingRules rules) =>
        ConfigFormats.OfFile(name) ?? (rules.ProfileFiles && DotenvOfProfile().IsMatch(name) ? ConfigFormat.Dotenv : null);

    static string Stem(string name) => Path.GetFileNameWithoutExtension(name);

    static string Directory(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";

    [GeneratedRegex(@"^\.env\.([A-Za-z0-9_-]+)$")]
    private static partial Regex DotenvOfProfile();
}
