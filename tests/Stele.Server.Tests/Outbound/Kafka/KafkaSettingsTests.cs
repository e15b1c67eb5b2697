using Microsoft.Extensions.Configuration;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Outbound.Kafka;

/// <summary>What is set of Kafka, and what is wrong with it: said at the start, and without a secret.</summary>
public sealed class KafkaSettingsTests
{
    [Fact]
    public void Nothing_is_needed_where_no_Kafka_is_set()
    {
        var (options, problems) = Read();
        Assert.Empty(problems);
        Assert.Null(options!.Kafka);
        Assert.False(options.CarriesHints("kafka"));
    }

    [Fact]
    public void The_file_is_passed_on_and_what_Stele_sets_itself_is_refused()
    {
        Assert.SkipUnless(System.Runtime.InteropServices.NativeLibrary.TryLoad(SteleSettings.KafkaLibrary, out _), "librdkafka1 is not installed");
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "# brokers\n\nsecurity.protocol = SASL_SSL\nsasl.password=a=b secret\n");
        var (options, problems) = Read(("STELE_KAFKA", "one:9092,two:9092"), ("STELE_KAFKA_CONFIG", file), ("STELE_KAFKA_TOPIC", "ours"), ("STELE_KAFKA_OUT", "off"));
        Assert.Empty(problems);
        Assert.Equal(("one:9092,two:9092", "ours", false), (options!.Kafka!.Servers, options.Kafka.Topic, options.Kafka.Out));
        Assert.Equal([("security.protocol", "SASL_SSL"), ("sasl.password", "a=b secret")], options.Kafka.Config.Select(pair => (pair.Key, pair.Value)));

        File.WriteAllText(file, "acks=1\njust-a-secret\n");
        (_, problems) = Read(("STELE_KAFKA", "one:9092"), ("STELE_KAFKA_CONFIG", file), ("STELE_KAFKA_TOPIC", "a/b"));
        Assert.Equal(3, problems.Count);
        Assert.DoesNotContain(problems, problem => problem.Contains("just-a-secret", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("sets acks", StringComparison.Ordinal));
        File.Delete(file);
    }

    [Fact]
    public void Hints_by_a_Kafka_that_is_not_set_are_refused() => Assert.Contains(Read(("STELE_HINTS", "kafka")).Problems, problem => problem.Contains("STELE_KAFKA is not set", StringComparison.Ordinal));

    static (SteleOptions? Options, IReadOnlyList<string> Problems) Read(params (string Name, string Value)[] variables) =>
        SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(variables.ToDictionary(variable => variable.Name, variable => (string?)variable.Value)).Build());
}
