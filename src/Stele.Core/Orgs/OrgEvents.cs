using System.Text.Json;
using Stele.Core.Journal;

namespace Stele.Core.Orgs;

/// <summary>The org exists. The first event of every journal.</summary>
/// <param name="Name">Its name in the directory.</param>
/// <param name="DefaultEnvironment">The environment that a request without one means.</param>
/// <param name="Version">The version of the org's own stream.</param>
public sealed record OrgCreated(string Name, string DefaultEnvironment, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "org.created";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => "org";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("name", Name);
        json.WriteString("default_environment", DefaultEnvironment);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static OrgCreated Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "name", "default_environment", "version");
        return new OrgCreated(members[0].GetString()!, members[1].GetString()!, members[2].GetInt32());
    }
}

/// <summary>The org has another name.</summary>
/// <param name="Name">The name from now on.</param>
/// <param name="Version">The version of the org's own stream.</param>
public sealed record OrgRenamed(string Name, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "org.renamed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => "org";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("name", Name);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static OrgRenamed Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "name", "version");
        return new OrgRenamed(members[0].GetString()!, members[1].GetInt32());
    }
}

/// <summary>The org is closed.</summary>
/// <param name="Version">The version of the org's own stream.</param>
public sealed record OrgArchived(int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "org.archived";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => "org";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => json.WriteNumber("version", Version));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static OrgArchived Decode(ReadOnlySpan<byte> data) => new(OrgEventJson.Read(TypeName, data, "version")[0].GetInt32());
}

/// <summary>The org is open again.</summary>
/// <param name="Version">The version of the org's own stream.</param>
public sealed record OrgUnarchived(int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "org.unarchived";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => "org";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json => json.WriteNumber("version", Version));

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static OrgUnarchived Decode(ReadOnlySpan<byte> data) => new(OrgEventJson.Read(TypeName, data, "version")[0].GetInt32());
}

/// <summary>The org has these settings.</summary>
/// <param name="Settings">All of them, not only what changed.</param>
/// <param name="Version">The version of the org's own stream.</param>
public sealed record OrgSettingsChanged(OrgSettings Settings, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "org.settings_changed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => "org";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("default_environment", Settings.DefaultEnvironment);
        json.WriteStartArray("protected_environments");
        foreach (var name in Settings.Protected) json.WriteStringValue(name);
        json.WriteEndArray();
        json.WriteStartObject("limits");
        foreach (var limit in Settings.Limits) json.WriteNumber(limit.Name, limit.Value);
        json.WriteEndObject();
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static OrgSettingsChanged Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "default_environment", "protected_environments", "limits", "version");
        var settings = new OrgSettings(members[0].GetString()!, [.. members[1].EnumerateArray().Select(name => name.GetString()!)],
            [.. members[2].EnumerateObject().Select(limit => new LimitOverride(limit.Name, limit.Value.GetInt64()))]);
        return new OrgSettingsChanged(settings, members[3].GetInt32());
    }
}

static class OrgEventJson
{
    public static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    /// <summary>What is over, or has another secret: its id, and the version of its stream.</summary>
    public static byte[] WriteId(Guid id, int version) => Write(json =>
    {
        json.WriteString("id", id);
        json.WriteNumber("version", version);
    });

    public static (Guid Id, int Version) ReadId(string type, ReadOnlySpan<byte> data) => Read(type, data, "id", "version") is var members ? (members[0].GetGuid(), members[1].GetInt32()) : default;

    /// <summary>The same of what has a name.</summary>
    public static byte[] WriteName(string name, int version) => Write(json =>
    {
        json.WriteString("name", name);
        json.WriteNumber("version", version);
    });

    public static (string Name, int Version) ReadName(string type, ReadOnlySpan<byte> data) => Read(type, data, "name", "version") is var members ? (members[0].GetString()!, members[1].GetInt32()) : default;

    public static JsonElement[] Read(string type, ReadOnlySpan<byte> data, params string[] names)
    {
        var reader = new Utf8JsonReader(data);
        var root = JsonElement.ParseValue(ref reader);
        var members = new JsonElement[names.Length];
        foreach (var member in root.EnumerateObject())
        {
            var index = Array.IndexOf(names, member.Name);
            if (index < 0) throw new UnknownEventException($"{type} has a member '{member.Name}' that this server does not know");
            members[index] = member.Value;
        }
        return members;
    }
}
