using System.Net;
using System.Net.Http.Json;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

/// <summary>What a first start makes, once, however many start.</summary>
public sealed class BootstrapTests
{
    [Fact]
    public async Task Nodes_that_start_at_once_make_one_org_and_one_root_token()
    {
        await using var db = await Postgres.NewDatabase();
        var data = Directory.CreateTempSubdirectory("stele-test-").FullName;
        var nodes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => TestServer.Start(db, token: null, data)));
        try
        {
            foreach (var node in nodes)
                Assert.Contains("\"production\"", await node.Client.GetStringAsync("/v1/environments"), StringComparison.Ordinal);
            await using var owner = await db.As();
            Assert.Equal(["1|default"], await owner.Rows("SELECT org_id, name FROM stele.org"));
            Assert.Equal(["1"], await owner.Rows("SELECT revision FROM stele.journal_head"));
            Assert.Equal(1, await owner.Ask<long>("SELECT count(*) FROM stele.token_lookup"));
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_generated_token_is_kept_for_its_owner_only_and_stays_over_a_restart()
    {
        await using var db = await Postgres.NewDatabase();
        await using var first = await TestServer.Start(db, token: null);
        var file = Path.Combine(first.Data, "root-token");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        var token = (await File.ReadAllTextAsync(file)).Trim();
        Assert.Matches("^stele_root_[A-Za-z0-9_-]{43}$", token);
        await first.Stop();
        await using var second = await TestServer.Start(db, token: null, first.Data);
        Assert.Equal(HttpStatusCode.OK, (await second.Client.GetAsync("/v1/environments")).StatusCode);
        Assert.Equal(token, (await File.ReadAllTextAsync(file)).Trim());
    }

    [Fact]
    public async Task A_given_token_replaces_the_stored_one_on_every_node()
    {
        await using var db = await Postgres.NewDatabase();
        await using var first = await TestServer.Start(db, "the-first-root-token");
        await using var second = await TestServer.Start(db, "the-second-root-token");
        Assert.Equal(HttpStatusCode.OK, (await second.Client.GetAsync("/v1/environments")).StatusCode);
        await Wait.Until(async () => (await first.Client.GetAsync("/v1/environments")).StatusCode == HttpStatusCode.Unauthorized, "the first node refuses the old token");
    }

    [Fact]
    public async Task No_token_and_no_password_reaches_a_log()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await server.Client.PutAsync("/v1/config/a.b", JsonContent.Create(new { value = "a-value-of-somebody" }));
        await server.Client.PutAsync("/v1/config/a.b?env=nowhere", JsonContent.Create(new { value = "a-value-of-somebody" }));
        using var stranger = new HttpClient(new ContractHandler()) { BaseAddress = server.Client.BaseAddress };
        stranger.DefaultRequestHeaders.Authorization = new("Bearer", "a-made-up-token");
        Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync("/v1/config/a.b")).StatusCode);
        await server.Stop();
        string[] secrets = [TestServer.Token, "a-made-up-token", "a-value-of-somebody", .. new[] { db.Owner, db.App, db.Tail }.Select(Password)];
        Assert.NotEmpty(server.Logs.Lines);
        Assert.All(secrets, secret => Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(secret, StringComparison.Ordinal)));
    }

    static string Password(string connection) => new Npgsql.NpgsqlConnectionStringBuilder(connection).Password!;
}
