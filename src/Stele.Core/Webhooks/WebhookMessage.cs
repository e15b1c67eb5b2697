using System.Buffers;
using System.Globalization;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Json;
using Stele.Core.Orgs;
using Stele.Core.Watch;

namespace Stele.Core.Webhooks;

/// <summary>
/// What is sent: one CloudEvents 1.0 JSON event (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md) for each
/// revision of which the webhook sees something. Its <c>data</c> is what those who watch get for that revision. It is made of the journal
/// alone, so that each attempt sends the same bytes.
/// </summary>
/// <param name="Id">The same at each attempt, and no other message's: what a receiver knows doubles by.</param>
/// <param name="Body">The event, in UTF-8.</param>
public sealed record WebhookMessage(string Id, byte[] Body)
{
    /// <summary>The content type.</summary>
    public const string ContentType = "application/cloudevents+json; charset=utf-8";

    /// <summary>The type of a message that holds changes.</summary>
    public const string ChangeType = "stele.change";

    /// <summary>The type of a message that says: what was sent does not hold any more, read anew.</summary>
    public const string ResetType = "stele.reset";

    /// <summary>The type of a message that somebody asked for, to see that it arrives.</summary>
    public const string PingType = "stele.ping";

    /// <summary>The message of a revision; null when the webhook sees nothing of it.</summary>
    /// <param name="state">The org.</param>
    /// <param name="webhook">The webhook.</param>
    /// <param name="rights">What it may see.</param>
    /// <param name="record">The revision.</param>
    public static WebhookMessage? Of(OrgState state, Webhook webhook, Rights rights, RevisionRecord record)
    {
        var revision = WatchRevision.Of(record);
        List<int>? seen = null;
        for (var i = 0; i < revision.Changes.Count; i++)
            if (webhook.Definition.Wants(revision.Changes[i]) && revision.Changes[i].IsVisible(rights)) (seen ??= []).Add(i);
        if (seen is null) return null;
        var id = IdOf(webhook.Id, record.Revision.ToString(CultureInfo.InvariantCulture));
        var message = Write(state, id, ChangeType, record.At, WatchFrame.Change(revision, seen).Members);
        if (message.Body.Length > WebhookLimits.MessageBytes.Value) message = Write(state, id, ChangeType, record.At, Bare(revision, seen, withChanges: true));
        return message.Body.Length <= WebhookLimits.MessageBytes.Value ? message : Write(state, id, ChangeType, record.At, Bare(revision, seen, withChanges: false));
    }

    /// <summary>The message after which the receiver reads anew, and what follows comes after a cursor.</summary>
    public static WebhookMessage Reset(OrgState state, Webhook webhook, WatchResetReason reason, Cursor cursor, Timestamp at) =>
        Write(state, IdOf(webhook.Id, $"reset_{cursor}"), ResetType, at, WatchFrame.Reset(reason, cursor).Members);

    /// <summary>A message that is sent because somebody asked.</summary>
    public static WebhookMessage Ping(OrgState state, Webhook webhook, Guid requestId, Timestamp at) =>
        Write(state, IdOf(webhook.Id, $"ping_{requestId:N}"), PingType, at, Encoding.ASCII.GetBytes($"\"webhook\":\"{webhook.Id}\""));

    static string IdOf(Guid webhook, string what) => $"msg_{webhook:N}_{what}";

    // ids, types and times hold nothing that JSON would escape; neither do names of orgs
    static WebhookMessage Write(OrgState state, string id, string type, Timestamp at, ReadOnlySpan<byte> members)
    {
        var head = Encoding.UTF8.GetBytes(
            $"{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"/orgs/{state.Name}\",\"type\":\"{type}\",\"time\":\"{at}\",\"datacontenttype\":\"application/json\",\"data\":{{");
        return new WebhookMessage(id, [.. head, .. members, .. "}}"u8]);
    }

    static byte[] Bare(WatchRevision revision, List<int> seen, bool withChanges)
    {
        var json = new ArrayBufferWriter<byte>(128 * (withChanges ? seen.Count + 1 : 1));
        var cursor = revision.Record.Cursor;
        Text(json, string.Create(CultureInfo.InvariantCulture, $"\"revision\":{cursor.Revision},\"cursor\":\"{cursor}\",\"omitted\":\"{(withChanges ? "values" : "changes")}\",\"changes\":["));
        for (var i = 0; withChanges && i < seen.Count; i++)
        {
            var change = revision.Changes[seen[i]];
            Text(json, string.Create(CultureInfo.InvariantCulture,
                $"{(i > 0 ? "," : "")}{{\"op\":\"{change.Op}\",\"kind\":\"{change.Kind.Name()}\",\"key\":\"{change.Key}\",\"environment\":\"{change.Environment}\",\"version\":{change.Event.StreamVersion},\"old_version\":{change.Event.StreamVersion - 1}}}"));
        }
        Text(json, $"],\"at\":\"{revision.Record.At}\",\"by\":");
        json.Write(CanonicalJson.FromString(revision.Record.Actor));
        return json.WrittenSpan.ToArray();
    }

    static void Text(ArrayBufferWriter<byte> json, string text) => Encoding.UTF8.GetBytes(text, json);
}
