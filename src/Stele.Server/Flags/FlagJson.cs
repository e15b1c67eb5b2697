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
        return json;
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
