using Stele.Server.Journal.Hints;
using Stele.Server.Options;

namespace Stele.Server.Outbound.Kafka;

/// <summary>Kafka, for those who have one: the journal as a topic, and hints between nodes. Without it nothing of its client is loaded.</summary>
internal static class KafkaFeature
{
    public static IServiceCollection AddKafkaOut(this IServiceCollection services, SteleOptions options)
    {
        if (options.Kafka is not { } kafka) return services;
        services.AddSingleton<KafkaLink>();
        if (kafka.Out) services.AddSingleton<OutboundSink, KafkaSink>();
        if (options.CarriesHints("kafka")) services.AddSingleton<IHintCarrier, KafkaHints>();
        return services;
    }
}
