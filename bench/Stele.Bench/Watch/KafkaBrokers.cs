using System.Runtime.InteropServices;
using Stele.Bench.Peers;

namespace Stele.Bench.Watch;

/// <summary>
/// Brokers for hints, where the environment names none: librdkafka's own, which speak Kafka's protocol over TCP and keep what they are sent in memory.
/// What they cost says nothing of a Kafka's; what Stele adds to them does.
/// </summary>
internal static partial class KafkaBrokers
{
    const string Library = "librdkafka.so.1", Prefix = "brokers: ";
    const int Producer = 0, Brokers = 3;

    /// <summary>Runs them until it is told to end.</summary>
    public static async Task<int> Run()
    {
        var problem = new byte[512];
        var handle = New(Producer, NewConf(), problem, problem.Length);
        if (handle == 0) throw new InvalidOperationException(System.Text.Encoding.ASCII.GetString(problem).TrimEnd('\0'));
        Console.WriteLine(Prefix + Marshal.PtrToStringAnsi(Bootstraps(NewCluster(handle, Brokers))));
        var ended = new TaskCompletionSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => ended.SetResult());
        await ended.Task;
        return 0;
    }

    /// <summary>Starts them in a process of their own; where they listen.</summary>
    public static async Task<(ChildProcess Process, string Servers)> Start(string work)
    {
        var log = Path.Combine(work, "kafka-brokers.log");
        var process = ChildProcess.Start("dotnet", [typeof(KafkaBrokers).Assembly.Location, "kafka-brokers"], new Dictionary<string, string>(), log);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            await pause.WaitForNextTickAsync();
            using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            var said = await reader.ReadToEndAsync();
            // beside what the library warns of
            if (said.Split('\n')[..^1].FirstOrDefault(line => line.StartsWith(Prefix, StringComparison.Ordinal)) is { } line) return (process, line[Prefix.Length..]);
            if (process.HasExited) throw new InvalidOperationException($"The brokers did not start: {said}");
        }
    }

    [LibraryImport(Library, EntryPoint = "rd_kafka_conf_new")]
    private static partial nint NewConf();

    [LibraryImport(Library, EntryPoint = "rd_kafka_new")]
    private static partial nint New(int type, nint conf, byte[] problem, nint size);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_cluster_new")]
    private static partial nint NewCluster(nint handle, int brokers);

    [LibraryImport(Library, EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    private static partial nint Bootstraps(nint cluster);
}
