using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Access;

/// <summary>A user is there, as it says.</summary>
/// <param name="Id">His id.</param>
/// <param name="Email">His address.</param>
/// <param name="Name">His name.</param>
/// <param name="Roles">What he has.</param>
/// <param name="Status">Whether he may come in.</param>
/// <param name="Version">The version of his stream.</param>
public sealed record UserSet(Guid Id, string Email, string Name, IReadOnlyList<RoleBinding> Roles, MemberStatus Status, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "user.set";

    /// <summary>As whom an issuer vouches for him, or null.</summary>
    public MemberIdentity? Identity { get; init; }

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"user/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("id", Id);
        json.WriteString("email", Email);
        json.WriteString("name", Name);
        json.WritePropertyName("roles");
        AccessJson.Write(json, Roles);
        json.WriteString("status", MemberStatuses.Name(Status));
        json.WriteNumber("version", Version);
        if (Identity is null) return;
        json.WriteString("issuer", Identity.Issuer);
        json.WriteString("identity", Identity.Id);
    });

    /// <summary>What is left of one whose data was redacted. It is never the last word on a user: he was changed since, or removed.</summary>
    public static UserSet Redacted(Guid id, int version) => new(id, $"{id}@redacted.invalid", "redacted", [RoleBinding.Of(BuiltInRoles.Viewer.Name)], MemberStatus.Suspended, version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static UserSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "id", "email", "name", "roles", "status", "version", "issuer", "identity");
        return new UserSet(members[0].GetGuid(), members[1].GetString()!, members[2].GetString()!, AccessJson.ReadBindings(members[3]), MemberStatuses.Parse(members[4].GetString()), members[5].GetInt32())
        {
            // absent, and undefined, for most
            Identity = members[7].ValueKind == System.Text.Json.JsonValueKind.String ? new MemberIdentity(members[6].GetString()!, members[7].GetString()!) : null,
        };
    }
}

/// <summary>A user has a new password; what it is stands in no event.</summary>
/// <param name="Id">His id.</param>
/// <param name="Version">The version of his stream.</param>
public sealed record UserPasswordSet(Guid Id, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "user.password_set";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"user/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteId(Id, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static UserPasswordSet Decode(ReadOnlySpan<byte> data)
    {
        var (id, version) = OrgEventJson.ReadId(TypeName, data);
        return new(id, version);
    }
}

/// <summary>A user is not there any more.</summary>
/// <param name="Id">His id.</param>
/// <param name="Version">The version of his stream.</param>
public sealed record UserRemoved(Guid Id, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "user.removed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"user/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteId(Id, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static UserRemoved Decode(ReadOnlySpan<byte> data)
    {
        var (id, version) = OrgEventJson.ReadId(TypeName, data);
        return new(id, version);
    }
}

/// <summary>A service account is there, as it says.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Roles">What it has.</param>
/// <param name="Status">Whether it may come in.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record ServiceAccountSet(Guid Id, string Name, IReadOnlyList<RoleBinding> Roles, MemberStatus Status, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "service_account.set";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"service_account/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("id", Id);
        json.WriteString("name", Name);
        json.WritePropertyName("roles");
        AccessJson.Write(json, Roles);
        json.WriteString("status", MemberStatuses.Name(Status));
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static ServiceAccountSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "id", "name", "roles", "status", "version");
        return new ServiceAccountSet(members[0].GetGuid(), members[1].GetString()!, AccessJson.ReadBindings(members[2]), MemberStatuses.Parse(members[3].GetString()), members[4].GetInt32());
    }
}

/// <summary>A service account is not there any more.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record ServiceAccountRemoved(Guid Id, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "service_account.removed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"service_account/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Access;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteId(Id, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static ServiceAccountRemoved Decode(ReadOnlySpan<byte> data)
    {
        var (id, version) = OrgEventJson.ReadId(TypeName, data);
        return new(id, version);
    }
}
