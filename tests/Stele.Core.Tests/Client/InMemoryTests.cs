using Microsoft.Extensions.Configuration;
using Stele.Client;
using Stele.Client.Testing;
using Xunit;

namespace Stele.Core.Tests.Client;

/// <summary>An app against the Stele in memory that its tests would use.</summary>
public sealed class InMemoryTests
{
    readonly SteleInMemory stele = new();

    [Fact]
    public async Task An_app_reads_it_follows_it_and_lives_through_its_absence()
    {
        stele.Set("production", "shop.greeting", "Hi");
        stele.Set("development", "shop.greeting", "not this");
        stele.SetFlag("production", "fast", """{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}""");
        using var app = App(out var changes);
        Assert.Equal("Hi", app["shop:greeting"]);
        stele.Change("production", ("shop.greeting", "\"Hello\""), ("shop.items", "[1,2]"));
        await changes.Until(() => app["shop:greeting"] == "Hello");
        Assert.Equal("2", app["shop:items:1"]);
        stele.Unreachable = true;
        stele.Delete("production", "shop.items");
        Assert.Equal("Hello", app["shop:greeting"]);
        stele.Unreachable = false;
        await changes.Until(() => app["shop:items:1"] is null);
    }

    [Fact]
    public async Task It_hears_what_was_applied_and_what_was_refused()
    {
        stele.Set("production", "shop.port", 80);
        using var app = App(out var changes);
        using var strict = Microsoft.Extensions.Primitives.ChangeToken.OnChange(((IConfiguration)app).GetReloadToken, () => int.Parse(app["shop:port"]!, System.Globalization.CultureInfo.InvariantCulture));
        stele.Set("production", "shop.port", "http");
        stele.Set("production", "shop.port", 81);
        await changes.Until(() => app["shop:port"] == "81");
        await changes.Until(() => stele.Acknowledgements.Any(said => said is { Revision: 3, Rejected: null }) && stele.Acknowledgements.Any(said => said is { Revision: 2, Rejected: not null }));
    }

    [Fact]
    public async Task Values_are_set_read_and_deleted_through_it()
    {
        using var client = new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test") }, stele.Connect());
        var set = await client.SetConfigAsync("a.b", "production", new ConfigSet { Value = System.Text.Json.JsonElement.Parse("1.10") }, CancellationToken.None);
        Assert.Equal(("1.10", 1L), (set.Value.GetRawText(), set.Version));
        await client.DeleteConfigAsync("a.b", "production", null, CancellationToken.None);
        Assert.Equal("not_found", (await Assert.ThrowsAsync<SteleException>(() => client.GetConfigAsync("a.b", new ConfigRead { Environment = "production" }, CancellationToken.None))).Code);
        Assert.Throws<ArgumentException>(() => stele.Set("production", "not a key", 1));
    }

    ConfigurationManager App(out Changes changes)
    {
        var app = new ConfigurationManager();
        app.AddStele("http://stele.test", options => (options.Environment, options.Handler, options.LastKnown, options.Notice) = ("production", stele.Connect, null, _ => { }));
        changes = new Changes();
        return app;
    }

    sealed class Changes
    {
        internal async Task Until(Func<bool> condition)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
            using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            while (!condition()) await timer.WaitForNextTickAsync(enough.Token);
        }
    }
}
