using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Configs;

/// <summary>Configuration as answers spell it. Values are canonical JSON already and pass through untouched.</summary>
internal static class ConfigJson
{
    const int AroundValueBytes = 640;

    /// <summary>A text with room for an entry.</summary>
    public static JsonText For(ConfigEntry entry) => new(AroundValueBytes + (entry.Value?.Length ?? 0) + 3 * (entry.ChangeLog?.Length ?? 0));

    /// <summary>A value with what is known of it.</summary>
    public static JsonText Entry(JsonText json, string environment, ConfigEntry entry, bool redacted = false, ConfigSchema? schema = null)
    {
        json.Raw("{\"key\":\""u8).Ascii(entry.Key)
            .Raw("\",\"environment\":\""u8).Ascii(environment)
            .Raw("\",\"value\":"u8).Raw(entry.Value ?? "null"u8)
            .Raw(",\"value_type\":\""u8).Ascii(entry.ValueType.Name())
            .Raw("\",\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"updated_at\":"u8).Time(entry.UpdatedAt)
            .Raw(",\"updated_by\":"u8).Text(entry.UpdatedBy)
            .Raw(",\"change_log\":"u8).Text(entry.ChangeLog);
        if (schema is not null) json.Raw(",\"schema\":"u8).Raw(schema.Text);
        if (redacted) json.Raw(",\"redacted\":true"u8);
        return json.Raw("}"u8);
    }

    /// <summary>A key that refers to a secret, without the value, which comes last; the object is left open.</summary>
    public static JsonText Resolved(JsonText json, string environment, ConfigEntry entry, SecretEntry secret, ConfigSchema? schema)
    {
        json.Raw("{\"key\":\""u8).Ascii(entry.Key)
            .Raw("\",\"environment\":\""u8).Ascii(environment)
            .Raw("\",\"value_type\":\""u8).Ascii(entry.ValueType.Name())
            .Raw("\",\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"updated_at\":"u8).Time(entry.UpdatedAt)
            .Raw(",\"updated_by\":"u8).Text(entry.UpdatedBy)
            .Raw(",\"change_log\":"u8).Text(entry.ChangeLog);
        if (schema is not null) json.Raw(",\"schema\":"u8).Raw(schema.Text);
        json.Raw(",\"secret\":{\"path\":\""u8).Ascii(secret.Path).Raw("\",\"version\":"u8).Number(secret.Version);
        if (!secret.IsText) json.Raw(",\"encoding\":\"base64\""u8);
        return json.Raw("}"u8);
    }

    /// <summary>A key without its value.</summary>
    public static void Key(JsonText json, ConfigEntry entry) =>
        json.Raw("{\"key\":\""u8).Ascii(entry.Key)
            .Raw("\",\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw("}"u8);

    /// <summary>A version in a key's history, with the value before it.</summary>
    public static void Version(JsonText json, ConfigVersion version, byte[]? before)
    {
        var entry = version.Entry;
        json.Raw("{\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"old_value\":"u8).Raw(before ?? "null"u8)
            .Raw(",\"value\":"u8).Raw(entry.Value ?? "null"u8)
            .Raw(",\"deleted\":"u8).Boolean(entry.Deleted)
            .Raw(",\"updated_at\":"u8).Time(entry.UpdatedAt)
            .Raw(",\"updated_by\":"u8).Text(entry.UpdatedBy)
            .Raw(",\"change_log\":"u8).Text(entry.ChangeLog);
        if (version.Redacted) json.Raw(",\"redacted\":true"u8);
        json.Raw("}"u8);
    }

    /// <summary>What a revision did to configuration: kind, key, environment and version of each change, in order. The object is left open.</summary>
    public static JsonText Results(JsonText json, RevisionRecord? record, JournalPlace place, IReadOnlyList<FlagMoved> moves)
    {
        json.Raw("{\"revision\":"u8).Number(place.Revision)
            .Raw(",\"cursor\":\""u8).Ascii(place.CursorText)
            .Raw("\",\"results\":["u8);
        var (first, moved) = (true, 0);
        foreach (var e in record?.Events ?? [])
        {
            // config/ENVIRONMENT/KEY, also when the data was redacted since
            var stream = e.Stream.Split('/', 3);
            if (!first) json.Raw(","u8);
            first = false;
            json.Raw("{\"kind\":\""u8).Ascii(stream[0])
                .Raw("\",\"key\":\""u8).Ascii(stream[2])
                .Raw("\",\"environment\":\""u8).Ascii(stream[1])
                .Raw("\",\"version\":"u8).Number(e.ItemVersion);
            // both in the order of the events
            if (moved < moves.Count && moves[moved].IsOf(stream)) FlagJson.Moved(json, moves[moved++].Move);
            json.Raw("}"u8);
        }
        return json.Raw("]"u8);
    }
}
