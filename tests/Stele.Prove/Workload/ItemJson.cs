using System.Text.Json;

namespace Stele.Prove.Workload;

/// <summary>What the history keeps of an item's value: raw JSON of a configuration's, and of a flag's definition the variant that tells which write it is of.</summary>
internal static class ItemJson
{
    /// <summary>A flag that is evaluated to the tag of who wrote it.</summary>
    public static object Definition(string tag) => new { state = "ENABLED", variants = new { on = tag, off = "" }, defaultVariant = "on" };

    public static string Raw(string tag) => JsonSerializer.Serialize(tag);

    /// <summary>Of a member that holds a value or a definition; null when there is none.</summary>
    public static string? Of(JsonElement item, string kind, string member)
    {
        if (!item.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return kind == "flag" ? value.GetProperty("variants").GetProperty("on").GetRawText() : value.GetRawText();
    }
}
