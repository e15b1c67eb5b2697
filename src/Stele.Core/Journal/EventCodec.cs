using System.Text.Json;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Core.Webhooks;

namespace Stele.Core.Journal;

/// <summary>
/// The journal holds an event that this server does not know: it was written by a newer one. The org stops on this node
/// (503) and nothing is skipped.
/// </summary>
public sealed class UnknownEventException(string message) : Exception(message);

/// <summary>The closed list of event types: from stored bytes to typed events.</summary>
public static class EventCodec
{
    /// <summary>
    /// For reading events. Depth was bounded when the value was written; a bound here (64 by default, which an event
    /// around the deepest value passes) could only make an accepted revision unreadable.
    /// </summary>
    internal static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    /// <summary>
    /// What is left of an event whose data was redacted, for whoever replays: of a user somebody without a name, until a later event says more of him;
    /// of a flag one that cannot be evaluated; of a value nothing, null, since a later event replaces it.
    /// </summary>
    public static JournalEvent? Redacted(string type, string stream, long streamVersion) => type switch
    {
        UserSet.TypeName => UserSet.Redacted(Guid.Parse(stream.AsSpan("user/".Length)), (int)streamVersion),
        FlagDefined.TypeName => FlagDefined.Redacted(stream, (int)streamVersion),
        _ => null,
    };

    /// <summary>The typed event; throws <see cref="UnknownEventException"/> for a type or a member that is not known here.</summary>
    public static JournalEvent Decode(string type, ReadOnlySpan<byte> data) => type switch
    {
        ConfigSet.TypeName => ConfigSet.Decode(data),
        ConfigDeleted.TypeName => ConfigDeleted.Decode(data),
        FlagDefined.TypeName => FlagDefined.Decode(data),
        FlagArchived.TypeName => FlagArchived.Decode(data),
        FlagDeleted.TypeName => FlagDeleted.Decode(data),
        SecretSet.TypeName => SecretSet.Decode(data),
        SecretDeleted.TypeName => SecretDeleted.Decode(data),
        SecretUndeleted.TypeName => SecretUndeleted.Decode(data),
        SecretDestroyed.TypeName => SecretDestroyed.Decode(data),
        SecretMoved.TypeName => SecretMoved.Decode(data),
        OrgCreated.TypeName => OrgCreated.Decode(data),
        OrgRenamed.TypeName => OrgRenamed.Decode(data),
        OrgArchived.TypeName => OrgArchived.Decode(data),
        OrgUnarchived.TypeName => OrgUnarchived.Decode(data),
        OrgSettingsChanged.TypeName => OrgSettingsChanged.Decode(data),
        EnvironmentCreated.TypeName => EnvironmentCreated.Decode(data),
        EnvironmentChanged.TypeName => EnvironmentChanged.Decode(data),
        EnvironmentDeleted.TypeName => EnvironmentDeleted.Decode(data),
        UserSet.TypeName => UserSet.Decode(data),
        UserPasswordSet.TypeName => UserPasswordSet.Decode(data),
        UserRemoved.TypeName => UserRemoved.Decode(data),
        ServiceAccountSet.TypeName => ServiceAccountSet.Decode(data),
        ServiceAccountRemoved.TypeName => ServiceAccountRemoved.Decode(data),
        TokenCreated.TypeName => TokenCreated.Decode(data),
        TokenRevoked.TypeName => TokenRevoked.Decode(data),
        RoleSet.TypeName => RoleSet.Decode(data),
        RoleRemoved.TypeName => RoleRemoved.Decode(data),
        WebhookSet.TypeName => WebhookSet.Decode(data),
        WebhookSecretRotated.TypeName => WebhookSecretRotated.Decode(data),
        WebhookRemoved.TypeName => WebhookRemoved.Decode(data),
        _ => throw new UnknownEventException($"event type '{type}' is not known to this server"),
    };
}
