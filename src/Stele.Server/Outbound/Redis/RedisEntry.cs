using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Stele.Core.Journal;
using Stele.Server.Gateway;

namespace Stele.Server.Outbound.Redis;

/// <summary>A value as it goes to Redis.</summary>
/// <param name="Kind">config or flag.</param>
/// <param name="Key">Its key.</param>
/// <param name="Environment">In which environment.</param>
/// <param name="Value">Canonical JSON; null: it is deleted.</param>
/// <param name="ValueType">The declared type, as it is spelt.</param>
/// <param name="Version">Its version.</param>
/// <param name="Revision">The revision that made it.</param>
/// <param name="At">When.</param>
/// <param name="By">Who.</param>
/// <param name="Log">The change log, or null.</param>
internal sealed record RedisEntry(string Kind, string Key, string Environment, byte[]? Value, string ValueType, long Version, long Revision, Timestamp At, string By, string? Log)
{
    const int AroundBytes = 256;

    /// <summary>Whether it has a schema, which is not in Redis.</summary>
    public bool HasSchema { get; init; }

    /// <summary>A flag's definition; one whose kill switch is on is written as disabled, so that nobody who evaluates it serves it.</summary>
    public static byte[] FlagValue(byte[] definition, bool killed)
    {
        if (!killed || JsonNode.Parse(definition) is not JsonObject flag) return definition;
        if (flag.ContainsKey("enabled")) flag["enabled"] = false;
        else flag["state"] = "DISABLED";
        return Encoding.UTF8.GetBytes(flag.ToJsonString());
    }

    /// <summary>What its key holds.</summary>
    public byte[] Text()
    {
        using var json = new JsonText(AroundBytes + (Value?.Length ?? 0));
        return json.Raw("{\"value\":"u8).Raw(Value ?? "null"u8).Raw(",\"version\":"u8).Number(Version).Raw(",\"revision\":"u8).Number(Revision)
            .Raw(",\"deleted\":"u8).Boolean(Value is null).Raw("}"u8).Written.ToArray();
    }

    /// <summary>What its version's key holds.</summary>
    public string VersionText() => string.Create(CultureInfo.InvariantCulture, $"{{\"version\":{Version}}}");

    /// <summary>What those are told who listen for its updates.</summary>
    public byte[] Message()
    {
        using var json = new JsonText(AroundBytes + Key.Length + (Value?.Length ?? 0));
        return json.Raw("{\"key\":"u8).Text(Key).Raw(",\"environment\":"u8).Text(Environment).Raw(",\"value\":"u8).Raw(Value ?? "null"u8)
            .Raw(",\"version\":"u8).Number(Version).Raw(",\"revision\":"u8).Number(Revision).Raw(",\"timestamp\":"u8).Time(At)
            .Raw(",\"deleted\":"u8).Boolean(Value is null).Raw("}"u8).Written.ToArray();
    }

    /// <summary>What those are told who listen for a service's keys.</summary>
    public string VersionMessage() => string.Create(CultureInfo.InvariantCulture, $"version={Version}");
}
