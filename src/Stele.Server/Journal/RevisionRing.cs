using Stele.Core.Configs;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// The last revisions of an org in memory, so that who follows closely does not ask the database; bounded in number and in
/// bytes, but for the last one, which is always here. One writer (under the org's gate), any readers: a slot holds the
/// whole record, and a reader checks its number.
/// </summary>
internal sealed class RevisionRing(int capacity, long bytesMax, long last)
{
    const int RevisionBytes = 360, EventBytes = 480;

    // made with the first revision: most orgs of a large node are only read
    RevisionRecord?[] slots = [];
    long last = last, oldest = last + 1, bytes;

    /// <summary>The last revision added.</summary>
    public long Last => Volatile.Read(ref last);

    /// <summary>About how many bytes of memory the revisions here take.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>Adds the next revision; the oldest fall out.</summary>
    public void Add(RevisionRecord revision)
    {
        if (slots.Length == 0) Volatile.Write(ref slots, new RevisionRecord?[capacity]);
        var total = bytes + SizeOf(revision);
        for (; oldest < revision.Revision && (total > bytesMax || oldest <= revision.Revision - capacity); oldest++)
        {
            ref var slot = ref slots[oldest % capacity];
            if (slot is { } old) total -= SizeOf(old);
            Volatile.Write(ref slot, null);
        }
        Volatile.Write(ref slots[revision.Revision % capacity], revision);
        Volatile.Write(ref bytes, total);
        Volatile.Write(ref last, revision.Revision);
    }

    /// <summary>A revision, or null when it is not here (any more).</summary>
    public RevisionRecord? Find(long revision)
    {
        var here = Volatile.Read(ref slots);
        return here.Length > 0 && Volatile.Read(ref here[revision % capacity]) is { } found && found.Revision == revision && revision <= Last ? found : null;
    }

    /// <summary>Forgets everything: the history that follows is another one.</summary>
    public void Reset(long revision)
    {
        Array.Clear(slots);
        Volatile.Write(ref bytes, 0);
        oldest = revision + 1;
        Volatile.Write(ref last, revision);
    }

    // stored bytes, and the value that was decoded from them or from which they were made
    static long SizeOf(RevisionRecord revision)
    {
        long size = RevisionBytes;
        foreach (var e in revision.Events)
            size += EventBytes + (e.Data?.Length ?? 0) + (e.Payload is ConfigSet set ? set.Value.Length : 0);
        return size;
    }
}
