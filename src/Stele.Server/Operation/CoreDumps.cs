using System.Runtime.InteropServices;

namespace Stele.Server.Operation;

/// <summary>
/// Of a node that dies nothing is kept: its memory may hold a value that is on its way out, or a key. The limit of core files is 0, and, for systems that
/// pipe cores to a program and look at no limit, the kernel is told to put none of the process's memory into one.
/// </summary>
internal static class CoreDumps
{
    const int Core = 4;
    const string Filter = "/proc/self/coredump_filter";

    /// <summary>Switches them off, for this process and those that it starts; why that failed, or null.</summary>
    public static string? SwitchOff()
    {
        if (!OperatingSystem.IsLinux()) return null;
        var none = new Limit { Soft = 0, Hard = 0 };
        if (SetLimit(Core, in none) != 0) return $"The limit of core dumps could not be set (error {Marshal.GetLastPInvokeError()}).";
        try
        {
            File.WriteAllText(Filter, "0");
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"What a core dump holds could not be set: {e.Message}";
        }
    }

    struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }

    [DllImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    static extern int SetLimit(int resource, in Limit limit);
}
