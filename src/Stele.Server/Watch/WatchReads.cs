using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Server.Watch;

/// <summary>
/// The journal as those read it who catch up: so many reads at a time on this node, in turn. A thousand clients who resume at once would otherwise
/// hold every connection, and commits would wait for one.
/// </summary>
internal sealed class WatchReads(IJournalStore store, int atOnce)
{
    readonly SemaphoreSlim room = new(atOnce);

    /// <inheritdoc cref="IJournalStore.Read(OrgId, long, int, CancellationToken)"/>
    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long after, int limit) => InTurn(() => store.Read(org, after, limit, CancellationToken.None));

    /// <inheritdoc cref="IJournalStore.Read(OrgId, IReadOnlyList{long}, CancellationToken)"/>
    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions) => InTurn(() => store.Read(org, revisions, CancellationToken.None));

    /// <inheritdoc cref="IJournalStore.Places"/>
    public Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions) => InTurn(() => store.Places(org, revisions, CancellationToken.None));

    /// <inheritdoc cref="IJournalStore.Find"/>
    public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most) => InTurn(() => store.Find(org, after, upTo, streams, most, CancellationToken.None));

    /// <inheritdoc cref="IJournalStore.FindNext"/>
    public Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most) =>
        InTurn(() => store.FindNext(org, after, upTo, streams, most, CancellationToken.None));

    async Task<T> InTurn<T>(Func<Task<T>> read)
    {
        await room.WaitAsync();
        try
        {
            return await read();
        }
        finally
        {
            room.Release();
        }
    }
}
