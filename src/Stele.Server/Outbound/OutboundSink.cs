using Stele.Core.Journal;

namespace Stele.Server.Outbound;

/// <summary>
/// Somewhere outside to which the journal is written: Redis, Kafka, webhooks. Whoever makes one derives this, registers it as a singleton
/// <see cref="OutboundSink"/>, and has nothing to do with checkpoints, leading, back-off or metrics: <see cref="OutboundRunner"/> runs it,
/// on one node at a time. What it must bear: a revision may come twice (the runner crashed before its checkpoint), and a
/// runner that was paused may write what another one has written long since; so what it writes says its place, by which who reads it knows what is older.
/// </summary>
internal abstract class OutboundSink
{
    /// <summary>Its name: that of its checkpoints, its lock and its metrics. It never changes.</summary>
    public abstract string Name { get; }

    /// <summary>Whether an org without a checkpoint is written from its first revision on, and not from what it is now.</summary>
    public virtual bool ReadsFromTheStart => false;

    /// <summary>
    /// This node has begun to run it: nothing that it knew of the outside from an earlier time holds. Called before anything else, and again
    /// after each time that another node may have run it.
    /// </summary>
    public virtual Task Begin(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>
    /// Called at each <see cref="OutboundOptions.Poll"/> for what the sink has to do by itself, after everything was brought level. True: something
    /// outside was lost, and every org is to be written whole, beside what changes meanwhile, with <see cref="RewriteReason.Asked"/>.
    /// </summary>
    public virtual Task<bool> Attend(CancellationToken cancellation) => Task.FromResult(false);

    /// <summary>Every org was written whole, as <see cref="Attend"/> asked.</summary>
    public virtual Task Rewritten(CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>
    /// Writes whole revisions of one org, in order, each joining on to the one before, and returns when they are there for good. None
    /// is archived. Throws <see cref="OutboundAwayException"/> when the outside is away: all of it is tried again later. Anything else that it
    /// throws is taken for the fault of this org, which alone is tried again later.
    /// </summary>
    public abstract Task Write(OutboundOrg org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation);

    /// <summary>
    /// Writes what an org is now, instead of how it came to be: the tables show it at <see cref="OutboundOrg.Head"/> or later. Throws as
    /// <see cref="Write"/>. The revisions after the head come to <see cref="Write"/> next; after <see cref="RewriteReason.Asked"/>
    /// those after the checkpoint do, as if nothing had been.
    /// </summary>
    public abstract Task Rewrite(OutboundOrg org, RewriteReason reason, CancellationToken cancellation);
}

/// <summary>Why an org is written whole.</summary>
internal enum RewriteReason
{
    /// <summary>There is no checkpoint: this sink has never written it.</summary>
    First,
    /// <summary>PostgreSQL lost writes or was restored: what was written outside may be of a history that is no more.</summary>
    History,
    /// <summary>What comes after the checkpoint was moved to an archive.</summary>
    Archived,
    /// <summary>The sink asked for it.</summary>
    Asked,
}

/// <summary>An org as the runner found it.</summary>
/// <param name="Id">Which.</param>
/// <param name="Name">Its name now.</param>
/// <param name="Incarnation">The history that the database holds.</param>
/// <param name="Counter">Counts incarnations and promotions: with a revision, the place of what is written.</param>
/// <param name="Head">Its last revision when the runner looked.</param>
/// <param name="IsArchived">Whether it is archived, and read by nobody.</param>
internal sealed record OutboundOrg(OrgId Id, string Name, Guid Incarnation, long Counter, long Head, bool IsArchived)
{
    /// <summary>The chain at the head.</summary>
    public byte[] Chain { get; init; } = [];
}

/// <summary>The outside does not answer.</summary>
internal sealed class OutboundAwayException(string message, Exception? inner = null) : Exception(message, inner);
