using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Stele.Core.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Outbound;
using Stele.Server.Outbound.Redis;
using Stele.Server.Redis;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound;

/// <summary>A node that writes to a Redis, and a connection of the test's own to look into it.</summary>
sealed class RedisNode : IAsyncDisposable
{
    readonly CancellationTokenSource ending = new();
    readonly RedisLink link;
    Task? running;

    RedisNode(TestNode node, RedisLink link, ConnectionMultiplexer redis, OutboundRunner runner, RedisOutOptions options) =>
        (Node, this.link, Redis, Runner, Options) = (node, link, redis, runner, options);

    public TestNode Node { get; }

    public ConnectionMultiplexer Redis { get; }

    public IDatabase Keys => Redis.GetDatabase();

    public OutboundRunner Runner { get; }

    public RedisOutOptions Options { get; }

    public static async Task<RedisNode> Start(TestDatabase database, string configuration, RedisOutOptions? options = null)
    {
        options ??= new RedisOutOptions { WholePause = TimeSpan.Zero };
        var node = await TestNode.Start(database);
        await node.CreateOrg();
        var link = new RedisLink(new SteleOptions { Redis = configuration, Http = new(IPAddress.Loopback, 0), Grpc = new(IPAddress.Loopback, 0), Data = "", Node = "" }, NullLogger<RedisLink>.Instance);
        var state = new RedisState(node.Connections);
        var sink = new RedisSink(link, state, new RedisSweep(state, options, TimeProvider.System), options, TimeProvider.System, NullLogger<RedisSink>.Instance);
        var outbound = new OutboundOptions { BackOff = TimeSpan.FromMilliseconds(20), BackOffMax = TimeSpan.FromMilliseconds(100), Poll = TimeSpan.FromMilliseconds(100) };
        var runner = new OutboundRunner(sink, new OutboundCheckpoints(node.Connections, outbound), node.Store, TimeProvider.System, outbound,
            new OutboundMetrics(new Metrics(), TimeProvider.System), NullLogger<OutboundRunner>.Instance);
        return new RedisNode(node, link, await ConnectionMultiplexer.ConnectAsync(configuration + ",allowAdmin=true,abortConnect=false"), runner, options);
    }

    /// <summary>Whether it looks by itself.</summary>
    public bool IsRunning => running is not null;

    /// <summary>From now on it looks by itself, as a server's does.</summary>
    public void Run() => running = Runner.Run(ending.Token);

    /// <summary>Waits for something that comes of its looking, which goes on meanwhile.</summary>
    public Task Until(Func<Task<bool>> condition, string what) => Wait.Until(async () =>
    {
        if (!IsRunning) await Record.ExceptionAsync(Look);
        return await condition();
    }, what);

    public Task Look() => Runner.RunOnce(CancellationToken.None);

    /// <summary>Everything that is said on some channels, in order.</summary>
    public async Task<ConcurrentQueue<string>> Listen(string pattern)
    {
        var heard = new ConcurrentQueue<string>();
        await Redis.GetSubscriber().SubscribeAsync(new RedisChannel(pattern, RedisChannel.PatternMode.Pattern), (channel, message) => heard.Enqueue($"{channel} {message}"));
        return heard;
    }

    public async Task<string?> Value(string key) => await Keys.StringGetAsync(key);

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        if (running is not null) await running;
        await Runner.DisposeAsync();
        ending.Dispose();
        await Redis.CloseAsync(allowCommandsToComplete: false);
        await link.DisposeAsync();
        await Node.DisposeAsync();
    }

    public async Task<long> Set(string key, string json) => (await Node.Set(key, json)).Value.Record!.Revision;
}
