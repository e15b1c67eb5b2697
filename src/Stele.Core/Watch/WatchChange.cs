using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Secrets;

namespace Stele.Core.Watch;

/// <summary>One change as watchers see it.</summary>
/// <param name="Kind">The one kind.</param>
/// <param name="Environment">In which environment.</param>
/// <param name="Key">Of which key, flag or secret.</param>
/// <param name="Event">What the journal says of it.</param>
public readonly record struct WatchChange(WatchKinds Kind, string Environment, string Key, EventRecord Event)
{
    /// <summary>Of a key that refers to a secret which has another version now: the key, as it stands. Null for what changed itself.</summary>
    public SecretReferrer? Referrer { get; init; }

    /// <summary>What the key refers to, at this revision; null: to nothing.</summary>
    public (string Path, int? Version)? Secret => Event.Payload switch
    {
        SecretEvent e when Referrer is not null => (e.Path, e is SecretDeleted ? null : e.Version),
        ConfigSet set when SecretReference.Of(set.Value) is { } reference => (reference.Path, reference.Version ?? set.SecretVersion),
        _ => null,
    };

    /// <summary>The version that what changed has from now on.</summary>
    public long Version => Referrer?.Version ?? Event.ItemVersion;

    /// <summary>The one that it had before.</summary>
    public long OldVersion => Referrer?.Version ?? Event.ItemVersion - 1;

    /// <summary>The keys that refer to the secret that an event is of.</summary>
    public static IEnumerable<WatchChange> OfReferrers(EventRecord e) => e.Payload is SecretEvent { Referrers.Count: > 0 } secret
        ? secret.Referrers.Select(referrer => new WatchChange(WatchKinds.Config, secret.Environment, referrer.Key, e) { Referrer = referrer }) : [];

    /// <summary>The change that an event is; null if it is of no kind that can be watched.</summary>
    public static WatchChange? Of(EventRecord e)
    {
        var stream = e.Stream;
        var slash = stream.IndexOf('/');
        if (slash < 0) return null;
        var kind = WatchKindNames.Parse(stream.AsSpan(0, slash));
        var next = stream.IndexOf('/', slash + 1);
        if (kind == WatchKinds.None || next < 0) return null;
        return e.Payload switch
        {
            // what is destroyed was not delivered, and what is there has not changed
            SecretDestroyed or SecretMoved => null,
            ConfigSet set => new WatchChange(kind, set.Environment, set.Key, e),
            ConfigDeleted deleted => new WatchChange(kind, deleted.Environment, deleted.Key, e),
            FlagDefined set => new WatchChange(kind, set.Environment, set.Name, e),
            _ => new WatchChange(kind, stream[(slash + 1)..next], stream[(next + 1)..], e),
        };
    }

    /// <summary>What happened: set, delete, or secret_rotated, which is also said of keys that refer to the secret. A flag that is put away is gone for whoever evaluates it.</summary>
    public string Op => Referrer is not null || (Kind == WatchKinds.Secret && Event.Payload is not SecretDeleted) ? "secret_rotated" : Event.Type is FlagArchived.TypeName || Event.Type.EndsWith(".deleted", StringComparison.Ordinal) ? "delete" : "set";

    /// <summary>Whether somebody with these rights may see it.</summary>
    public bool IsVisible(Rights rights) => rights.Allows(Kind.Permission(), Environment, Key);
}

/// <summary>A revision with what can be watched of it, looked at once for all subscribers.</summary>
public sealed class WatchRevision
{
    WatchRevision(RevisionRecord record, IReadOnlyList<WatchChange> changes) => (Record, Changes) = (record, changes);

    /// <summary>The revision.</summary>
    public RevisionRecord Record { get; }

    /// <summary>Its changes in order; none when it is of no interest to watchers.</summary>
    public IReadOnlyList<WatchChange> Changes { get; }

    /// <summary>Looks at a revision.</summary>
    public static WatchRevision Of(RevisionRecord record)
    {
        var changes = new List<WatchChange>(record.Events.Count);
        foreach (var e in record.Events)
        {
            if (WatchChange.Of(e) is { } change) changes.Add(change);
            changes.AddRange(WatchChange.OfReferrers(e));
        }
        return new WatchRevision(record, changes);
    }

    /// <summary>What somebody sees of it: the indexes of those changes that a filter asks for and rights allow, in order.</summary>
    public int[] Seen(WatchFilter filter, Rights rights)
    {
        List<int>? seen = null;
        for (var i = 0; i < Changes.Count; i++)
            if (filter.Matches(Changes[i]) && Changes[i].IsVisible(rights)) (seen ??= new(Changes.Count)).Add(i);
        return seen is null ? [] : [.. seen];
    }
}
