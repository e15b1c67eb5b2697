using Stele.Cli.Import;
using Xunit;

namespace Stele.Core.Tests.Import;

/// <summary>Reads texts as import does, without a disk.</summary>
internal static class ImportRead
{
    internal static (ImportSet Set, ImportNotes Notes) Files(params (string Name, string Text)[] files) => Read(new NamingRules(null, false, false), false, files);

    internal static (ImportSet Set, ImportNotes Notes) Read(NamingRules rules, bool infer, params (string Name, string Text)[] files)
    {
        var notes = new ImportNotes();
        var stems = files.Select(file => Path.GetFileNameWithoutExtension(file.Name)).ToHashSet();
        var sources = files.Select(file =>
        {
            var (service, profile) = ImportFiles.Owner("/config/payments", file.Name, stems, rules);
            return new SourceFile(file.Name, service, profile, ConfigFormats.OfFile(file.Name)!.Value, file.Text);
        });
        return (ImportSet.Read(sources, "dev", infer, notes), notes);
    }

    /// <summary>"environment key=json" lines, when nothing was wrong.</summary>
    internal static string[] Lines(string name, string text)
    {
        var (set, notes) = Files((name, text));
        Assert.Empty(notes.Problems);
        return Lines(set);
    }

    internal static string[] Lines(ImportSet set) => [.. set.Entries.Select(entry => $"{entry.Environment} {entry.Key}={entry.Json}")];
}
