using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Stele.Server.Tests.Outbound.Kafka;

/// <summary>
/// librdkafka's own brokers, which speak Kafka's protocol over TCP and keep what they are sent in memory: the only brokers that these tests know. They
/// make a topic when it is asked for, and they can be stopped and started. Skips the test where librdkafka is not installed.
/// </summary>
sealed class MockKafka : IDisposable
{
    public const string Library = "librdkafka.so.1";
    const int Producer = 0, Brokers = 3;

    readonly nint handle, cluster;

    public MockKafka()
    {
        Assert.SkipUnless(NativeLibrary.TryLoad(Library, out _), "librdkafka1 is not installed");
        var problem = new StringBuilder(512);
        handle = rd_kafka_new(Producer, rd_kafka_conf_new(), problem, problem.Capacity);
        Assert.True(handle != 0, problem.ToString());
        cluster = rd_kafka_mock_cluster_new(handle, Brokers);
        Servers = Marshal.PtrToStringAnsi(rd_kafka_mock_cluster_bootstraps(cluster))!;
    }

    /// <summary>Where they listen.</summary>
    public string Servers { get; }

    /// <summary>Closes every broker's connections, and takes none.</summary>
    public void Stop()
    {
        for (var id = 1; id <= Brokers; id++) rd_kafka_mock_broker_set_down(cluster, id);
    }

    public void Start()
    {
        for (var id = 1; id <= Brokers; id++) rd_kafka_mock_broker_set_up(cluster, id);
    }

    /// <summary>What a process of another program reads of a topic: kcat, from the first message to the last that is there.</summary>
    public List<KafkaLine> Read(string topic)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/kcat"), "kcat is not installed");
        var start = new ProcessStartInfo("/usr/bin/kcat", ["-C", "-q", "-e", "-b", Servers, "-t", topic, "-o", "beginning", "-f", "%p\\t%o\\t%k\\t%h\\t%s\\n"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var lines = new List<KafkaLine>();
        while (process.StandardOutput.ReadLine() is { } line) lines.Add(KafkaLine.Parse(line));
        process.WaitForExit();
        return lines;
    }

    public void Dispose()
    {
        rd_kafka_mock_cluster_destroy(cluster);
        rd_kafka_destroy(handle);
    }

    [DllImport(Library)]
    static extern nint rd_kafka_conf_new();

    [DllImport(Library, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    static extern nint rd_kafka_new(int type, nint conf, StringBuilder problem, nint size);

    [DllImport(Library)]
    static extern void rd_kafka_destroy(nint handle);

    [DllImport(Library)]
    static extern nint rd_kafka_mock_cluster_new(nint handle, int brokers);

    [DllImport(Library)]
    static extern void rd_kafka_mock_cluster_destroy(nint cluster);

    [DllImport(Library)]
    static extern nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [DllImport(Library)]
    static extern int rd_kafka_mock_broker_set_down(nint cluster, int id);

    [DllImport(Library)]
    static extern int rd_kafka_mock_broker_set_up(nint cluster, int id);
}

/// <summary>A message as kcat prints it.</summary>
sealed record KafkaLine(int Partition, long Offset, string Key, Dictionary<string, string> Headers, System.Text.Json.JsonElement Json, string Text)
{
    public System.Text.Json.JsonElement Data => Json.GetProperty("data");

    public string Id => Json.GetProperty("id").GetString()!;

    public long Version => Data.GetProperty("stream_version").GetInt64();

    public static KafkaLine Parse(string line)
    {
        var parts = line.Split('\t', 5);
        return new KafkaLine(int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture), long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture), parts[2],
            parts[3].Split(',').Select(header => header.Split('=', 2)).ToDictionary(header => header[0], header => header[1]), System.Text.Json.JsonDocument.Parse(parts[4]).RootElement, parts[4]);
    }
}
