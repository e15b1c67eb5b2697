using StackExchange.Redis;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Redis;

namespace Stele.Server.Outbound.Redis;

/// <summary>
/// Configuration in Redis, for consumers who read it there and listen to its channels. What it promises:
/// <list type="bullet">
/// <item>Each key holds the last value that was written to it, or an older one for a moment, never one that was overtaken: it is set if it is newer, atomically.</item>
/// <item>Each change is told once, in order for each key, unless Redis was away when a listener was there to hear it: channels keep nothing.</item>
/// <item>Whatever Redis forgets is written again within seconds, by itself; what it keeps is refreshed before it expires. After a reset everything is
/// written over, and what is of the lost history goes.</item>
/// <item>Secrets are never there.</item>
/// </list>
/// </summary>
internal sealed class RedisSink(RedisLink link, RedisState state, RedisSweep sweep, RedisOutOptions options, TimeProvider time, ILogger<RedisSink> log) : OutboundSink
{
    RedisMarkers markers = new();
    long? wholeAt;
    long attendedAt;
    // in which everything was last asked to be written
    Guid history;
    volatile bool wantsWhole;

    /// <inheritdoc/>
    public override string Name => "redis";

    /// <inheritdoc/>
    public override Task Begin(CancellationToken cancellation)
    {
        (markers, wholeAt, wantsWhole, attendedAt) = (new RedisMarkers(), null, true, 0);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task<bool> Attend(CancellationToken cancellation)
    {
        var redis = await Open(cancellation);
        // all was level after the look that ended then
        await Guarded(redis, RedisPipeline.Bounded(redis.GetDatabase().StringSetAsync(RedisNames.Level, attendedAt, options.Life), options.Patience));
        attendedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (!wantsWhole && await AreGone(redis))
        {
            wantsWhole = true;
            log.RedisForgot();
        }
        var since = wholeAt is { } at ? time.GetElapsedTime(at) : TimeSpan.MaxValue;
        if (since < options.WholePause || (!wantsWhole && since < options.Refresh)) return false;
        // before anything is written: what is forgotten from here on is noticed
        await Guarded(redis, RedisPipeline.Bounded(markers.Set(redis, options.Life), options.Patience));
        history = (await state.History(cancellation)).Incarnation;
        (wholeAt, wantsWhole) = (time.GetTimestamp(), false);
        return true;
    }

    /// <inheritdoc/>
    public override async Task Write(OutboundOrg org, IReadOnlyList<RevisionRecord> revisions, CancellationToken cancellation)
    {
        var redis = await Open(cancellation);
        var writer = new RedisWriter(redis.GetDatabase(), options);
        var pipeline = new RedisPipeline(options);
        foreach (var revision in revisions)
            foreach (var e in revision.Events)
            {
                // its keys have other names from now on, or none
                if (e.Payload is OrgRenamed or OrgArchived or OrgUnarchived) wantsWhole = true;
                if (!org.IsArchived && EntryOf(revision, e) is { } entry) await Guarded(redis, writer.Put(pipeline, org, entry, RedisWrite.Change).AsTask());
            }
        await Guarded(redis, pipeline.Flush());
        await Guarded(redis, RedisPipeline.Bounded(writer.Reached(org.Id, revisions[^1].Revision, revisions[^1].Chain), options.Patience));
    }

    /// <inheritdoc/>
    public override async Task Rewrite(OutboundOrg org, RewriteReason reason, CancellationToken cancellation)
    {
        var how = reason is RewriteReason.History or RewriteReason.First ? RedisWrite.Anew : RedisWrite.Again;
        // what is of the lost history is swept when all is written
        if (reason == RewriteReason.History) wantsWhole = true;
        if (org.IsArchived) return;
        var redis = await Open(cancellation);
        var writer = new RedisWriter(redis.GetDatabase(), options);
        var pipeline = new RedisPipeline(options);
        await foreach (var entry in state.Configs(org.Id, cancellation)) await Guarded(redis, writer.Put(pipeline, org, entry, how).AsTask());
        await foreach (var entry in state.Flags(org.Id, cancellation)) await Guarded(redis, writer.Put(pipeline, org, entry, how).AsTask());
        await Guarded(redis, pipeline.Flush());
        await Guarded(redis, RedisPipeline.Bounded(writer.Reached(org.Id, org.Head, org.Chain), options.Patience));
    }

    /// <inheritdoc/>
    public override async Task Rewritten(CancellationToken cancellation)
    {
        var redis = await Open(cancellation);
        var sweeping = sweep.RunOnce(redis, history, cancellation);
        await Guarded(redis, RedisPipeline.Bounded(sweeping, Timeout.InfiniteTimeSpan));
        if (await sweeping is var removed and > 0) log.Swept(removed);
    }

    /// <summary>The entry that an event makes; null: none that goes to Redis, or one whose value was redacted.</summary>
    internal static RedisEntry? EntryOf(RevisionRecord revision, EventRecord e) => e.Payload switch
    {
        ConfigSet set => new(RedisNames.Config, set.Key, set.Environment, set.Value, set.ValueType.Name(), set.Version, revision.Revision, revision.At, revision.Actor, revision.Reason) { HasSchema = set.Schema is not null },
        ConfigDeleted deleted => new(RedisNames.Config, deleted.Key, deleted.Environment, null, "", deleted.Version, revision.Revision, revision.At, revision.Actor, revision.Reason),
        // its data was redacted; what came after it is on its way
        FlagDefined when e.Data is null => null,
        FlagDefined flag => new(RedisNames.Flag, flag.Name, flag.Environment, RedisEntry.FlagValue(flag.Definition, flag.Killed), "", flag.Version, revision.Revision, revision.At, revision.Actor, revision.Reason),
        // one that is put away is evaluated by nobody
        FlagArchived flag => new(RedisNames.Flag, flag.Name, flag.Environment, null, "", flag.Version, revision.Revision, revision.At, revision.Actor, revision.Reason),
        FlagDeleted flag => new(RedisNames.Flag, flag.Name, flag.Environment, null, "", flag.Version, revision.Revision, revision.At, revision.Actor, revision.Reason),
        _ => null,
    };

    async Task<ConnectionMultiplexer> Open(CancellationToken cancellation)
    {
        try
        {
            return await link.Open(cancellation);
        }
        catch (Exception e) when (RedisLink.IsAway(e))
        {
            throw new OutboundAwayException(e.GetType().Name, e);
        }
    }

    async Task<bool> AreGone(ConnectionMultiplexer redis)
    {
        var asking = markers.AreGone(redis);
        await Guarded(redis, RedisPipeline.Bounded(asking, options.Patience));
        return await asking;
    }

    // a cluster in which another master took over is looked at anew, which the driver would do within a minute
    async Task Guarded(ConnectionMultiplexer redis, Task task)
    {
        try
        {
            await task;
        }
        catch (OutboundAwayException)
        {
            await RedisPipeline.Bounded(redis.ConfigureAsync(), options.Patience);
            throw;
        }
    }
}
