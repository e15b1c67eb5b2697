using Stele.Core.Journal;

namespace Stele.Core.Orgs;

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

/// <summary>The environment is described anew, or has another place.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Ordinal">Its place in lists, from 0.</param>
/// <param name="Version">The version of the environment's own stream.</param>
public sealed record EnvironmentChanged(string Name, string? Description, int Ordinal, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "environment.changed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"environment/{Name}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("name", Name);
        json.WriteString("description", Description);
        json.WriteNumber("ordinal", Ordinal);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static EnvironmentChanged Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "name", "description", "ordinal", "version");
        return new EnvironmentChanged(members[0].GetString()!, members[1].GetString(), members[2].GetInt32(), members[3].GetInt32());
    }
}

/// <summary>The environment is gone. What was in it was deleted by events of the same revision.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The version of the environment's own stream, which goes on if the name comes back.</param>
public sealed record EnvironmentDeleted(string Name, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "environment.deleted";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"environment/{Name}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Settings;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteName(Name, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static EnvironmentDeleted Decode(ReadOnlySpan<byte> data)
    {
        var (name, version) = OrgEventJson.ReadName(TypeName, data);
        return new EnvironmentDeleted(name, version);
    }
}
