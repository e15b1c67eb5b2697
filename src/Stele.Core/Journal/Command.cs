using System.Buffers.Binary;
using Stele.Core.Access;
using Stele.Core.Orgs;

namespace Stele.Core.Journal;

/// <summary>A wish to change an org. Ids and random bytes are made before it is decided, so that deciding is pure.</summary>
/// <param name="Principal">Who asks; authorised inside Decide.</param>
/// <param name="RequestId">A UUIDv7 made by the node for this request; event ids derive from it.</param>
/// <param name="Reason">The change log, or null.</param>
public abstract record Command(Principal Principal, Guid RequestId, string? Reason)
{
    /// <summary>About how many bytes it brings: what a batch is capped by.</summary>
    public virtual long Bytes => 0;

    /// <summary>Whether it may add to what nodes keep in memory: refused for an org that is too large for it.</summary>
    public virtual bool BringsValues => false;

    /// <summary>
    /// The same command with what takes long worked out on a state that may be older than the one on which it is decided:
    /// outside of the org's one queue, and only a hint that deciding may use where it still holds.
    /// </summary>
    public virtual Command Prepare(OrgState state) => this;

    /// <summary>The id of the n-th event of this command: the request id with the ordinal in its last 14 bits.</summary>
    public Guid EventId(int ordinal)
    {
        Span<byte> bytes = stackalloc byte[16];
        RequestId.TryWriteBytes(bytes, bigEndian: true, out _);
        var last = BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[14..], (ushort)((last & 0xC000) | (ordinal & 0x3FFF)));
        return new Guid(bytes, bigEndian: true);
    }
}

/// <summary>What must commit with a decision's events and may not stand in the journal, such as a verifier. Each feature derives its own.</summary>
public abstract record SideRow;

/// <summary>What a command leads to: events, perhaps none.</summary>
/// <param name="Events">In order. None: nothing changes, and there is no revision.</param>
public sealed record Decision(IReadOnlyList<JournalEvent> Events)
{
    /// <summary>What commits with the events and stands in none of them.</summary>
    public IReadOnlyList<SideRow> Rows { get; init; } = [];

    /// <summary>Nothing changes.</summary>
    public static readonly Decision Nothing = new([]);
}

/// <summary>An org at a revision, and the revision that a decision on it made.</summary>
/// <param name="State">The state after it.</param>
/// <param name="Record">The revision; null when nothing changed.</param>
public sealed record Applied(OrgState State, RevisionRecord? Record);
