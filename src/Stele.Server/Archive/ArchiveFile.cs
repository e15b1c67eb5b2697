using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Stele.Server.Archive;

/// <summary>
/// The files of an archive, one a month, called <c>journal-2026-09.jsonl.gz</c>. docs/operations/archive-and-redaction.md has
/// their format: gzip over lines of JSON, the last of which counts the others and gives their SHA-256.
/// </summary>
internal static partial class ArchiveFile
{
    /// <summary>The format that this code writes and reads.</summary>
    public const int Format = 1;

    const int OpenReadOnly = 0;

    /// <summary>The name of a month's file.</summary>
    public static string NameOf(DateOnly month) => string.Create(CultureInfo.InvariantCulture, $"journal-{month:yyyy-MM}.jsonl.gz");

    /// <summary>The month of a file by its name, or null when it is none of ours.</summary>
    public static DateOnly? MonthOf(string path) => Name().Match(Path.GetFileName(path)) is { Success: true } match
        && DateOnly.TryParseExact(match.Groups[1].Value, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out var month) ? month : null;

    /// <summary>A month as people write it.</summary>
    public static string Text(DateOnly month) => month.ToString("yyyy-MM", CultureInfo.InvariantCulture);

    /// <summary>Where a file is written before it has its name.</summary>
    public static string TemporaryOf(string path) => path + ".tmp";

    /// <summary>Gives a written file its name, for good: a crash of the machine later leaves it there, whole.</summary>
    public static void Publish(string temporary, string path)
    {
        File.Move(temporary, path, overwrite: true);
        var directory = Path.GetDirectoryName(path)!;
        var handle = Open(directory, OpenReadOnly);
        if (handle < 0) throw new IOException($"{directory} cannot be opened to make its entries durable.");
        try
        {
            if (Sync(handle) != 0) throw new IOException($"The entries of {directory} could not be made durable.");
        }
        finally
        {
            _ = Close(handle);
        }
    }

    // .NET opens no directories
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    static extern int Sync(int handle);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    static extern int Close(int handle);

    [GeneratedRegex(@"^journal-(\d{4}-\d{2})\.jsonl\.gz$")]
    private static partial Regex Name();
}
