using System.Globalization;
using System.Text;
using Stele.Core.Flags;
using Stele.Server.Gateway;

namespace Stele.Server.Flags;

/// <summary>Flags as answers spell them. Definitions are canonical JSON already and pass through untouched.</summary>
internal static class FlagJson
{
    /// <summary>An item with what is known of it; the object is left open.</summary>
    public static JsonText Open(JsonText json, string environment, FlagEntry entry)
    {
        json.Raw("{\"name\":\""u8).Ascii(entry.Key)
            .Raw("\",\"environment\":\""u8).Ascii(environment)
            .Raw("\",\"definition\":"u8);
        Definition(json, entry);
        json.Raw(",\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"updated_at\":"u8).Time(entry.UpdatedAt)
            .Raw(",\"updated_by\":"u8).Text(entry.UpdatedBy)
            .Raw(",\"change_log\":"u8).Text(entry.ChangeLog);
        if (entry.Killed) json.Raw(",\"killed\":true"u8);
        if (entry.Archived) json.Raw(",\"archived\":true"u8);
        return entry.Redacted ? json.Raw(",\"redacted\":true"u8) : json;
    }

    /// <summary>What is known of a flag's use: members more.</summary>
    public static JsonText Use(JsonText json, FlagUsage usage, bool whole)
    {
        if (usage.LastAt is { } at) json.Raw(",\"last_evaluated_at\":"u8).Time(at);
        if (!whole) return json;
        json.Raw(",\"use\":{\"status\":\""u8).Ascii(usage.Status.ToString().ToLowerInvariant()).Raw("\""u8);
        if (usage.Reason is { } reason) json.Raw(",\"reason\":\""u8).Ascii(reason).Raw("\""u8);
        json.Raw(",\"variants\":["u8);
        foreach (var (index, (variant, count)) in usage.Variants.OrderBy(pair => pair.Key, StringComparer.Ordinal).Index())
            (index > 0 ? json.Raw(","u8) : json).Raw("{\"variant\":"u8).Text(variant.Length == 0 ? null : variant).Raw(",\"evaluations\":"u8).Number(count).Raw("}"u8);
        return json.Raw("]}"u8);
    }

    /// <summary>What a change moves: two members more.</summary>
    public static JsonText Moved(JsonText json, FlagMove move)
    {
        json.Raw(",\"moved\":"u8).Raw(move.Share is { } share ? Encoding.ASCII.GetBytes(share.ToString("R", CultureInfo.InvariantCulture)) : "null"u8);
        return move.Reason is null ? json : json.Raw(",\"moved_reason\":"u8).Text(move.Reason);
    }

    /// <summary>A version in an item's history, with the definition before it.</summary>
    public static void Version(JsonText json, FlagEntry entry, FlagEntry? before)
    {
        json.Raw("{\"version\":"u8).Number(entry.Version)
            .Raw(",\"revision\":"u8).Number(entry.Revision)
            .Raw(",\"old_definition\":"u8).Raw(before?.Text ?? "null"u8)
            .Raw(",\"definition\":"u8).Raw(entry.Text ?? "null"u8)
            .Raw(",\"deleted\":"u8).Boolean(entry.Deleted)
            .Raw(",\"updated_at\":"u8).Time(entry.UpdatedAt)
            .Raw(",\"updated_by\":"u8).Text(entry.UpdatedBy)
            .Raw(",\"change_log\":"u8).Text(entry.ChangeLog);
        if (entry.Killed) json.Raw(",\"killed\":true"u8);
        if (entry.Archived) json.Raw(",\"archived\":true"u8);
        if (entry.Redacted) json.Raw(",\"redacted\":true"u8);
        json.Raw("}"u8);
    }

    /// <summary>The flag object that a definition is or stands for; and the short form, if it was given so.</summary>
    public static void Definition(JsonText json, FlagEntry entry)
    {
        if (entry.Kind != FlagItemKind.Flag || !FlagDefinition.IsShortForm(entry.Text!))
        {
            json.Raw(entry.Text!);
            return;
        }
        json.Raw(FlagDefinition.Stored(entry.Text!).Full).Raw(",\"short\":"u8).Raw(entry.Text!);
    }
}
