using System.Diagnostics;
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

    /// <summary>In a namespace of its own the library is hidden under an empty file: what a user sees who has not installed it.</summary>
    [Fact]
    public async Task Without_the_library_the_server_does_not_start_and_says_which_package_to_install()
    {
        var library = Directory.EnumerateFiles("/usr/lib", SteleSettings.KafkaLibrary, new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }).FirstOrDefault();
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/usr/bin/unshare"), "hiding a library needs root and unshare");
        var hide = library is null ? "" : $"mount --bind /dev/null {library} && ";
        var start = new ProcessStartInfo("unshare", ["-m", "sh", "-c", $"{hide}exec dotnet {typeof(Program).Assembly.Location} serve"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["STELE_KAFKA"] = "127.0.0.1:9";
        start.Environment["STELE_POSTGRES"] = "Host=nowhere.invalid";
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        var said = await output + await error;
        Assert.SkipWhen(said.Contains("unshare failed", StringComparison.Ordinal) || said.Contains("mount: ", StringComparison.Ordinal), "namespaces are not allowed here");
        Assert.Equal(2, process.ExitCode);
        Assert.Contains("STELE_KAFKA is set, and librdkafka.so.1 is not installed: apt-get install librdkafka1 (Debian, Ubuntu), dnf install librdkafka (Fedora), or unset STELE_KAFKA.", said, StringComparison.Ordinal);
    }

    static (SteleOptions? Options, IReadOnlyList<string> Problems) Read(params (string Name, string Value)[] variables) =>
        SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(variables.ToDictionary(variable => variable.Name, variable => (string?)variable.Value)).Build());
}
