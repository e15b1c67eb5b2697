using Stele.Core.Access;
using Stele.Core.Journal;

namespace Stele.Core.Watch;

/// <summary>Why a subscriber has to read anew.</summary>
public enum WatchResetReason : byte
{
    /// <summary>The cursor lies ahead of the journal: it is of a history that was lost, or of another org.</summary>
    Future,
    /// <summary>Another chain stands at the cursor's revision: it is of a history that was lost.</summary>
    History,
    /// <summary>Revisions after the cursor are archived.</summary>
    Archived,
    /// <summary>What the subscriber may read has changed.</summary>
    Rights,
}

/// <summary>The rules of going on from a cursor, and of not going on.</summary>
public static class WatchResume
{
    /// <summary>The name of a reason on the wire.</summary>
    public static string Name(this WatchResetReason reason) => reason switch
    {
        WatchResetReason.Future => "future",
        WatchResetReason.History => "history",
        WatchResetReason.Archived => "archived",
        WatchResetReason.Rights => "rights",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "not a reason"),
    };

    /// <summary>Why a stream cannot go on from a cursor, or null.</summary>
    /// <param name="from">The cursor.</param>
    /// <param name="last">The last revision that there is.</param>
    /// <param name="floor">The last revision whose events are archived; 0 when none are.</param>
    /// <param name="there">The journal's own cursor at the revision; null when it is not known, which is as good as another one.</param>
    public static WatchResetReason? Refused(Cursor from, long last, long floor, Cursor? there) =>
        from.Revision > last ? WatchResetReason.Future
        : there != from ? WatchResetReason.History
        : from.Revision < floor ? WatchResetReason.Archived
        : null;

    /// <summary>Whether two sets of rights show the same under a filter, whatever there is: rules are compared, not keys.</summary>
    public static bool SameSight(Rights before, Rights now, WatchFilter filter)
    {
        if (ReferenceEquals(before, now)) return true;
        foreach (var kind in WatchKindNames.Each)
            if ((filter.Kinds & kind) != 0 && !before.SameIn(now, kind.Permission(), filter.Environment)) return false;
        return true;
    }
}
