using System.Runtime.CompilerServices;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Commands;

/// <summary>An org's journal from its first revision, page by page, for building a table anew. Throws where a revision is not there.</summary>
internal static class JournalReplay
{
    const int PageRevisions = 500;

    /// <summary>The revision at which an org's journal stands now.</summary>
    public static async Task<long> Head(IJournalStore journal, OrgId org, CancellationToken cancellation) =>
        (await journal.Heads([org], false, cancellation)).Heads.FirstOrDefault()?.Revision ?? 0;

    /// <summary>The revisions after one up to another, whole and in order.</summary>
    public static async IAsyncEnumerable<IReadOnlyList<RevisionRecord>> Pages(IJournalStore journal, OrgId org, long after, long last,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        while (after < last)
        {
            var page = await journal.Read(org, after, (int)Math.Min(PageRevisions, last - after), cancellation);
            foreach (var (index, revision) in page.Index())
                if (revision.Revision != after + index + 1 || revision.Events.Count == 0) throw Missing(org, after + index + 1);
            if (page.Count == 0) throw Missing(org, after + 1);
            yield return page;
            after = page[^1].Revision;
        }
    }

    static DatabaseSetupException Missing(OrgId org, long revision) => new(
        $"Revision {revision} of organization {org} is not in the journal, so its tables cannot be built from it. If it was archived, restore the archive first; 'stele verify' says what is missing. Nothing was changed.");
}
