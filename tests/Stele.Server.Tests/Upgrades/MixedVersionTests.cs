using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Journal;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Upgrades;

/// <summary>The previous release's node, a process built from history, beside this one on one database.</summary>
public sealed class MixedVersionTests
{
    [Fact]
    public async Task Nodes_of_two_releases_serve_side_by_side_until_the_upgrade_is_finalized()
    {
        await using var db = await Postgres.NewEmptyDatabase();
        await using (var old = await PreviousRelease.Start(db))
        {
            Assert.Equal(1, await Put(old.Client, "app.first", "by the previous release"));
            await using var node = await TestServer.Start(db);
            Assert.Equal("by the previous release", await Get(node.Client, "app.first"));
            // each sees at once what the other was acknowledged, and both decide on it
            for (var n = 2; n <= 20; n += 2)
            {
                Assert.Equal(n, await Put(node.Client, "app.first", $"new {n}"));
                Assert.Equal($"new {n}", await Get(old.Client, "app.first"));
                Assert.Equal(n + 1, await Put(old.Client, "app.first", $"old {n}"));
                Assert.Equal($"old {n}", await Get(node.Client, "app.first"));
            }
            // what the previous release could not read is not written yet
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await PutSchema(node.Client));
            await HttpLoad.Fill(node.Client, 64);
            await using (var one = HttpLoad.Start(old.Client, 64, writers: 2, readers: 1))
            await using (var other = HttpLoad.Start(node.Client, 64, writers: 2, readers: 1))
            {
                await Wait.Until(() => one.Writes > 60 && other.Writes > 60, "both write");
                Assert.Empty(one.Failures.Concat(other.Failures));
            }
            var (exit, text) = await Upgrade(db);
            Assert.Equal(0, exit);
            Assert.Contains("format 1 in 1 that is there", text, StringComparison.Ordinal);
            Assert.Contains("does not say its version", text, StringComparison.Ordinal);
            Assert.Contains($"test: {Migrator.BinaryVersion}, up to format {JournalFormat.Newest}", text, StringComparison.Ordinal);
            (exit, text) = await Upgrade(db, "finalize", "--yes");
            Assert.Equal(MigrateCommand.Failed, exit);
            Assert.Contains("Replace them first", text, StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.OK, (await old.Client.GetAsync("/v1/config/app.first")).StatusCode);
        }
        await using var last = await TestServer.Start(db);
        await Finalize(db);
        Assert.Equal(22, await Put(last.Client, "app.first", "after"));
        Assert.Equal(HttpStatusCode.OK, await PutSchema(last.Client));
        Assert.Equal(0, await Verify(db));
        // too late for the previous release: it says so, and does not start
        var refused = await PreviousRelease.Refused(db);
        Assert.Equal(1, refused.Exit);
        Assert.Contains($"written in format {JournalFormat.Newest}", refused.Text, StringComparison.Ordinal);
        Assert.Equal(23, await Put(last.Client, "app.first", "and on"));
    }

    [Fact]
    public async Task A_node_of_the_previous_release_stops_at_a_format_or_an_event_that_it_does_not_know_and_never_skips()
    {
        await using var db = await Postgres.NewEmptyDatabase();
        await using var old = await PreviousRelease.Start(db);
        await using var node = await TestServer.Start(db);
        await Put(old.Client, "app.k", "1");
        await using (var owner = await db.As("stele_owner")) await owner.Execute("SELECT stele.raise_format($1)", JournalFormat.Newest);
        Assert.Equal(2, await Put(node.Client, "app.k", "2"));
        using var read = await old.Client.GetAsync("/v1/config/app.k");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, read.StatusCode);
        Assert.Contains($"format {JournalFormat.Newest}", await read.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var local = await old.Client.GetAsync("/v1/config/app.k?consistency=local");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, local.StatusCode);
        using var body = Body("3");
        using var write = await old.Client.PutAsync("/v1/config/app.k", body);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, write.StatusCode);
        Assert.Equal("2", await Get(node.Client, "app.k"));
    }

    static async Task Finalize(TestDatabase db)
    {
        // sessions of a process that has just been killed may be there for a moment
        await Wait.Until(async () => (await Upgrade(db, "finalize")).Exit != MigrateCommand.Failed, "the older node's sessions have ended");
        var (exit, text) = await Upgrade(db, "finalize");
        Assert.Equal(MigrateCommand.Pending, exit);
        Assert.Contains("Add --yes", text, StringComparison.Ordinal);
        (exit, text) = await Upgrade(db, "finalize", "--yes");
        Assert.True(exit == 0, text);
        Assert.Contains("1 organizations raised", text, StringComparison.Ordinal);
        Assert.Contains("nothing to do", (await Upgrade(db, "finalize", "--yes")).Text, StringComparison.Ordinal);
    }

    static async Task<long> Put(HttpClient client, string key, string value)
    {
        using var body = Body(value);
        using var answer = await client.PutAsync($"/v1/config/{key}", body);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonDocument.Parse(text).RootElement.GetProperty("version").GetInt64();
    }

    static async Task<HttpStatusCode> PutSchema(HttpClient client)
    {
        using var body = new StringContent("""{"value":1,"schema":{"type":"integer"}}""", Encoding.UTF8, "application/json");
        using var answer = await client.PutAsync("/v1/config/app.schemed", body);
        return answer.StatusCode;
    }

    static async Task<string?> Get(HttpClient client, string key)
    {
        var text = await client.GetStringAsync($"/v1/config/{key}");
        return JsonDocument.Parse(text).RootElement.GetProperty("value").GetString();
    }

    static StringContent Body(string value) => new($$"""{"value":"{{value}}"}""", Encoding.UTF8, "application/json");

    static async Task<(int Exit, string Text)> Upgrade(TestDatabase db, params string[] args)
    {
        await using var output = new StringWriter();
        return (await UpgradeCommand.Run(args, db.Owner, output, CancellationToken.None), output.ToString());
    }

    static async Task<int> Verify(TestDatabase db)
    {
        await using var pools = await DatabaseConnections.Open(new DatabaseOptions { Owner = db.Owner, App = db.App, Tail = db.Tail }, NullLoggerFactory.Instance, CancellationToken.None);
        return await VerifyCommand.Run([], pools, TextWriter.Null, null, CancellationToken.None);
    }
}
