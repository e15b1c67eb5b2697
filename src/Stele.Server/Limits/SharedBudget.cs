using StackExchange.Redis;
using Stele.Core.Limits;
using Stele.Server.Redis;

namespace Stele.Server.Limits;

/// <summary>
/// Rates that all nodes share, by Redis. No request waits for it: in the background, twenty times a second, each rate that is used here asks
/// the shared bucket for a portion, and requests take from that. What was taken before the first portion came is charged with it, and what
/// is left of one that nobody uses is given back. So all nodes together pass what one bucket holds and what flows into it, and at most
/// one bucket a node more, of what begins at all of them within a twentieth of a second; that is owed, and passes later nowhere.
/// Without Redis, and within a second of its going away, each node counts for itself.
/// </summary>
internal sealed class SharedBudget(RequestLimiter limiter, RedisLink link, LimitMetrics metrics, ILogger<SharedBudget> log)
{
    /// <summary>How often portions are asked for.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    // how long a portion may be used when nothing more is heard, and how long Redis may take to answer
    static readonly TimeSpan Lease = TimeSpan.FromSeconds(1), Patience = TimeSpan.FromMilliseconds(500);

    const int AsksMax = 10_000;

    bool isUp;

    /// <summary>Whether there is a Redis to share by.</summary>
    public bool IsConfigured => link.IsConfigured;

    /// <summary>Whether Redis answered last.</summary>
    public bool IsUp => Volatile.Read(ref isUp);

    /// <summary>One round of asking.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        if (!link.IsConfigured) return;
        try
        {
            var redis = await link.Open(cancellation);
            await Ask(redis.GetDatabase(), limiter.Now).WaitAsync(Patience, cancellation);
            Tell(true, "");
        }
        catch (Exception e) when (RedisLink.IsAway(e))
        {
            foreach (var allowance in limiter.Allowances) allowance.EndLease();
            metrics.SharedFailures.Add();
            Tell(false, e.GetType().Name);
        }
    }

    async Task Ask(IDatabase database, long now)
    {
        var until = now + (long)(Lease.TotalSeconds * BucketRate.UnitsPerSecond);
        var asked = new List<Task>();
        foreach (var allowance in limiter.Allowances)
        {
            var wish = allowance.Wish(now);
            if (wish.IsNothing) allowance.Prolong(until);
            else if (asked.Count < AsksMax) asked.Add(Ask(database, allowance, wish, until));
        }
        // an empty round asks all the same: somebody has to find out that Redis went away
        if (asked.Count == 0) await database.PingAsync();
        await Task.WhenAll(asked);
    }

    static async Task Ask(IDatabase database, Allowance allowance, LeaseWish wish, long until)
    {
        var rate = allowance.Policy.Rate;
        var answer = (RedisResult[])(await database.ScriptEvaluateAsync(Script, [Prefix + allowance.Key],
            [rate.Tokens, rate.Seconds * 1_000_000L, wish.Want, wish.Spent]))!;
        if (wish.Want > 0) allowance.Lease((long)answer[0], (long)answer[1], until);
    }

    const string Prefix = "stele:rate:";

    // one bucket: its level as of a moment of Redis' clock. What was taken without asking may make it negative, by a
    // bucket at most, and has to flow in again before anything is given
    const string Script = """
        local tokens, period, want, spent = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
        local level = tokens
        if kept[1] then level = math.min(tokens, kept[1] + math.max(0, now - kept[2]) * tokens / period) end
        level = math.min(tokens, math.max(-tokens, level - spent))
        local given = math.min(want, math.max(0, math.floor(level)))
        redis.call('HSET', KEYS[1], 'level', string.format('%.6f', level - given), 'at', string.format('%.0f', now))
        redis.call('PEXPIRE', KEYS[1], math.ceil(period / 1000) * 3)
        return {given, math.max(0, math.floor(level - given))}
        """;

    void Tell(bool up, string why)
    {
        if (up == isUp) return;
        Volatile.Write(ref isUp, up);
        if (up) log.Shared();
        else log.NotShared(why);
    }
}
