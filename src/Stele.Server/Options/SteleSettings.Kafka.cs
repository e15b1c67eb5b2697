using System.Runtime.InteropServices;

namespace Stele.Server.Options;

/// <summary>The half that knows of Kafka.</summary>
internal sealed partial class SteleSettings
{
    /// <summary>The library that speaks to Kafka, by the name of the version of its interface.</summary>
    public const string KafkaLibrary = "librdkafka.so.1";

    const int TopicCharactersMax = 249;

    // what the order, the completeness, or where it goes depend on
    static readonly HashSet<string> ownedByStele = new(StringComparer.Ordinal)
    {
        "bootstrap.servers", "metadata.broker.list", "client.id", "group.id", "enable.idempotence", "enable.gapless.guarantee", "acks", "request.required.acks", "max.in.flight",
        "max.in.flight.requests.per.connection", "retries", "message.send.max.retries", "enable.auto.commit", "enable.partition.eof", "partitioner", "transactional.id", "debug", "plugin.library.paths",
    };

    KafkaOptions? KafkaServers()
    {
        if (Given(OutboundSettings.Kafka) is not { } servers) return null;
        if (servers.Split(',').Any(server => server.Trim() is not { Length: > 0 } text || text.Any(c => c is <= ' ' or > '~') || text.Contains('@', StringComparison.Ordinal)))
            problems.Add($"{OutboundSettings.Kafka.Variable} is not a list of brokers such as kafka1:9092,kafka2:9092.");
        // said at the start: later it would be one failure among others
        if (!NativeLibrary.TryLoad(KafkaLibrary, out _))
            problems.Add($"{OutboundSettings.Kafka.Variable} is set, and {KafkaLibrary} is not installed: apt-get install librdkafka1 (Debian, Ubuntu), dnf install librdkafka (Fedora), or unset {OutboundSettings.Kafka.Variable}.");
        return new KafkaOptions
        {
            Servers = servers, Config = KafkaConfig(), Out = OneOf(OutboundSettings.KafkaOut, ("on", true), ("off", false)),
            Topic = Topic(OutboundSettings.KafkaTopic), HintTopic = Topic(OutboundSettings.KafkaHintTopic),
            CreateTopics = OneOf(OutboundSettings.KafkaCreateTopics, ("on", true), ("off", false)),
        };
    }

    string Topic(Setting setting)
    {
        var text = Text(setting);
        if (text.Length > TopicCharactersMax || text is "." or ".." || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-')))
            problems.Add($"{setting.Variable} is '{text}'; a topic has at most {TopicCharactersMax} of A-Z a-z 0-9 . _ -");
        return text;
    }

    // of a line that is wrong only its number and name are said: the rest may be a password
    Dictionary<string, string> KafkaConfig()
    {
        var config = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Given(OutboundSettings.KafkaConfig) is not { } path) return config;
        string[] lines;
        try
        {
            lines = System.IO.File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{OutboundSettings.KafkaConfig.Variable} is '{path}', which cannot be read.");
            return config;
        }
        foreach (var (index, line) in lines.Index())
        {
            if (line.TrimStart() is "" or ['#', ..]) continue;
            var equals = line.IndexOf('=');
            var name = equals < 0 ? "" : line[..equals].Trim();
            if (name.Length == 0) problems.Add($"{OutboundSettings.KafkaConfig.Variable}: line {index + 1} of '{path}' is not NAME=VALUE.");
            else if (ownedByStele.Contains(name)) problems.Add($"{OutboundSettings.KafkaConfig.Variable}: line {index + 1} of '{path}' sets {name}, which Stele sets itself.");
            else config[name] = line[(equals + 1)..].Trim();
        }
        return config;
    }
}
