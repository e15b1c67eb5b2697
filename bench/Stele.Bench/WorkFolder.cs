namespace Stele.Bench;

/// <summary>The folder that a run works in: gone after it, but for what its servers logged, which is put beside the report.</summary>
internal static class WorkFolder
{
    /// <summary>Runs in a folder of its own; the exit code: 0 when all bounds hold.</summary>
    public static async Task<int> With(string name, BenchArguments arguments, Func<string, Task<bool>> run)
    {
        var work = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"stele-{name}-{Environment.ProcessId}")).FullName;
        try
        {
            return await run(work) ? 0 : 1;
        }
        finally
        {
            Directory.CreateDirectory(arguments.Out);
            foreach (var log in Directory.GetFiles(work, "*.log")) File.Copy(log, Path.Combine(arguments.Out, $"{name}-{Path.GetFileName(log)}"), overwrite: true);
            Directory.Delete(work, recursive: true);
        }
    }
}
