using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Archive;

/// <summary>Target users are people: what a flag said of them once can be taken out of the journal, as a value of configuration can.</summary>
public sealed class FlagRedactTests : IAsyncLifetime
{
    const string Person = "ada@example.com";

    TestDatabase db = null!;
    TestServer server = null!;
    long first;

    public async ValueTask InitializeAsync()
    {
        db = await Postgres.NewDatabase();
        server = await TestServer.Start(db);
        first = (await Put("beta/new", $$"""{"enabled":true,"target_users":["{{Person}}"]}""")).GetProperty("revision").GetInt64();
        await Put("beta/new", """{"archived":true}""");
        await Put("beta/new", """{"enabled":true,"percentage":5}""");
        await Put("gone", $$"""{"enabled":true,"target_users":["{{Person}}"]}""");
        (await server.Client.DeleteAsync("/v1/flags/gone")).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_definition_of_the_past_goes_and_what_the_flag_is_now_stays()
    {
        var (exit, text) = await Redact("beta/new", 1, yes: false);
        Assert.True(exit == 3 && text.Contains($"event {first}.0, set ", StringComparison.Ordinal), text);
        Assert.DoesNotContain(Person, text, StringComparison.Ordinal);
        Assert.Contains(Person, await server.Client.GetStringAsync("/v1/flags/beta/new?version=1"), StringComparison.Ordinal);
        foreach (var (name, version, why) in ((string, int, string)[])[("beta/new", 2, "is its archiving"), ("beta/new", 3, "is current"), ("beta/new", 4, "has no version 4"), ("gone", 2, "is its deletion"), ("none", 1, "has no version 1")])
        {
            (exit, text) = await Redact(name, version);
            Assert.True(exit == 1 && text.Contains(why, StringComparison.Ordinal), text);
        }
        foreach (var name in (string[])["beta/new", "gone"])
        {
            (exit, text) = await Redact(name, 1);
            Assert.True(exit == 0, text);
        }
        (exit, text) = await Redact("gone", 1);
        Assert.True(exit == 1 && text.Contains("is redacted already", StringComparison.Ordinal), text);
        (exit, text) = await OldJournal.Verify(db);
        Assert.True(exit == 0 && text.Contains("2 of them redacted", StringComparison.Ordinal), text);
        await using var session = await db.As();
        Assert.Equal(0L, await session.Ask<long>($"SELECT count(*) FROM stele.flag_history WHERE definition LIKE '%{Person}%'"));
        Assert.Equal(0L, await session.Ask<long>($"SELECT count(*) FROM stele.event WHERE convert_from(data, 'UTF8') LIKE '%{Person}%'"));
        Assert.Equal(5, (await Get("/v1/flags/beta/new")).GetProperty("short").GetProperty("percentage").GetInt32());
        // the database refuses what the tool would not ask for
        await using var owner = await db.As();
        Assert.Equal("ST004", await owner.Refusal($"SELECT set_config('stele.org_id', '1', false), stele.redact(1, {first + 2}, 0, 'x', 'why')"));
    }

    [Fact]
    public async Task Every_way_to_see_it_says_that_it_is_redacted()
    {
        using var before = await server.Client.GetAsync("/v1/flags/beta/new?version=1");
        Assert.Equal(0, (await Redact("beta/new", 1)).Exit);
        Assert.Equal(0, (await Redact("gone", 1)).Exit);
        // a node that has none of it in memory
        await using var other = await TestServer.Start(db);
        using var conditional = new HttpRequestMessage(HttpMethod.Get, "/v1/flags/beta/new?version=1") { Headers = { { "If-None-Match", before.Headers.ETag!.ToString() } } };
        using var still = await other.Client.SendAsync(conditional);
        Assert.Equal(200, (int)still.StatusCode);
        foreach (var path in (string[])["/v1/flags/beta/new?version=1", $"/v1/flags/beta/new?revision={first}"]) IsRedacted(await Get(path, other));
        IsRedacted((await Get($"/v1/flags?revision={first}", other)).GetProperty("items")[0]);
        var history = (await Get("/v1/flags/beta/new/history", other)).GetProperty("items");
        Assert.False(history[0].TryGetProperty("redacted", out _));
        Assert.True(history[1].GetProperty("redacted").GetBoolean() && history[1].GetProperty("archived").GetBoolean());
        IsRedacted(history[2]);
        var seen = (await Get("/v1/events?limit=1000", other)).GetProperty("items").EnumerateArray().Single(item => item.GetProperty("revision").GetInt64() == first);
        Assert.Equal((JsonValueKind.Null, true), (seen.GetProperty("data").ValueKind, seen.GetProperty("redacted").GetBoolean()));
        Assert.True((await Get($"/v1/diff?from=development@{first}&to=development", other)).GetProperty("items")[0].GetProperty("from_redacted").GetBoolean());
        using (var export = await other.Client.GetAsync($"/v1/flags/export?revision={first}"))
        {
            Assert.Equal("beta/new", export.Headers.GetValues("Stele-Left-Out").Single());
            Assert.Equal("""{"flags":{}}""", await export.Content.ReadAsStringAsync());
        }
        using (var back = await other.Client.PostAsJsonAsync("/v1/flags/beta/new/rollback", new { version = 1 })) await Refused(back, 410, "version.redacted");
        using (var back = await other.Client.PostAsJsonAsync("/v1/rollback", new { revision = first, prefix = "beta/", kinds = new[] { "flag" } })) await Refused(back, 410, "version.redacted");
        // evaluated as it was, it is no answer: nobody knows any more
        using (var answer = await other.Client.PostAsJsonAsync($"/ofrep/v1/evaluate/flags/beta/new?revision={first}", new { context = new { targetingKey = Person } }))
        {
            Assert.Equal(400, (int)answer.StatusCode);
            var error = await answer.Content.ReadAsStringAsync();
            Assert.Contains("PARSE_ERROR", error, StringComparison.Ordinal);
            Assert.Contains("redacted", error, StringComparison.Ordinal);
        }
        using (var answer = await other.Client.PostAsJsonAsync("/ofrep/v1/evaluate/flags/beta/new", new { context = new { targetingKey = Person } })) Assert.Equal(200, (int)answer.StatusCode);
        using var stream = await EventStream.Open(other.Client.BaseAddress!, $"?kinds=flag&from_revision={first - 1}", TestServer.Token);
        var change = (await stream.Named("change")).Data.GetProperty("changes")[0];
        Assert.Equal((JsonValueKind.Null, true), (change.GetProperty("value").ValueKind, change.GetProperty("redacted").GetBoolean()));
    }

    [Fact]
    public async Task Tables_journal_and_memory_say_the_same_after_it()
    {
        Assert.Equal(0, (await Redact("beta/new", 1)).Exit);
        Assert.Equal(0, (await Redact("gone", 1)).Exit);
        await using var node = await TestNode.Start(db);
        var loaded = await node.Read();
        var replayed = OrgState.Empty(OrgId.Default, loaded.Incarnation);
        foreach (var revision in await node.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Equal(loaded.Environment("development")!.Flags.Items.Select(Shown), replayed.Environment("development")!.Flags.Items.Select(Shown));
        Assert.Equal(loaded.MemoryBytes, replayed.MemoryBytes);
        await using var session = await db.As();
        const string rows = "SELECT h::text FROM stele.flag_history h UNION ALL SELECT f::text FROM stele.flag f ORDER BY 1";
        var before = await session.Rows(rows);
        Assert.Equal(3, before.Count(row => row.Contains(",null,", StringComparison.Ordinal)));
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = db.Owner, App = db.App, Tail = db.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        await using var output = new StringWriter();
        Assert.Equal(0, await ProjectionsCommand.Run(["rebuild", "flags"], pools, db.Owner, output, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Equal(before, await session.Rows(rows));

        static string Shown(Stele.Core.Flags.FlagEntry entry) => $"{entry with { Text = null }} {Encoding.UTF8.GetString(entry.Text!)}";
    }

    [Theory]
    [InlineData("--flag", "a", "--version", "1", "--reason", "why")]
    [InlineData("--flag", "a b", "--env", "development", "--version", "1", "--reason", "why")]
    [InlineData("a", "--flag", "a", "--env", "development", "--version", "1", "--reason", "why")]
    [InlineData("--user", "0190f6a1-7a30-7c33-a1a5-0242ac120002", "--flag", "a", "--reason", "why")]
    public async Task Wrong_usage_is_shown_the_right_one(params string[] args)
    {
        var (exit, text) = await OldJournal.Redact(db, args);
        Assert.True(exit == 2 && text.Contains("stele redact --flag NAME", StringComparison.Ordinal), text);
    }

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        await db.DisposeAsync();
    }

    Task<(int Exit, string Text)> Redact(string name, int version, bool yes = true) =>
        OldJournal.Redact(db, [.. (string[])["--flag", name, "--env", "development", "--version", $"{version}", "--reason", "she asked for it"], .. yes ? (string[])["--yes"] : []]);

    static void IsRedacted(JsonElement item) => Assert.Equal((JsonValueKind.Null, true), (item.GetProperty("definition").ValueKind, item.GetProperty("redacted").GetBoolean()));

    async Task<JsonElement> Put(string name, string body)
    {
        using var answer = await server.Client.PutAsync($"/v1/flags/{name}", new StringContent(body, Encoding.UTF8, "application/json"));
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement;
    }

    async Task<JsonElement> Get(string path, TestServer? of = null) => JsonDocument.Parse(await (of ?? server).Client.GetStringAsync(path)).RootElement;

    static async Task Refused(HttpResponseMessage answer, int status, string rule)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status && text.Contains($"\"{rule}\"", StringComparison.Ordinal), text);
    }
}
