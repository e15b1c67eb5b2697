using System.Diagnostics;
using System.Globalization;
using System.Net;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;

namespace Stele.Bench.Flood;

/// <summary>What the limits cost a request: nanoseconds and bytes of a request that passes and of one that is refused, on one thread and on two that share a token.</summary>
internal static class LimiterRun
{
    const int Batch = 100_000;

    public static int Run(BenchArguments arguments)
    {
        var address = IPAddress.Parse("203.0.113.7");
        Report("10,000 tokens in turn, all pass", arguments, 1, 10_000, 1 << 30, address);
        Report("one token, passes", arguments, 1, 1, 1 << 30, address);
        Report("one token, refused", arguments, 1, 1, 1, address);
        Report("one token on two threads, passes", arguments, 2, 1, 1 << 30, address);
        return 0;
    }

    static void Report(string title, BenchArguments arguments, int threads, int tokens, long perSecond, IPAddress address)
    {
        var limiter = new RequestLimiter(TimeProvider.System, new LimitOptions { TokenPerSecond = perSecond, OrgPerSecond = 1 << 30 }, new LimitMetrics(new Metrics()));
        var principals = Enumerable.Range(0, tokens).Select(_ => Principal.Token(Guid.CreateVersion7(), null, null)).ToArray();
        Round(limiter, principals, address);
        Round(limiter, principals, address);
        var rounds = Enumerable.Range(0, 10 * (arguments.Rounds ?? 5)).Select(_ => threads == 1 ? Round(limiter, principals, address)
            : Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Run(() => Round(limiter, principals, address)))).Result.Average()).Order().ToList();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Round(limiter, principals, address);
        var bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / Batch;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title,-34} {rounds[rounds.Count / 2],6:0} ns (fastest round {rounds[0]:0}, slowest {rounds[^1]:0}), {bytes} bytes allocated each"));
    }

    static double Round(RequestLimiter limiter, Principal[] principals, IPAddress address)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < Batch; i++)
        {
            var admission = limiter.Enter(principals[i % principals.Length], OrgId.Default, address);
            limiter.Leave(admission);
        }
        return Stopwatch.GetElapsedTime(start).TotalNanoseconds / Batch;
    }
}
