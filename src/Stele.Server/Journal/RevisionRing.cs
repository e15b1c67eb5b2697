using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// The last revisions of an org in memory, so that who follows closely does not ask the database. One writer (under the
/// org's gate), any readers: a slot holds the whole record, and a reader checks its number.
/// </summary>
internal sealed class RevisionRing(int capacity, long last)
{
    readonly RevisionRecord?[] slots = new RevisionRecord?[capacity];
    long last = last;

    /// <summary>The last revision added.</summary>
    public long Last => Volatile.Read(ref last);

    /// <summary>Adds the next revision; the oldest falls out.</summary>
    public void Add(RevisionRecord revision)
    {
        Volatile.Write(ref slots[revision.Revision % capacity], revision);
        Volatile.Write(ref last, revision.Revision);
    }

    /// <summary>A revision, or null when it is not here (any more).</summary>
    public RevisionRecord? Find(long revision) =>
        Volatile.Read(ref slots[revision % capacity]) is { } found && found.Revision == revision && revision <= Last ? found : null;

    /// <summary>Forgets everything: the history that follows is another one.</summary>
    public void Reset(long revision)
    {
        Array.Clear(slots);
        Volatile.Write(ref last, revision);
    }
}
