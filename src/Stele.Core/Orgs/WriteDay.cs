using Stele.Core.Journal;

namespace Stele.Core.Orgs;

/// <summary>
/// The day of UTC in which the last revision was made, and where it began: what a day's writes are counted by. A part of the state, so that every node
/// counts alike and a restart forgets nothing.
/// </summary>
/// <param name="Number">Days since the epoch.</param>
/// <param name="Before">The last revision of the days before.</param>
public readonly record struct WriteDay(long Number, long Before)
{
    const long Microseconds = 24 * 3_600_000_000L;

    /// <summary>The day after a revision.</summary>
    public WriteDay After(Timestamp at, long revision) => NumberOf(at) == Number ? this : new WriteDay(NumberOf(at), revision - 1);

    /// <summary>How many revisions were made on a moment's day, of an org that is at a revision.</summary>
    public long Writes(long revision, Timestamp now) => NumberOf(now) == Number ? revision - Before : 0;

    /// <summary>Whole seconds until the next day, at least one.</summary>
    public static int SecondsLeft(Timestamp now) => (int)((Microseconds - now.Microseconds % Microseconds + 999_999) / 1_000_000);

    static long NumberOf(Timestamp at) => at.Microseconds / Microseconds;
}
