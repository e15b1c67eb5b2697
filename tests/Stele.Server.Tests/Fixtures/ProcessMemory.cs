using System.Globalization;

namespace Stele.Server.Tests.Fixtures;

/// <summary>Looks through the memory of another process, as who has a core dump of it can.</summary>
static class ProcessMemory
{
    /// <summary>How often some bytes stand in the memory that a process can write to.</summary>
    public static int Count(int processId, ReadOnlySpan<byte> bytes)
    {
        using var memory = new FileStream($"/proc/{processId}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        var (found, buffer) = (0, new byte[4 << 20]);
        foreach (var line in File.ReadLines($"/proc/{processId}/maps"))
        {
            var parts = line.Split(' ', 3);
            if (!parts[1].StartsWith("rw", StringComparison.Ordinal)) continue;
            var range = parts[0].Split('-').Select(text => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToArray();
            // a little is read twice, so that nothing lies across two pieces unseen
            for (var at = range[0]; at < range[1]; at += (ulong)(buffer.Length - bytes.Length))
            {
                var length = (int)Math.Min((ulong)buffer.Length, range[1] - at);
                int read;
                try
                {
                    memory.Position = (long)at;
                    read = memory.Read(buffer, 0, length);
                }
                catch (IOException)
                {
                    // reserved, and never touched
                    break;
                }
                for (var rest = buffer.AsSpan(0, read); rest.IndexOf(bytes) is >= 0 and var index; rest = rest[(index + 1)..]) found++;
                if (length < buffer.Length) break;
            }
        }
        return found;
    }
}
