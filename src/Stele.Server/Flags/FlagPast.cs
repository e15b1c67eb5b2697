using Microsoft.Extensions.Caching.Memory;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Server.Flags;

/// <summary>The flags of an environment as they were: compiled anew from history, and kept for a while, since the past does not change.</summary>
internal sealed class FlagPast(FlagQueries queries) : IDisposable
{
    const long CacheBytes = 64 << 20;

    // the past does not change, but for what is redacted of it
    static readonly TimeSpan kept = TimeSpan.FromMinutes(1);

    readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = CacheBytes });

    /// <summary>
    /// The flags of an environment at a revision that the state has reached (of a moment: the revision that <c>ConfigView</c>
    /// settles it at). Of an environment that is deleted since, too.
    /// </summary>
    public async ValueTask<EnvironmentFlags> At(OrgState state, EnvironmentState environment, long revision, CancellationToken cancellation)
    {
        // nothing of it has changed since: what is in memory is what was there
        if (environment.Flags.ChangedRevision <= revision) return environment.Flags;
        // an incarnation, too: after a rewind the same number is another revision
        var key = (state.Org, state.Incarnation, environment.Name, revision);
        if (cache.TryGetValue(key, out EnvironmentFlags? known)) return known!;
        var items = await queries.At(state.Org, environment.Name, revision, cancellation);
        var flags = EnvironmentFlags.Of(items, Core.Configs.Tombstones.None, items.Select(item => item.Revision).DefaultIfEmpty(0).Max());
        if (flags.MemoryBytes < CacheBytes / 4) cache.Set(key, flags, new MemoryCacheEntryOptions { Size = Math.Max(1, flags.MemoryBytes), AbsoluteExpirationRelativeToNow = kept });
        return flags;
    }

    /// <inheritdoc/>
    public void Dispose() => cache.Dispose();
}
