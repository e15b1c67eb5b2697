using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;

namespace Stele.Core.Webhooks;

/// <summary>A webhook is there, or is another one. Its secret is not in it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Definition">Where, and what.</param>
/// <param name="Owner">As whom it sees.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record WebhookSet(Guid Id, WebhookDefinition Definition, WebhookOwner Owner, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "webhook.set";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"webhook/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Webhooks;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.Write(json =>
    {
        json.WriteString("id", Id);
        json.WriteString("url", Definition.Url);
        json.WriteString("description", Definition.Description);
        json.WriteString("environment", Definition.Environment);
        json.WriteStartArray("prefixes");
        foreach (var prefix in Definition.Prefixes) json.WriteStringValue(prefix);
        json.WriteEndArray();
        json.WriteStartArray("kinds");
        foreach (var kind in WatchKindNames.Each)
            if ((Definition.Kinds & kind) != 0) json.WriteStringValue(kind.Name());
        json.WriteEndArray();
        json.WriteBoolean("enabled", Definition.IsEnabled);
        json.WriteString("owner", TokenOwners.Name(Owner.Kind));
        json.WriteString("owner_id", Owner.Id);
        json.WriteNumber("version", Version);
    });

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static WebhookSet Decode(ReadOnlySpan<byte> data)
    {
        var members = OrgEventJson.Read(TypeName, data, "id", "url", "description", "environment", "prefixes", "kinds", "enabled", "owner", "owner_id", "version");
        var kinds = WatchKinds.None;
        foreach (var name in members[5].EnumerateArray())
            kinds |= WatchKindNames.Parse(name.GetString()) is var kind and not WatchKinds.None ? kind : throw new UnknownEventException($"{TypeName} has the kind '{name}', which this server does not know");
        var definition = new WebhookDefinition(members[1].GetString()!, members[2].GetString(), members[3].GetString(), [.. members[4].EnumerateArray().Select(prefix => prefix.GetString()!)],
            kinds, members[6].GetBoolean());
        return new WebhookSet(members[0].GetGuid(), definition, new WebhookOwner(TokenOwners.Parse(members[7].GetString()), members[8].GetGuid()), members[9].GetInt32());
    }
}

/// <summary>The messages of a webhook are signed with another secret, which is not in it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record WebhookSecretRotated(Guid Id, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "webhook.secret_rotated";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"webhook/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Webhooks;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteId(Id, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static WebhookSecretRotated Decode(ReadOnlySpan<byte> data)
    {
        var (id, version) = OrgEventJson.ReadId(TypeName, data);
        return new WebhookSecretRotated(id, version);
    }
}

/// <summary>A webhook is not there any more.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Version">The version of its stream.</param>
public sealed record WebhookRemoved(Guid Id, int Version) : JournalEvent
{
    /// <summary>The stored type.</summary>
    public const string TypeName = "webhook.removed";

    /// <inheritdoc/>
    public override string Type => TypeName;

    /// <inheritdoc/>
    public override string Stream => $"webhook/{Id}";

    /// <inheritdoc/>
    public override long StreamVersion => Version;

    /// <inheritdoc/>
    public override int Format => JournalFormat.Webhooks;

    /// <inheritdoc/>
    public override byte[] Encode() => OrgEventJson.WriteId(Id, Version);

    /// <summary>Reads what <see cref="Encode"/> wrote.</summary>
    public static WebhookRemoved Decode(ReadOnlySpan<byte> data)
    {
        var (id, version) = OrgEventJson.ReadId(TypeName, data);
        return new WebhookRemoved(id, version);
    }
}
