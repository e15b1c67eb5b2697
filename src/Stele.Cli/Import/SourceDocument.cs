namespace Stele.Cli.Import;

/// <summary>One value of a file.</summary>
/// <param name="Path">Its key within the file, as written: not checked yet.</param>
/// <param name="Json">Its value, as JSON.</param>
/// <param name="Line">Where, from 1.</param>
internal sealed record SourceLeaf(string Path, string Json, int Line);

/// <summary>One document: a file of JSON or .env is one; YAML (<c>---</c>) and .properties (<c>#---</c>) may hold several.</summary>
internal sealed record SourceDocument(IReadOnlyList<SourceLeaf> Leaves, int Line);

/// <summary>Something to tell about a file.</summary>
internal sealed record SourceNote(string File, int Line, string Message)
{
    public override string ToString() => Line > 0 ? $"{File}:{Line}: {Message}" : $"{File}: {Message}";
}

/// <summary>What reading the files turned up: warnings are told; problems stop the import unless they are skipped by name.</summary>
internal sealed class ImportNotes
{
    internal List<SourceNote> Warnings { get; } = [];

    internal List<SourceNote> Problems { get; } = [];
}

/// <summary>The text of one file cannot be read as its format. Caught where files are read, and turned into a problem.</summary>
internal sealed class SourceFormatException(int line, string message) : Exception(message)
{
    internal int Line { get; } = line;
}
