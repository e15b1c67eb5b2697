using System.IO.MemoryMappedFiles;

namespace Stele.Fuzz.Running;

/// <summary>Which input each worker is at, in a file that outlives the process: a stack overflow leaves nothing else behind.</summary>
internal sealed class LastInputs : IDisposable
{
    const int Workers = 64;

    readonly MemoryMappedFile file;
    readonly MemoryMappedViewAccessor view;

    public LastInputs(string path)
    {
        file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, Workers * sizeof(long));
        view = file.CreateViewAccessor();
        for (var i = 0; i < Workers; i++) view.Write(i * sizeof(long), -1L);
    }

    /// <summary>A worker begins with an input.</summary>
    public void Note(int worker, long index) => view.Write(worker % Workers * sizeof(long), index);

    /// <summary>What the workers of a process that is no more were at.</summary>
    public static IReadOnlyList<long> Of(string path)
    {
        var bytes = File.ReadAllBytes(path);
        return [.. Enumerable.Range(0, bytes.Length / sizeof(long)).Select(i => BitConverter.ToInt64(bytes, i * sizeof(long))).Where(index => index >= 0)];
    }

    public void Dispose()
    {
        view.Dispose();
        file.Dispose();
    }
}
