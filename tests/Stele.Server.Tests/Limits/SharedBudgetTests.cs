using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Redis;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Limits;

/// <summary>Nodes that share rates by a real Redis.</summary>
public sealed class SharedBudgetTests
{
    static readonly IPAddress far = IPAddress.Parse("203.0.113.7");

    readonly Principal token = Principal.Token(Guid.CreateVersion7(), null, null);

    [Fact]
    public async Task Two_nodes_together_pass_one_rate_and_not_two()
    {
        await using var redis = await RedisServer.Start();
        await using Node one = new(redis, 1_000), other = new(redis, 1_000);
        // the first request of each is its own bucket's, and is charged
        Assert.Equal(1, one.Take(token, 1));
        Assert.Equal(1, other.Take(token, 1));
        var watch = Stopwatch.StartNew();
        long passed = 2;
        for (var round = 0; round < 200; round++)
        {
            await one.Budget.RunOnce(CancellationToken.None);
            await other.Budget.RunOnce(CancellationToken.None);
            passed += one.Take(token, 100) + other.Take(token, 100);
        }
        var most = 1_000 + (long)(watch.Elapsed.TotalSeconds * 1_000) + 1;
        Assert.InRange(passed, 1_000, most);
        Assert.True(one.Budget.IsUp);
    }

    [Fact]
    public async Task A_node_alone_gets_all_of_it()
    {
        await using var redis = await RedisServer.Start();
        await using var node = new Node(redis, 1_000);
        node.Take(token, 1);
        var watch = Stopwatch.StartNew();
        long asked = 0, passed = 0;
        while (watch.Elapsed < TimeSpan.FromMilliseconds(500))
        {
            await node.Budget.RunOnce(CancellationToken.None);
            // below its rate, and in a round no more than a portion, however long the round took
            var due = Math.Min((long)(watch.Elapsed.TotalSeconds * 800) - asked, 25);
            asked += due;
            passed += node.Take(token, (int)due);
        }
        Assert.Equal(asked, passed);
    }

    [Fact]
    public async Task What_is_not_used_is_given_back()
    {
        await using var redis = await RedisServer.Start();
        await using Node one = new(redis, 20), other = new(redis, 20);
        one.Take(token, 1);
        await one.Budget.RunOnce(CancellationToken.None);
        // it holds the whole rate now, and nobody uses it; meanwhile its own bucket is full again
        one.Pass(TimeSpan.FromMilliseconds(100));
        for (var round = 0; round < 25; round++) await one.Budget.RunOnce(CancellationToken.None);
        other.Take(token, 1);
        await other.Budget.RunOnce(CancellationToken.None);
        Assert.InRange(other.Take(token, 30), 15, 20);
    }

    [Fact]
    public async Task Without_Redis_a_node_counts_for_itself_and_shares_again_when_it_is_back()
    {
        await using var redis = await RedisServer.Start();
        await using var node = new Node(redis, 1_000);
        node.Take(token, 1);
        await node.Budget.RunOnce(CancellationToken.None);
        Assert.True(node.Budget.IsUp);
        var leased = node.Take(token, 2_000);
        Assert.InRange(leased, 1, 999);
        await redis.Kill();
        while (node.Budget.IsUp) await node.Budget.RunOnce(CancellationToken.None);
        // its own bucket, of which only the first request was taken
        Assert.Equal(999, node.Take(token, 2_000));
        await redis.Restart();
        while (!node.Budget.IsUp) await node.Budget.RunOnce(CancellationToken.None);
        await node.Budget.RunOnce(CancellationToken.None);
        // what it took alone is charged: of a bucket that was made anew there is only what has flowed in since
        Assert.InRange(node.Take(token, 2_000), 0, 500);
    }

    [Fact]
    public async Task A_Redis_that_is_not_there_at_the_start_stops_nobody()
    {
        await using var node = new Node("127.0.0.1:1,connectTimeout=100", 10);
        await node.Budget.RunOnce(CancellationToken.None);
        Assert.False(node.Budget.IsUp);
        Assert.Equal(10, node.Take(token, 20));
    }

    sealed class Node : IAsyncDisposable
    {
        static readonly OrgId org = new(2);

        readonly RequestLimiter limiter;
        readonly HandClock clock = new();
        readonly RedisLink link;

        public Node(RedisServer redis, long perSecond) : this(redis.Configuration, perSecond) { }

        public Node(string redis, long perSecond)
        {
            var metrics = new LimitMetrics(new Metrics());
            limiter = new RequestLimiter(clock, new LimitOptions { TokenPerSecond = perSecond }, metrics);
            var options = new SteleOptions { Redis = redis, Http = new(IPAddress.Loopback, 0), Grpc = new(IPAddress.Loopback, 0), Data = "", Node = "" };
            link = new RedisLink(options, NullLogger<RedisLink>.Instance);
            Budget = new SharedBudget(limiter, link, metrics, NullLogger<SharedBudget>.Instance);
        }

        public SharedBudget Budget { get; }

        public void Pass(TimeSpan time) => clock.Pass(time);

        public long Take(Principal token, int times)
        {
            long passed = 0;
            for (var i = 0; i < times; i++)
            {
                var admission = limiter.Enter(token, org, far);
                if (admission.Refusal is null) passed++;
                limiter.Leave(admission);
            }
            return passed;
        }

        public ValueTask DisposeAsync() => link.DisposeAsync();
    }
}
