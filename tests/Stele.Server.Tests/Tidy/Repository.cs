using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>The checkout that these tests read: the directory above this assembly that holds Stele.slnx.</summary>
internal static class Repository
{
    static readonly string[] skipped = ["bin", "obj", "node_modules", "artifacts", ".git", ".stele", ".vs", "TestResults", "dist"];

    public static string Root { get; } = FindRoot();

    /// <summary>Every file that belongs to the repository, as paths from the root with '/'.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(Root).Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    public static string FullPath(string path) => Path.Combine(Root, path);

    public static string Read(string path) => File.ReadAllText(FullPath(path));

    public static bool Exists(string path) => File.Exists(FullPath(path)) || Directory.Exists(FullPath(path));

    /// <summary>The C# sources under the given folders, read and masked.</summary>
    public static IEnumerable<CSharpSource> Sources(params string[] under) => Files
        .Where(path => path.EndsWith(".cs", StringComparison.Ordinal) && under.Any(folder => path.StartsWith(folder + "/", StringComparison.Ordinal)))
        .Select(path => CSharpSource.Read(path));

    static IEnumerable<string> Walk(string directory)
    {
        foreach (var file in Directory.EnumerateFiles(directory)) yield return file;
        foreach (var child in Directory.EnumerateDirectories(directory))
            if (!skipped.Contains(Path.GetFileName(child)))
                foreach (var file in Walk(child)) yield return file;
    }

    static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            if (File.Exists(Path.Combine(directory.FullName, "Stele.slnx"))) return directory.FullName;
        throw new InvalidOperationException("Stele.slnx is in no directory above this assembly.");
    }
}

/// <summary>Somewhere that a rule is broken. <paramref name="Where"/> is what an exemption names.</summary>
internal readonly record struct Breach(string Where, string What);

/// <summary>Exemption lists may only shrink: an entry that nothing needs any more fails the test too.</summary>
internal static class Exemption
{
    public static void Check(string rule, IEnumerable<Breach> breaches, params string[] exempt)
    {
        var found = breaches.ToList();
        var messages = found.Where(breach => !exempt.Contains(breach.Where)).Select(breach => $"{breach.Where}: {breach.What}")
            .Concat(exempt.Where(entry => found.All(breach => breach.Where != entry)).Select(entry => $"{entry}: is exempt and need not be; take it off the list"))
            .ToList();
        Assert.True(messages.Count == 0, $"{rule}\n  {string.Join("\n  ", messages)}");
    }
}
