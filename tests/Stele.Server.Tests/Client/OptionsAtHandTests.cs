using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Stele.Client;
using Stele.Client.Testing;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>IOptionsMonitor and its cache as AddStele has them behave as .NET's own.</summary>
public sealed class OptionsAtHandTests
{
    readonly SteleInMemory stele = new();

    [Fact]
    public async Task A_read_is_of_what_is_in_use_allocates_nothing_and_a_change_is_heard_by_name()
    {
        stele.Change("production", ("shop.limit", "1"), ("other.limit", "10"));
        await using var app = App(_ => { });
        var monitor = app.GetRequiredService<IOptionsMonitor<Limits>>();
        var heard = new System.Collections.Concurrent.ConcurrentQueue<(string? Name, int Limit, int Current)>();
        using var listening = monitor.OnChange((options, name) => heard.Enqueue((name, options.Limit, monitor.Get(name).Limit)));
        Assert.Equal((1, 1, 10), (monitor.CurrentValue.Limit, monitor.Get("").Limit, monitor.Get("other").Limit));
        Assert.Same(monitor.CurrentValue, monitor.Get(null));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var sum = 0;
        for (var i = 0; i < 1_000; i++) sum += monitor.CurrentValue.Limit;
        Assert.Equal((1_000, 0L), (sum, GC.GetAllocatedBytesForCurrentThread() - before));
        stele.Change("production", ("shop.limit", "2"), ("other.limit", "20"));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (heard.Count < 2) await timer.WaitForNextTickAsync(enough.Token);
        // who is told finds the same when he looks
        Assert.Equal([("", 2, 2), ("other", 20, 20)], heard.Select(one => (one.Name ?? "", one.Limit, one.Current)).Order());
        Assert.Equal((2, 20), (monitor.CurrentValue.Limit, monitor.Get("other").Limit));
    }

    [Fact]
    public async Task What_is_taken_out_of_the_cache_or_put_into_it_is_what_the_monitor_gives()
    {
        stele.Change("production", ("shop.limit", "1"));
        await using var app = App(_ => { });
        var (monitor, cache) = (app.GetRequiredService<IOptionsMonitor<Limits>>(), app.GetRequiredService<IOptionsMonitorCache<Limits>>());
        Assert.False(cache.TryRemove(null));
        var first = monitor.CurrentValue;
        Assert.False(cache.TryAdd("", new Limits()));
        Assert.True(cache.TryRemove(""));
        Assert.NotSame(first, monitor.CurrentValue);
        cache.Clear();
        var own = new Limits { Limit = 77 };
        Assert.True(cache.TryAdd(null, own) && cache.TryAdd("named", own));
        Assert.Same(own, monitor.CurrentValue);
        Assert.Same(own, monitor.Get("named"));
        Assert.True(cache.TryRemove("named"));
        Assert.NotSame(own, monitor.Get("named"));
        Assert.Same(monitor.Get("named"), monitor.Get("named"));
    }

    [Fact]
    public async Task An_app_that_has_a_cache_of_its_own_keeps_it()
    {
        stele.Change("production", ("shop.limit", "1"));
        await using var app = App(services => services.AddSingleton(typeof(IOptionsMonitorCache<>), typeof(NoCache<>)));
        var monitor = app.GetRequiredService<IOptionsMonitor<Limits>>();
        Assert.Equal(1, monitor.CurrentValue.Limit);
        Assert.NotSame(monitor.CurrentValue, monitor.CurrentValue);
    }

    ServiceProvider App(Action<IServiceCollection> first)
    {
        var configuration = new ConfigurationManager();
        configuration.AddStele("http://stele.test", options => (options.Environment, options.Handler, options.LastKnown, options.Flags, options.Notice) = ("production", stele.Connect, null, false, _ => { }));
        var services = new ServiceCollection();
        services.AddLogging();
        first(services);
        services.AddStele(configuration);
        services.Configure<Limits>(configuration.GetSection("shop")).Configure<Limits>("other", configuration.GetSection("other"));
        return services.BuildServiceProvider();
    }

    sealed class Limits
    {
        public int Limit { get; set; }
    }

    sealed class NoCache<T> : IOptionsMonitorCache<T> where T : class
    {
        public T GetOrAdd(string? name, Func<T> createOptions) => createOptions();

        public bool TryAdd(string? name, T options) => false;

        public bool TryRemove(string? name) => false;

        public void Clear()
        {
        }
    }
}
