using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>A custom role is as it says.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Grants">What it allows.</param>
/// <param name="Denies">What it forbids.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record RoleSet(string Name, string? Description, IReadOnlyList<Grant> Grants, IReadOnlyList<Grant> Denies, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "role.set";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"role/{Name}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("name", Name);
        json.WriteString("description", Description);
        json.WritePropertyName("grants");
        AccessJson.Write(json, Grants);
        json.WritePropertyName("denies");
        AccessJson.Write(json, Denies);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static RoleSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "name", "description", "grants", "denies", "version");
        return new RoleSet(members[0].GetString()!, members[1].GetString(), AccessJson.ReadGrants(members[2]), AccessJson.ReadGrants(members[3]), members[4].GetInt32());
    }
}

/// <summary>A custom role is not there any more. Its name may be used again, and the versions go on.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record RoleRemoved(string Name, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "role.removed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"role/{Name}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteName(Name, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static RoleRemoved Decode(ReadOnlySpan<byte> data)
    {
        var (name, version) = OrgEventJson.ReadName(TypeName, data);
        return new RoleRemoved(name, version);
    }
}
