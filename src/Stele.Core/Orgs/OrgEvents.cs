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

/// <summary>The org has an environment.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Ordinal">Its place in lists, from 0.</param>
/// <param name="Version">The version of the environment's own stream.</param>
public sealed record EnvironmentCreated(string Name, string? Description, int Ordinal, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "environment.created";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"environment/{Name}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("name", Name);
        json.WriteString("description", Description);
        json.WriteNumber("ordinal", Ordinal);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static EnvironmentCreated Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "name", "description", "ordinal", "version");
        return new EnvironmentCreated(members[0].GetString()!, members[1].GetString(), members[2].GetInt32(), members[3].GetInt32());
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
