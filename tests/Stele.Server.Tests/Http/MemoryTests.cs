using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Which orgs a node keeps, and what it answers of the others. No poll comes but those that a test calls.</summary>
public sealed class MemoryTests
{
    // as if every org had been unused since the last sweep
    static readonly JournalOptions Quiet = new() { Tick = TimeSpan.FromHours(1), Poll = TimeSpan.Zero };

    static (string, string) Org(string name) => ("Stele-Org", name);

    [Fact]
    public async Task An_org_that_nobody_uses_leaves_memory_and_comes_back_when_asked_for()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        await using var server = await first.Another(Quiet with { Idle = TimeSpan.Zero });
        await server.NewOrg(2, "acme");
        (await server.Put("app.x", """{"value":1}""", "", Org("acme"))).Is(200);
        Assert.Contains(server.Journal.Orgs, org => org.Org == new OrgId(2));
        await server.Journal.Poll();
        Assert.Empty(server.Journal.Orgs);
        Assert.Equal(2, await Metric(server, "stele_org_drops_total{reason=\"idle\"}"));
        // a key by SQL while it is loaded, all else when it is
        var cursor = (await server.Get("/v1/config/app.x", Org("acme"))).Is(200).Headers["Stele-Cursor"];
        Assert.Equal("1", (await server.Get("/v1/config?prefix=app.", Org("acme"))).Is(200)["items"][0].GetProperty("value").GetRawText());
        Assert.Contains(server.Journal.Orgs, org => org.Org == new OrgId(2));
        await server.Journal.Poll();
        (await server.Get("/v1/config/app.x", Org("acme"), ("Stele-Min-Cursor", cursor))).Is(200);
        await server.Journal.Poll();
        Assert.Equal(2, (await server.Put("app.x", """{"value":2,"expected_version":1}""", "", Org("acme"))).Is(200)["version"].GetInt32());
        await server.Journal.Poll();
        // a write elsewhere is seen by whatever answers next
        (await first.Put("app.x", """{"value":3}""")).Is(200);
        Assert.Equal("3", (await server.Get("/v1/config/app.x")).Is(200)["value"].GetRawText());
        (await server.Get("/v1/config/app.y", Org("acme"))).IsProblem(404, "not_found", "key.unknown@path:key");
        (await server.Get("/v1/config/app.x?env=nowhere", Org("acme"))).IsProblem(404, "not_found", "environment.unknown@query:env");
    }

    [Fact]
    public async Task An_org_that_left_memory_leaves_nothing_behind_but_its_name()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        await using var server = await first.Another(Quiet with { Idle = TimeSpan.Zero });
        var states = new List<WeakReference>();
        for (var i = 2; i <= 4; i++)
        {
            await server.NewOrg(i, $"org{i}");
            (await server.Put("app.x", """{"value":1}""", "", Org($"org{i}"))).Is(200);
            (await server.Get("/v1/config", Org($"org{i}"))).Is(200);
        }
        Held(server, states);
        await server.Journal.Poll();
        // the connections that answered last keep the features of their last request
        (await server.Get("/v1/limits")).Is(200);
        await server.Journal.Poll();
        await Wait.Until(() =>
        {
            GC.Collect();
            return states.TrueForAll(state => !state.IsAlive);
        }, "nothing refers to what was dropped");
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    static void Held(HttpServer server, List<WeakReference> states)
    {
        foreach (var org in server.Journal.Orgs)
            if (org.Org != OrgId.Default) states.AddRange([new WeakReference(org), new WeakReference(org.State), new WeakReference(org.Ring)]);
        Assert.Equal(9, states.Count);
    }

    [Fact]
    public async Task Past_the_budget_the_longest_unused_org_leaves_first()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        for (var i = 2; i <= 4; i++)
        {
            await first.NewOrg(i, $"org{i}");
            (await first.Put("app.x", $$"""{"value":"{{new string('x', 50_000)}}"}""", "", Org($"org{i}"))).Is(200);
        }
        // room for two of the three, and for the default one
        await using var server = await first.Another(Quiet with { StateBytes = 160_000 });
        foreach (var name in (string[])["org2", "org3", "org2"]) (await server.Get("/v1/config", Org(name))).Is(200);
        Assert.Equal([1, 2, 3], server.Journal.Orgs.Select(org => org.Org.Value).Order());
        (await server.Get("/v1/config", Org("org4"))).Is(200);
        Assert.Equal([2, 4], server.Journal.Orgs.Select(org => org.Org.Value).Order());
        Assert.Equal(2, await Metric(server, "stele_org_drops_total{reason=\"memory\"}"));
        Assert.InRange(await Metric(server, "stele_state_bytes"), 100_000, 160_000);
    }

    [Fact]
    public async Task Orgs_in_use_are_not_dropped_and_of_further_ones_only_keys_are_answered()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        await first.NewOrg(2, "acme");
        (await first.Put("app.x", """{"value":1}""", "", Org("acme"))).Is(200);
        await using var server = await first.Another(Quiet with { Poll = TimeSpan.FromHours(1), StateBytes = 1_000 });
        // the default org was used by the start
        (await server.Get("/v1/config", Org("acme"))).IsProblem(503, "unavailable");
        (await server.Put("app.x", """{"value":2}""", "", Org("acme"))).IsProblem(503, "unavailable");
        Assert.Equal("1", (await server.Get("/v1/config/app.x", Org("acme"))).Is(200)["value"].GetRawText());
        Assert.Equal("1", (await server.Get("/v1/config/app.x?consistency=local", Org("acme"))).Is(200)["value"].GetRawText());
        (await server.Get("/v1/config")).Is(200);
    }

    [Fact]
    public async Task An_org_is_loaded_up_to_a_quarter_over_the_budget_and_not_a_byte_more()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        (await first.Put("app.large", $$"""{"value":"{{new string('x', 60_000)}}"}""")).Is(200);
        for (var i = 0; i < 3; i++) (await first.Put($"app.k{i}", """{"value":1}""")).Is(200);
        (await first.Send("DELETE", "/v1/config/app.k0", null)).Is(200);
        var bytes = (await first.State()).MemoryBytes;
        // the least that is enough
        var budget = bytes / 2;
        while (budget + budget / 4 < bytes) budget++;
        await using (var server = await first.Another(Quiet with { StateBytes = budget })) (await server.Get("/v1/config")).Is(200);
        await using (var server = await first.Another(Quiet with { StateBytes = budget - 1, TooLargePause = TimeSpan.Zero }))
        {
            (await server.Get("/v1/config")).IsProblem(403, "quota_exceeded");
            (await server.Send("DELETE", "/v1/config/app.large", null)).IsProblem(403, "quota_exceeded");
            Assert.Equal(60_000, (await server.Get("/v1/config/app.large")).Is(200)["value"].GetString()!.Length);
            (await server.Get("/v1/config/app.k0")).IsProblem(404, "not_found", "key.unknown@path:key");
            (await server.Get("/readyz")).IsProblem(503, "unavailable");
            // once it is smaller it is tried again
            (await first.Send("DELETE", "/v1/config/app.large", null)).Is(200);
            (await server.Get("/v1/config")).Is(200);
        }
    }

    [Fact]
    public async Task An_org_that_has_grown_past_the_budget_takes_no_more_values_until_it_shrinks()
    {
        await using var first = new HttpServer();
        await first.InitializeAsync();
        (await first.Put("app.x", $$"""{"value":"{{new string('x', 1_000)}}"}""")).Is(200);
        var bytes = (await first.State()).MemoryBytes;
        await using var server = await first.Another(Quiet with { Poll = TimeSpan.FromHours(1), StateBytes = bytes });
        // at the limit it still takes one
        (await server.Put("app.y", """{"value":1}""")).Is(200);
        (await server.Put("app.z", """{"value":1}""")).IsProblem(403, "quota_exceeded");
        (await server.Post("/v1/rollback", """{"revision":1}""")).Is(200);
        (await server.Put("app.z", """{"value":1}""")).Is(200);
    }

    static async Task<double> Metric(HttpServer server, string name)
    {
        var text = await server.Client.GetStringAsync("/metrics");
        return double.Parse(text.Split('\n').Single(line => line.StartsWith(name + " ", StringComparison.Ordinal))[(name.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
