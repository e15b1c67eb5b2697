using System.Globalization;
using System.Text;
using Confluent.Kafka;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Gateway;

namespace Stele.Server.Outbound.Kafka;

/// <summary>An event as it is written to Kafka: a CloudEvents 1.0 JSON event in structured mode, whose data is an item of <c>GET /v1/events</c>.</summary>
internal static class KafkaMessage
{
    // whose data may be read by whoever may read the topic; of any other kind, and of one that is not known here, only that it happened
    static readonly HashSet<string> open = new(StringComparer.Ordinal) { "config", "flag", "org", "environment", "role", "service_account", "token" };

    static readonly byte[] contentType = Encoding.ASCII.GetBytes("application/cloudevents+json; charset=UTF-8");

    /// <summary>The message of an event.</summary>
    public static Message<string, byte[]> Of(OutboundOrg org, RevisionRecord revision, EventRecord e)
    {
        var omitted = e.Data is null ? "redacted" : !open.Contains(KindOf(e.Stream)) ? "private" : null;
        var body = Write(org, revision, e, omitted);
        if (body.Length > OutboundLimits.KafkaMessageBytes.Value) body = Write(org, revision, e, "size");
        return new Message<string, byte[]>
        {
            Key = $"{org.Name}/{e.Stream}",
            Value = body,
            Timestamp = new Confluent.Kafka.Timestamp(revision.At.ToDateTime()),
            Headers = Headers(org, revision.Revision, e.StreamVersion),
        };
    }

    /// <summary>The message after which what was read before may not hold any more: everything that is there comes again.</summary>
    public static Message<string, byte[]> Reset(OutboundOrg org, RewriteReason reason, Stele.Core.Journal.Timestamp at)
    {
        var json = new JsonText();
        Begin(json, org, Guid.CreateVersion7().ToString(), "stele.reset", null, at);
        json.Raw("{\"reason\":\""u8).Ascii(reason == RewriteReason.Archived ? "archived" : "history").Raw("\",\"incarnation\":"u8).Id(org.Incarnation).Raw(",\"revision\":"u8).Number(org.Head).Raw("}}"u8);
        return new Message<string, byte[]> { Key = $"{org.Name}/", Value = Taken(json), Headers = Headers(org, org.Head, 0) };
    }

    static byte[] Write(OutboundOrg org, RevisionRecord revision, EventRecord e, string? omitted)
    {
        var json = new JsonText();
        Begin(json, org, e.EventId.ToString(), $"stele.{e.Type}", e.Stream, revision.At);
        json.Raw("{\"revision\":"u8).Number(revision.Revision).Raw(",\"ordinal\":"u8).Number(e.Ordinal).Raw(",\"event_id\":"u8).Id(e.EventId).Raw(",\"stream\":"u8).Text(e.Stream)
            .Raw(",\"stream_version\":"u8).Number(e.StreamVersion).Raw(",\"type\":"u8).Text(e.Type).Raw(",\"data\":"u8).Raw(omitted is null ? e.Data : "null"u8);
        if (omitted is not null)
        {
            json.Raw(",\"data_omitted\":\""u8).Ascii(omitted).Raw("\""u8);
            // where it is, for those who may read it
            if (omitted != "redacted") json.Raw(",\"reference\":"u8).Text(string.Create(CultureInfo.InvariantCulture, $"/v1/events?after_revision={revision.Revision - 1}"));
        }
        json.Raw(",\"actor\":"u8).Text(revision.Actor).Raw(",\"reason\":"u8).Text(revision.Reason).Raw(",\"at\":"u8).Time(revision.At).Raw(",\"request_id\":"u8).Id(revision.RequestId).Raw("}}"u8);
        return Taken(json);
    }

    static void Begin(JsonText json, OutboundOrg org, string id, string type, string? subject, Stele.Core.Journal.Timestamp at)
    {
        json.Raw("{\"specversion\":\"1.0\",\"id\":"u8).Text(id).Raw(",\"source\":"u8).Text($"/orgs/{org.Name}").Raw(",\"type\":"u8).Text(type);
        if (subject is not null) json.Raw(",\"subject\":"u8).Text(subject);
        json.Raw(",\"time\":"u8).Time(at).Raw(",\"datacontenttype\":\"application/json\",\"data\":"u8);
    }

    // by these a consumer drops what is older, without reading the body
    static Headers Headers(OutboundOrg org, long revision, long version) => new()
    {
        { "content-type", contentType },
        { "stele-history", Encoding.ASCII.GetBytes(org.Counter.ToString(CultureInfo.InvariantCulture)) },
        { "stele-revision", Encoding.ASCII.GetBytes(revision.ToString(CultureInfo.InvariantCulture)) },
        { "stele-stream-version", Encoding.ASCII.GetBytes(version.ToString(CultureInfo.InvariantCulture)) },
    };

    static string KindOf(string stream) => stream.IndexOf('/') is >= 0 and var slash ? stream[..slash] : stream;

    static byte[] Taken(JsonText json)
    {
        using (json) return json.Written.ToArray();
    }
}
