using System.Collections.Concurrent;
using Stele.Core.Journal;
using Stele.Server.Outbound;

namespace Stele.Server.Tests.Outbound;

/// <summary>Keeps what it is given, and fails as it is told.</summary>
sealed class RecordingSink(string name = "test", bool fromTheStart = false) : OutboundSink
{
    public override string Name => name;

    public override bool ReadsFromTheStart => fromTheStart;

    /// <summary>Whether the outside is away.</summary>
    public bool IsAway { get; set; }

    /// <summary>Whose revisions it cannot bear.</summary>
    public OrgId? Poison { get; set; }

    /// <summary>Whether the next look has it ask for everything.</summary>
    public bool Lost { get; set; }

    /// <summary>Awaited before it takes a page.</summary>
    public Func<Task> BeforeWrite { get; set; } = () => Task.CompletedTask;

    public ConcurrentQueue<(OrgId Org, long Revision)> Written { get; } = new();

    public ConcurrentQueue<(OrgId Org, RewriteReason Reason, long Head)> Rewrites { get; } = new();

    public IEnumerable<long> Revisions => Written.Where(one => one.Org == OrgId.Default).Select(one => one.Revision);

    public override Task<bool> Attend(CancellationToken cancellation) => Task.FromResult(Lost);

    public override async Task Write(OutboundOrg org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation)
    {
        await BeforeWrite();
        if (IsAway) throw new OutboundAwayException("it is away");
        if (org.Id == Poison) throw new InvalidOperationException("it cannot be borne");
        foreach (var revision in revisions) Written.Enqueue((org.Id, revision.Revision));
    }

    public override Task Rewrite(OutboundOrg org, RewriteReason reason, CancellationToken cancellation)
    {
        if (IsAway) throw new OutboundAwayException("it is away");
        Rewrites.Enqueue((org.Id, reason, org.Head));
        return Task.CompletedTask;
    }
}
