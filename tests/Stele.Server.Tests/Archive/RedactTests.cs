using System.Net.Http.Json;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Tests.Cli;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Archive;

/// <summary>A value that should never have been written goes: from the journal, the history, and what nodes hold in memory.</summary>
public sealed class RedactTests
{
    const string Value = "hunter2-is-no-password";

    static readonly string[] First = ["a.secret", "--env", "development", "--version", "1", "--reason", "a password by mistake"];

    [Fact]
    public async Task A_redaction_shows_what_it_would_empty_and_empties_it_with_yes()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await Put(server, Value);
        await Put(server, "clean");
        await Put(server, Value);
        await Put(server, "clean again");
        var (exit, text) = await OldJournal.Redact(db, First);
        Assert.Equal(3, exit);
        Assert.Contains("a.secret, version 1, in development of default", text, StringComparison.Ordinal);
        Assert.Contains("event 2.0, set ", text, StringComparison.Ordinal);
        Assert.Contains($"a string of {Value.Length} bytes", text, StringComparison.Ordinal);
        Assert.Contains("the same value is in version 3 too", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Value, text, StringComparison.Ordinal);
        Assert.Equal($"\"{Value}\"", (await Get(server, "/v1/config/a.secret?version=1")).GetProperty("value").GetRawText());

        (exit, text) = await OldJournal.Redact(db, [.. First, "--yes"]);
        Assert.True(exit == 0, text);
        (exit, text) = await OldJournal.Redact(db, [.. First, "--yes"]);
        Assert.True(exit == 1 && text.Contains("redacted already", StringComparison.Ordinal), text);
        (exit, text) = await OldJournal.Redact(db, ["a.secret", "--env", "development", "--version", "3", "--reason", "and again", "--yes"]);
        Assert.True(exit == 0, text);

        (exit, text) = await OldJournal.Verify(db);
        Assert.True(exit == 0 && text.Contains("2 of them redacted", StringComparison.Ordinal), text);
        await using var session = await db.As();
        Assert.Equal(["2|0|a password by mistake", "4|0|and again"], await session.Rows("SELECT revision, ordinal, reason FROM stele.redaction ORDER BY 1"));
        Assert.Equal(0L, await session.Ask<long>($"SELECT count(*) FROM stele.configuration_history WHERE value LIKE '%{Value}%'"));
        Assert.Equal(0L, await session.Ask<long>($"SELECT count(*) FROM stele.event WHERE convert_from(data, 'UTF8') LIKE '%{Value}%'"));
    }

    [Fact]
    public async Task Every_read_says_that_it_is_redacted_and_none_shows_it()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await Put(server, Value);
        var tag = (await server.Client.GetAsync("/v1/config/a.secret?version=1")).Headers.ETag!;
        await Put(server, "clean");
        Assert.Equal(0, (await OldJournal.Redact(db, [.. First, "--yes"])).Exit);
        foreach (var path in (string[])["/v1/config/a.secret?version=1", "/v1/config/a.secret?revision=2"])
        {
            var shown = await Get(server, path);
            Assert.Equal((JsonValueKind.Null, true), (shown.GetProperty("value").ValueKind, shown.GetProperty("redacted").GetBoolean()));
            using var conditional = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "If-None-Match", tag.ToString() } } };
            Assert.Equal(200, (int)(await server.Client.SendAsync(conditional)).StatusCode);
        }
        Assert.True((await Get(server, "/v1/config?revision=2")).GetProperty("items")[0].GetProperty("redacted").GetBoolean());
        var history = (await Get(server, "/v1/config/a.secret/history")).GetProperty("items");
        Assert.False(history[0].TryGetProperty("redacted", out _));
        Assert.Equal(JsonValueKind.Null, history[0].GetProperty("old_value").ValueKind);
        Assert.Equal((JsonValueKind.Null, true, false), (history[1].GetProperty("value").ValueKind, history[1].GetProperty("redacted").GetBoolean(), history[1].GetProperty("deleted").GetBoolean()));
        var events = (await Get(server, "/v1/events?after_revision=1")).GetProperty("items");
        Assert.Equal((JsonValueKind.Null, true), (events[0].GetProperty("data").ValueKind, events[0].GetProperty("redacted").GetBoolean()));
        var diff = (await Get(server, "/v1/diff?from=development@2&to=development")).GetProperty("items")[0];
        Assert.True(diff.GetProperty("from_redacted").GetBoolean());
        Assert.Equal(0, (await Get(server, "/v1/diff?from=development@2&to=development@2")).GetProperty("items").GetArrayLength());

        using (var back = await server.Client.PostAsJsonAsync("/v1/config/a.secret/rollback", new { version = 1 })) await Refused(back, "version.redacted");
        using (var back = await server.Client.PostAsJsonAsync("/v1/rollback", new { revision = 2 })) await Refused(back, "version.redacted");

        var cli = await CliServer.Run(server.Client.BaseAddress!, TestServer.Token, "get", "a.secret", "--version", "1");
        Assert.Equal((3, ""), (cli.Code, cli.Out));
        Assert.Contains("was redacted", cli.Error, StringComparison.Ordinal);
        Assert.Contains("(redacted)", (await CliServer.Run(server.Client.BaseAddress!, TestServer.Token, "history", "a.secret")).Out, StringComparison.Ordinal);
        Assert.Contains("(redacted) → clean", (await CliServer.Run(server.Client.BaseAddress!, TestServer.Token, "diff", "development@2", "development")).Out, StringComparison.Ordinal);
        var export = await CliServer.Run(server.Client.BaseAddress!, TestServer.Token, "export", "--revision", "2");
        Assert.Contains("left out, because their values of then were redacted: a.secret", export.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nodes_that_held_the_revision_in_memory_drop_it_and_a_retry_says_that_it_is_gone()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await using var other = await TestNode.Start(db, listen: false);
        await other.Read();
        using (var keyed = new HttpRequestMessage(HttpMethod.Put, "/v1/config/a.secret") { Content = JsonContent.Create(new { value = Value }), Headers = { { "Idempotency-Key", "once" } } })
            Assert.True((await server.Client.SendAsync(keyed)).IsSuccessStatusCode);
        await other.Read();
        await Put(server, "clean");
        await other.Read();
        var ring = other.Journal.Orgs.Single().Ring;
        Assert.NotNull(ring.Find(2));
        Assert.Equal(0, (await OldJournal.Redact(db, [.. First, "--yes"])).Exit);
        // a strong read looks at the head, whose fence the redaction raised
        await other.Read();
        Assert.Null(ring.Find(2));
        using var again = new HttpRequestMessage(HttpMethod.Put, "/v1/config/a.secret") { Content = JsonContent.Create(new { value = Value }), Headers = { { "Idempotency-Key", "once" } } };
        await Get(server, "/v1/config/a.secret");
        await Refused(await server.Client.SendAsync(again), null);
        // and writing goes on, with the raised fence
        await Put(server, "after");
        Assert.Equal("\"after\"", System.Text.Encoding.UTF8.GetString((await other.Read()).Environment("development")!.Config("a.secret")!.Value!));
    }

    [Fact]
    public async Task Replaying_the_journal_gives_the_state_of_the_tables_after_a_redaction_too()
    {
        await using var journal = await OldJournal.Begin(1);
        await journal.Set("a.secret", $"\"{Value}\"", OldJournal.Month(1));
        await journal.Set("a.secret", "\"clean\"", OldJournal.Month(1));
        await journal.Set("a.gone", $"\"{Value}\"", OldJournal.Month(1));
        await journal.Delete("a.gone", OldJournal.Month(1));
        Assert.Equal(0, (await journal.Redact([.. First, "--yes"])).Exit);
        var (exit, text) = await journal.Redact("a.gone", "--env", "development", "--version", "1", "--reason", "why", "--yes");
        Assert.True(exit == 0, text);
        var loaded = (await journal.Node.Store.Load(OrgId.Default, long.MaxValue, CancellationToken.None)).State!;
        var replayed = Stele.Core.Orgs.OrgState.Empty(OrgId.Default, loaded.Incarnation);
        foreach (var revision in await journal.Node.Store.Read(OrgId.Default, 0, 100, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        // and the tables built anew are the old ones, row for row
        await using var session = await journal.Database.As();
        const string rows = "SELECT 'now', c::text FROM stele.configuration c UNION ALL SELECT 'then', h::text FROM stele.configuration_history h ORDER BY 1, 2";
        var tables = await session.Rows(rows);
        Assert.Contains(tables, row => row.Contains(",a.secret,development,1,,json,", StringComparison.Ordinal));
        (exit, text) = await journal.Rebuild("configuration");
        Assert.True(exit == 0 && !text.Contains("was not what the journal says", StringComparison.Ordinal), text);
        Assert.Equal(tables, await session.Rows(rows));
        Assert.Equal(loaded.Environment("development")!.Configs.Select(Text), replayed.Environment("development")!.Configs.Select(Text));

        static string Text(Stele.Core.Configs.ConfigEntry entry) => $"{entry with { Value = null }}{(entry.Value is null ? "deleted" : System.Text.Encoding.UTF8.GetString(entry.Value))}";
    }

    [Theory]
    [InlineData("is current", "a.secret", "--env", "development", "--version", "2", "--reason", "why", "--yes")]
    [InlineData("has no version 3", "a.secret", "--env", "development", "--version", "3", "--reason", "why", "--yes")]
    [InlineData("has no version 1", "a.secret", "--env", "production", "--version", "1", "--reason", "why", "--yes")]
    [InlineData("no organization 'nobody'", "a.secret", "--env", "development", "--version", "1", "--reason", "why", "--org", "nobody", "--yes")]
    [InlineData("is its deletion", "a.gone", "--env", "development", "--version", "2", "--reason", "why", "--yes")]
    public async Task What_may_not_be_redacted_is_refused_with_the_reason(string reason, params string[] args)
    {
        await using var journal = await OldJournal.Begin(1);
        await journal.Set("a.secret", "1", OldJournal.Month(1));
        await journal.Set("a.secret", "2", OldJournal.Month(1));
        await journal.Set("a.gone", "1", OldJournal.Month(1));
        await journal.Delete("a.gone", OldJournal.Month(1));
        var (exit, text) = await journal.Redact(args);
        Assert.True(exit == 1 && text.Contains(reason, StringComparison.Ordinal), text);
        Assert.Equal(0, (await journal.Verify()).Exit);
        await using var session = await journal.Database.As();
        Assert.Equal(0L, await session.Ask<long>("SELECT count(*) FROM stele.redaction"));
    }

    [Fact]
    public async Task What_a_user_was_called_goes_but_for_what_he_is_today_and_all_of_who_was_removed()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        var (ada, bob) = (await User(server, "ada-before"), await User(server, "bob-before"));
        await Change(server, ada, "ada-once");
        string[] redact = ["--user", ada, "--reason", "she asked for it"];
        await Change(server, ada, "ada-today");
        var (exit, text) = await OldJournal.Redact(db, redact);
        Assert.True(exit == 3 && text.Contains("2 events hold what he was called", StringComparison.Ordinal) && text.Contains("he is a user still", StringComparison.Ordinal), text);
        Assert.DoesNotContain("ada-", text, StringComparison.Ordinal);
        (exit, text) = await OldJournal.Redact(db, [.. redact, "--yes"]);
        Assert.True(exit == 0, text);
        (exit, text) = await OldJournal.Redact(db, [.. redact, "--yes"]);
        Assert.True(exit == 1 && text.Contains("what he is today, and nothing else", StringComparison.Ordinal), text);
        string[] removed = ["--user", bob, "--reason", "gone", "--yes"];
        (exit, text) = await OldJournal.Redact(db, removed);
        Assert.True(exit == 1, text);
        (await server.Client.DeleteAsync($"/v1/users/{bob}")).EnsureSuccessStatusCode();
        (exit, text) = await OldJournal.Redact(db, removed);
        Assert.True(exit == 0 && text.Contains("he was removed", StringComparison.Ordinal), text);

        (exit, text) = await OldJournal.Verify(db);
        Assert.True(exit == 0 && text.Contains("3 of them redacted", StringComparison.Ordinal), text);
        await using var session = await db.As();
        Assert.Equal(["ada-today@example.com"], await session.Rows("SELECT DISTINCT convert_from(data, 'UTF8')::json ->> 'email' FROM stele.event WHERE stream LIKE 'user/%' AND data IS NOT NULL AND type = 'user.set'"));
        // tables, the state that is loaded from them, and the journal replayed say the same
        await using var node = await TestNode.Start(db);
        var loaded = (await node.Read()).Access;
        var replayed = Stele.Core.Orgs.OrgState.Empty(OrgId.Default, Guid.Empty);
        foreach (var revision in await node.Store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Equal(loaded, replayed.Access);
        Assert.Equal("ada-today", Assert.Single(replayed.Access.Users).Name);
        var events = await server.Client.GetStringAsync("/v1/events");
        foreach (var name in (string[])["ada-before", "ada-once", "bob-before"]) Assert.DoesNotContain(name, events, StringComparison.Ordinal);
    }

    static async Task<string> User(TestServer server, string name)
    {
        using var made = await server.Client.PostAsJsonAsync("/v1/users", new { email = $"{name}@example.com", name, role = "viewer" });
        return JsonDocument.Parse(await made.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()!;
    }

    static async Task Change(TestServer server, string id, string name) =>
        (await server.Client.PutAsJsonAsync($"/v1/users/{id}", new { email = $"{name}@example.com", name })).EnsureSuccessStatusCode();

    [Fact]
    public async Task What_is_archived_is_restored_redacted_and_archived_again_without_the_value()
    {
        await using var journal = await OldJournal.FourMonths();
        string[] archive = ["--before", $"{OldJournal.Month(2):yyyy-MM-dd}"];
        Assert.Equal(0, (await journal.Archive(archive)).Exit);
        string[] redact = ["a.b", "--env", "development", "--version", "1", "--reason", "why", "--yes"];
        var (exit, text) = await journal.Redact(redact);
        Assert.True(exit == 1 && text.Contains("is archived. Restore its month first", StringComparison.Ordinal), text);
        var before = await File.ReadAllBytesAsync(journal.FileOf(3));
        Assert.Equal(0, (await journal.Archive("--restore", journal.FileOf(3))).Exit);
        (exit, text) = await journal.Redact(redact);
        Assert.True(exit == 0, text);
        (exit, text) = await journal.Archive(archive);
        Assert.True(exit == 0, text);
        (exit, text) = await journal.Verify("--archive", journal.Directory);
        Assert.True(exit == 0 && text.Contains("1 of them redacted", StringComparison.Ordinal), text);
        // a copy of the file from before does not bring the value back
        await File.WriteAllBytesAsync(journal.FileOf(3), before);
        Assert.Equal(1, (await journal.Verify("--archive", journal.Directory)).Exit);
        (exit, text) = await journal.Archive("--restore", journal.FileOf(3));
        Assert.True(exit == 1, text);
        Assert.Equal("5 6 7 8", await journal.Live());
    }

    [Theory]
    [InlineData()]
    [InlineData("a.b")]
    [InlineData("a.b", "c.d", "--env", "development", "--version", "1", "--reason", "why")]
    [InlineData("a b", "--env", "development", "--version", "1", "--reason", "why")]
    [InlineData("a.b", "--version", "1", "--reason", "why")]
    [InlineData("a.b", "--env", "development", "--reason", "why")]
    [InlineData("a.b", "--env", "development", "--version", "0", "--reason", "why")]
    [InlineData("a.b", "--env", "development", "--version", "1")]
    [InlineData("a.b", "--env", "development", "--version", "1", "--reason", " ")]
    [InlineData("a.b", "--env", "development", "--version", "1", "--reason")]
    [InlineData("--user", "ada", "--reason", "why")]
    [InlineData("--user", "0190f6a1-7a30-7c33-a1a5-0242ac120002")]
    [InlineData("a.b", "--user", "0190f6a1-7a30-7c33-a1a5-0242ac120002", "--reason", "why")]
    public async Task Wrong_usage_is_shown_the_right_one(params string[] args)
    {
        using var output = new StringWriter();
        Assert.Equal(2, await Stele.Server.Archive.RedactCommand.Run(args, "Host=nowhere", output, CancellationToken.None));
        Assert.Contains("usage: stele redact", output.ToString(), StringComparison.Ordinal);
    }

    static async Task Put(TestServer server, string value) => (await server.Client.PutAsJsonAsync("/v1/config/a.secret", new { value })).EnsureSuccessStatusCode();

    static async Task<JsonElement> Get(TestServer server, string path)
    {
        var text = await server.Client.GetStringAsync(path);
        Assert.DoesNotContain(path.Contains("version=1", StringComparison.Ordinal) && text.Contains("redacted", StringComparison.Ordinal) ? Value : "\0", text, StringComparison.Ordinal);
        return JsonDocument.Parse(text).RootElement;
    }

    static async Task Refused(HttpResponseMessage answer, string? rule)
    {
        using var disposed = answer;
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == 410, text);
        Assert.Contains("redacted", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Value, text, StringComparison.Ordinal);
        if (rule is not null) Assert.Equal(rule, JsonDocument.Parse(text).RootElement.GetProperty("errors")[0].GetProperty("rule").GetString());
    }
}
