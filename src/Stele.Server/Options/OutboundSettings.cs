namespace Stele.Server.Options;

/// <summary>The settings of what is sent outside. <see cref="SteleSettings"/> reads them.</summary>
internal static class OutboundSettings
{
    public static readonly Setting
        WebhookNetworks = new("STELE_WEBHOOK_NETWORKS", "WebhookNetworks", ""),
        WebhookHttp = new("STELE_WEBHOOK_HTTP", "WebhookHttp", "refuse"),
        Kafka = new("STELE_KAFKA", "Kafka", ""),
        KafkaConfig = new("STELE_KAFKA_CONFIG", "KafkaConfig", ""),
        KafkaOut = new("STELE_KAFKA_OUT", "KafkaOut", "on"),
        KafkaTopic = new("STELE_KAFKA_TOPIC", "KafkaTopic", "stele.changes"),
        KafkaHintTopic = new("STELE_KAFKA_HINT_TOPIC", "KafkaHintTopic", "stele.hints"),
        KafkaCreateTopics = new("STELE_KAFKA_CREATE_TOPICS", "KafkaCreateTopics", "on");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } = [WebhookNetworks, WebhookHttp, Kafka, KafkaConfig, KafkaOut, KafkaTopic, KafkaHintTopic, KafkaCreateTopics];
}
