using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Gateway;

namespace Stele.Server.Watch;

/// <summary>Subscriptions as people see them.</summary>
internal static class SubscriptionJson
{
    const int AboutBytes = 512;

    /// <summary>Those of an org on this node, by id, after one, so many: each with its JSON.</summary>
    /// <param name="watch">The org's watch; null: nobody watches it here.</param>
    /// <param name="after">The id after which they begin; empty: from the first.</param>
    /// <param name="most">How many.</param>
    /// <param name="revision">The org's last revision, by which lag is told.</param>
    /// <param name="now">The time, by which lag is told.</param>
    public static List<(string Id, byte[] Json)> Page(OrgWatch? watch, string after, int most, long revision, Timestamp now)
    {
        var page = new List<(string, byte[])>();
        if (watch is null) return page;
        using var json = new JsonText(AboutBytes);
        foreach (var (id, subscriber) in watch.Subscribers.Select(subscriber => (Id: subscriber.Id.ToString(), subscriber)).Where(one => string.CompareOrdinal(one.Id, after) > 0)
            .OrderBy(one => one.Id, StringComparer.Ordinal).Take(most))
        {
            json.Clear();
            Write(json, watch, subscriber, revision, now);
            page.Add((id, json.Written.ToArray()));
        }
        return page;
    }

    static void Write(JsonText json, OrgWatch watch, Subscriber subscriber, long revision, Timestamp now)
    {
        var delivered = watch.Delivered(subscriber);
        // who has applied the last that was for him has nothing to apply since
        var has = subscriber.Applied is { } applied && applied < subscriber.LastChange ? applied : delivered;
        json.Raw("{\"id\":"u8).Id(subscriber.Id)
            .Raw(",\"client\":"u8).Text(subscriber.Client.Client)
            .Raw(",\"address\":"u8).Text(subscriber.Client.Address)
            .Raw(",\"labels\":{"u8);
        foreach (var (index, (name, value)) in subscriber.Client.Labels.Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Text(name).Raw(":"u8).Text(value);
        json.Raw("},\"transport\":"u8).Text(subscriber.Client.Transport)
            .Raw(",\"environment\":"u8).Text(subscriber.Filter.Environment)
            .Raw(",\"prefixes\":["u8);
        foreach (var (index, prefix) in subscriber.Filter.Prefixes.Index()) json.Raw(index > 0 ? ","u8 : ""u8).Text(prefix);
        json.Raw("],\"kinds\":["u8);
        foreach (var (index, kind) in WatchKindNames.Each.Where(kind => (subscriber.Filter.Kinds & kind) != 0).Index())
            json.Raw(index > 0 ? ","u8 : ""u8).Text(WatchKindNames.Name(kind));
        json.Raw("],\"delivered_revision\":"u8).Number(delivered).Raw(",\"applied_revision\":"u8);
        if (subscriber.Applied is { } said) json.Number(said);
        else json.Raw("null"u8);
        var lag = Math.Max(0, revision - has);
        json.Raw(",\"lag_revisions\":"u8).Number(lag).Raw(",\"lag_ms\":"u8);
        if (LagMilliseconds(watch, has, lag, now) is { } milliseconds) json.Number(milliseconds);
        else json.Raw("null"u8);
        json.Raw(",\"since\":"u8).Time(subscriber.Since);
        if (subscriber.Rejected is { } rejected)
            json.Raw(",\"rejected\":{\"revision\":"u8).Number(rejected.Revision).Raw(",\"reason\":"u8).Text(rejected.Reason).Raw("}"u8);
        json.Raw("}"u8);
    }

    // since when the first revision that it lacks is there; null when that is longer ago than memory goes
    static long? LagMilliseconds(OrgWatch watch, long has, long lag, Timestamp now) => lag == 0 ? 0
        : watch.Journal.Ring.Find(has + 1) is { } first ? Math.Max(0, (now.Microseconds - first.At.Microseconds) / 1_000) : null;
}
