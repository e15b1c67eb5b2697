using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Core.Webhooks;
using Stele.Server.Gateway;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>How webhooks and their messages are written.</summary>
internal static class WebhookView
{
    /// <summary>A webhook, without its end brace, so that more may follow.</summary>
    public static JsonText Begin(JsonText json, Webhook webhook)
    {
        var definition = webhook.Definition;
        json.Raw("{\"id\":"u8).Id(webhook.Id).Raw(",\"url\":"u8).Text(definition.Url).Raw(",\"description\":"u8).Text(definition.Description)
            .Raw(",\"environment\":"u8).Text(definition.Environment).Raw(",\"prefixes\":["u8);
        foreach (var (index, prefix) in definition.Prefixes.Index()) json.Raw(index > 0 ? ","u8 : ""u8).Text(prefix);
        json.Raw("],\"kinds\":["u8);
        foreach (var (index, kind) in WatchKindNames.Each.Where(kind => (definition.Kinds & kind) != 0).Index()) json.Raw(index > 0 ? ","u8 : ""u8).Text(kind.Name());
        json.Raw("],\"enabled\":"u8).Boolean(definition.IsEnabled).Raw(",\"owner\":{\"kind\":\""u8).Ascii(TokenOwners.Name(webhook.Owner.Kind)).Raw("\""u8);
        if (webhook.Owner.Kind != TokenOwner.Org) json.Raw(",\"id\":"u8).Id(webhook.Owner.Id);
        return json.Raw("},\"version\":"u8).Number(webhook.Version).Raw(",\"created_at\":"u8).Time(webhook.CreatedAt).Raw(",\"updated_at\":"u8).Time(webhook.UpdatedAt);
    }

    /// <summary>A webhook, and how far it has come.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="webhook">The webhook.</param>
    /// <param name="place">How far; null: not known at this moment.</param>
    /// <param name="head">The org's last revision.</param>
    public static void Write(JsonText json, Webhook webhook, WebhookPlace? place, long head)
    {
        Begin(json, webhook);
        if (place is not null)
        {
            json.Raw(",\"delivery\":{\"revision\":"u8).Number(place.Revision).Raw(",\"lag_revisions\":"u8).Number(Math.Max(0, head - place.Revision))
                .Raw(",\"attempts\":"u8).Number(place.Attempts);
            if (place.Suspended is { } suspended) json.Raw(",\"suspended\":"u8).Text(suspended);
            if (place.FailingSince is { } since) json.Raw(",\"failing_since\":"u8).Time(Timestamp.From(since));
            if (place.NextAt is { } next) json.Raw(",\"next_attempt_at\":"u8).Time(Timestamp.From(next));
            Outcome(json, place.Status, place.Failure);
            if (place.DeliveredAt is { } delivered) json.Raw(",\"delivered_at\":"u8).Time(Timestamp.From(delivered));
            json.Raw("}"u8);
        }
        json.Raw("}"u8);
    }

    /// <summary>A message.</summary>
    public static void Write(JsonText json, WebhookLetter letter)
    {
        json.Raw("{\"revision\":"u8).Number(letter.Revision).Raw(",\"state\":"u8).Text(letter.State).Raw(",\"attempts\":"u8).Number(letter.Attempts)
            .Raw(",\"last_at\":"u8).Time(Timestamp.From(letter.LastAt));
        Outcome(json, letter.Status, letter.Failure);
        json.Raw("}"u8);
    }

    /// <summary>What an attempt was answered, as far as it was.</summary>
    public static void Outcome(JsonText json, int? status, string? failure)
    {
        if (status is { } answered) json.Raw(",\"status\":"u8).Number(answered);
        if (failure is not null) json.Raw(",\"failure\":"u8).Text(failure);
    }
}
