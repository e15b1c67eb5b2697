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

    [Fact]
    public async Task An_older_revision_comes_back_only_by_a_reset_and_then_whole()
    {
        stele.Change("production", ("pair.a", "1"), ("pair.b", "1"), ("pair.gone", "1"));
        stele.Change("production", ("pair.a", "2"), ("pair.b", "2"), ("pair.gone", null));
        await using var client = new SteleClient(new SteleClientOptions { Url = new Uri("http://stele.test") }, stele.Connect());
        var said = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await client.FollowAsync(new FollowOptions { Environment = "production", LastKnown = null, Notice = notice => said.Enqueue(notice.Text) }, TestContext.Current.CancellationToken);
        Assert.Equal((2L, 2L), (client.Values.Revision, client.Values.GetInt64("pair.a", 0)));
        var changes = new Changes();
        await changes.Until(() => client.Values.Status.Connected);
        stele.Restore(1);
        await changes.Until(() => client.Values.Revision == 1);
        Assert.Equal((1L, 1L, 1L), (client.Values.GetInt64("pair.a", 0), client.Values.GetInt64("pair.b", 0), client.Values.GetInt64("pair.gone", 0)));
        Assert.Contains(said, text => text.Contains("is read anew", StringComparison.Ordinal) && text.Contains("history", StringComparison.Ordinal));
        // and goes on from there, in the history that is: its second revision is another one
        stele.Change("production", ("pair.a", "3"), ("pair.b", "3"));
        await changes.Until(() => client.Values.Revision == 2 && client.Values.GetInt64("pair.a", 0) == 3);
        Assert.Equal((3L, 1L), (client.Values.GetInt64("pair.b", 0), client.Values.GetInt64("pair.gone", 0)));
        // away while it happens: the cursor that it comes back with is of a history that is no more
        stele.Unreachable = true;
        stele.Restore(1);
        Assert.Equal(3, client.Values.GetInt64("pair.a", 0));
        stele.Unreachable = false;
        await changes.Until(() => client.Values.Revision == 1 && client.Values.GetInt64("pair.a", 0) == 1);
    }

    [Fact]
    public async Task A_value_that_stands_for_a_secret_has_its_value_and_follows_it()
    {
        stele.SetSecret("production", "pay/password", "first");
        stele.SetJson("production", "pay.password", """{"$secret":"pay/password"}""");
        stele.SetSecret("production", "shop/api-key", "beside");
        using var app = App(out var changes, options => options.SecretPrefixes.Add("shop/"));
        Assert.Equal(("first", "beside"), (app["pay:password"], app["shop:api-key"]));
        stele.SetSecret("production", "pay/password", "second");
        await changes.Until(() => app["pay:password"] == "second");
        stele.SetSecret("production", "shop/api-key", "after");
        stele.SetSecret("production", "shop/new", "new");
        await changes.Until(() => app["shop:api-key"] == "after" && app["shop:new"] == "new");
        stele.SetSecret("production", "shop/new", null);
        await changes.Until(() => app["shop:new"] is null);
        // what stands for nothing is refused, and what was there stays
        stele.Change("production", ("pay.password", """{"$secret":"pay/none"}"""), ("pay.other", "1"));
        await changes.Until(() => stele.Acknowledgements.Any(said => said.Rejected?.Contains("pay.password stands for the secret pay/none", StringComparison.Ordinal) == true));
        Assert.Equal(("second", null), (app["pay:password"], app["pay:other"]));
        stele.SetSecret("production", "pay/none", "there now");
        await changes.Until(() => app["pay:password"] == "there now" && app["pay:other"] == "1");
    }

    [Fact]
    public void An_app_does_not_begin_without_a_secret_that_a_value_stands_for()
    {
        stele.SetJson("production", "pay.password", """{"$secret":"pay/none"}""");
        var failure = Assert.Throws<SteleException>(() => App(out _));
        Assert.Equal("not_found", failure.Code);
        Assert.Contains("pay.password stands for the secret pay/none, which cannot be read", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_is_null_is_kept_like_any_other()
    {
        stele.Change("production", ("shop.nothing", "null"), ("shop.something", "7"));
        var directory = Directory.CreateTempSubdirectory("stele-null-").FullName;
        void Kept(SteleOptions options) => (options.LastKnown, options.Flags) = (new LastKnownOptions { Directory = directory }, false);
        App(out _, Kept).Dispose();
        stele.Unreachable = true;
        using (var again = App(out _, Kept)) Assert.Equal((null, "7", true), (again["shop:nothing"], again["shop:something"], again.GetSection("shop").GetChildren().Any(child => child.Key == "nothing")));
        Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Secrets_are_on_disk_only_if_that_is_asked_for(bool kept)
    {
        stele.SetSecret("production", "pay/password", "s3cret-mark");
        stele.SetJson("production", "pay.password", """{"$secret":"pay/password"}""");
        var said = new List<string>();
        var directory = Directory.CreateTempSubdirectory("stele-secrets-").FullName;
        var secret = new byte[32];
        void Kept(SteleOptions options)
        {
            (options.LastKnown, options.Flags) = (new LastKnownOptions { Directory = directory, Secret = secret, Secrets = kept }, false);
            options.SecretPrefixes.Add("pay/");
            options.Notice = notice => said.Add(notice.Text);
        }

        using (var app = App(out _, Kept)) Assert.Equal("s3cret-mark", app["pay:password"]);
        Assert.Equal(kept ? 2 : 1, Directory.GetFiles(directory, "last-known", SearchOption.AllDirectories).Length);
        stele.Unreachable = true;
        if (kept)
        {
            using var again = App(out _, Kept);
            Assert.Equal("s3cret-mark", again["pay:password"]);
        }
        else
        {
            Assert.Throws<SteleException>(() => App(out _, options =>
            {
                Kept(options);
                options.StartTimeout = TimeSpan.FromMilliseconds(50);
            }));
            Assert.Contains(said, text => text.Contains("LastKnown.Secrets asks for it", StringComparison.Ordinal));
        }
        Directory.Delete(directory, recursive: true);
    }

    ConfigurationManager App(out Changes changes, Action<SteleOptions>? more = null)
    {
        var app = new ConfigurationManager();
        app.AddStele("http://stele.test", options => 
        {
            (options.Environment, options.Handler, options.LastKnown, options.WithoutServices, options.Notice) = ("production", stele.Connect, null, true, _ => { });
            more?.Invoke(options);
        });
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
