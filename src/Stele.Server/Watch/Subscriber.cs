using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Watch;

namespace Stele.Server.Watch;

/// <summary>Who subscribes, as people see it.</summary>
/// <param name="Principal">Who.</param>
/// <param name="Transport">sse, websocket, grpc or poll.</param>
/// <param name="Client">What it calls itself, or null.</param>
/// <param name="Address">From where.</param>
/// <param name="Labels">What it says of itself.</param>
/// <param name="Standing">Whether that by which it was let in still holds, as far as the org's state does not say it; null: the state says it all.</param>
internal sealed record WatchClient(Principal Principal, string Transport, string? Client, string? Address, IReadOnlyDictionary<string, string> Labels, Func<bool>? Standing = null);

/// <summary>A revision that a client could not apply, and why.</summary>
internal sealed record WatchRejection(long Revision, string Reason);

/// <summary>One subscription. What is marked so belongs to <see cref="OrgWatch"/> and is touched under its lock only.</summary>
internal sealed class Subscriber(Guid id, string name, WatchClient client, WatchFilter filter, WatchOutbox outbox, Timestamp since)
{
    WatchFrame? sent;
    WatchRejection? rejected;
    long applied = -1, lastChange;

    /// <summary>Its id on this node and all others.</summary>
    public Guid Id { get; } = id;

    /// <summary>The id that the client gave it, unique on its connection.</summary>
    public string Name { get; } = name;

    public WatchClient Client { get; } = client;

    public WatchFilter Filter { get; } = filter;

    public WatchOutbox Outbox { get; } = outbox;

    public Timestamp Since { get; } = since;

    /// <summary>The watch of its org, once it is in it.</summary>
    public OrgWatch? Watch { get; set; }

    /// <summary>The last frame that was sent; null before the first.</summary>
    public WatchFrame? Sent => Volatile.Read(ref sent);

    /// <summary>The last revision of which it was sent something; 0 before the first.</summary>
    public long LastChange => Volatile.Read(ref lastChange);

    /// <summary>The last revision that the client says it has applied; null before it said anything.</summary>
    public long? Applied => Volatile.Read(ref applied) is var revision and >= 0 ? revision : null;

    /// <summary>What it last rejected, unless it has applied something later.</summary>
    public WatchRejection? Rejected => Volatile.Read(ref rejected) is { } last && last.Revision > (Applied ?? -1) ? last : null;

    /// <summary>Of OrgWatch: what its principal may, at the state that its watch has come to.</summary>
    public Rights Rights { get; set; } = null!;

    /// <summary>Of OrgWatch: until when its token holds, or null.</summary>
    public Timestamp? ExpiresAt { get; set; }

    /// <summary>Of OrgWatch: those who see the same, with whom it gets what happens; null while it catches up.</summary>
    public WatchGroup? Group { get; set; }

    /// <summary>Of OrgWatch: its place in the group.</summary>
    public int GroupSlot { get; set; }

    /// <summary>Of OrgWatch: its place among all.</summary>
    public int Slot { get; set; } = -1;

    /// <summary>Of OrgWatch: raised when it is reset, so that who replays to it stops.</summary>
    public int Generation { get; set; }

    /// <summary>Of OrgWatch: what it had when it joined, which may be ahead of the watch.</summary>
    public Cursor Floor { get; set; }

    /// <summary>Of OrgWatch: timestamp of the last heartbeat.</summary>
    public long BeatenAt { get; set; }

    /// <summary>Of its connection: what each change begins with there; null before the first.</summary>
    public byte[]? ChangeHead { get; set; }

    /// <summary>A frame went out; called by the one who writes the connection.</summary>
    public void NoteSent(WatchFrame frame)
    {
        if (frame.Kind == WatchFrameKind.Change) Volatile.Write(ref lastChange, frame.Cursor.Revision);
        Volatile.Write(ref sent, frame);
    }

    /// <summary>The client says that it has applied a revision; an earlier one than before changes nothing.</summary>
    public void Ack(long revision)
    {
        var before = Volatile.Read(ref applied);
        while (revision > before)
        {
            var found = Interlocked.CompareExchange(ref applied, revision, before);
            if (found == before) return;
            before = found;
        }
    }

    /// <summary>The client says that it cannot apply a revision.</summary>
    public void Reject(long revision, string reason) => Volatile.Write(ref rejected, new WatchRejection(revision, reason));
}

/// <summary>Those subscribers of an org who ask for the same with the same rights: what one sees, all see.</summary>
internal sealed class WatchGroup(WatchFilter filter, Principal principal)
{
    public WatchFilter Filter { get; } = filter;

    public Principal Principal { get; } = principal;

    /// <summary>What the principal may, at the state that the watch has come to.</summary>
    public Rights Rights { get; set; } = null!;

    public List<Subscriber> Subscribers { get; } = [];

    /// <summary>The changes of the revision at hand that it asks for.</summary>
    public List<int> Hits { get; } = [];
}
