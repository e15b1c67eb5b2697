namespace Stele.Server.Outbound.Kafka;

static partial class KafkaLog
{
    [LoggerMessage(Message = "Kafka: {Line}")]
    public static partial void Said(this ILogger log, LogLevel level, string line);
}
