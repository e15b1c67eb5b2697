using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Commands;
using Stele.Server.Database;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Replaying the journal and loading the tables give the same secrets as writing them did, and the tables can be made anew.</summary>
public sealed class SecretReplayTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Tables_journal_and_memory_say_the_same()
    {
        foreach (var value in (string[])["1", "2", "3"]) (await server.Send("PUT", "/v1/secrets/a", $$"""{"value":"{{value}}","metadata":{"n":{{value}}},"rotation_days":3}""")).Is(200);
        (await server.Send("PUT", "/v1/secrets/b/c?env=staging", """{"value_base64":"AAEC","expires_at":"2099-01-01T00:00:00Z"}""")).Is(200);
        (await server.Send("DELETE", "/v1/secrets/a", null)).Is(200);
        (await server.Send("POST", "/v1/secrets/a/undelete", null)).Is(200);
        (await server.Post("/v1/secrets/a/destroy", """{"versions":[1]}""")).Is(200);
        (await server.Send("DELETE", "/v1/secrets/b/c?env=staging", null)).Is(200);
        (await server.Post("/v1/secrets/b/c/destroy?env=staging", "{}")).Is(200);
        (await server.Post("/v1/environments", """{"name":"brief"}""")).Is(201);
        (await server.Send("PUT", "/v1/secrets/x?env=brief", """{"value":"x"}""")).Is(200);
        (await server.Send("DELETE", "/v1/environments/brief?confirm=brief", null)).Is(200);
        foreach (var (key, value) in ((string, string)[])[("r.one", """{"$secret":"a"}"""), ("r.two", """{"$secret":"a"}"""), ("r.three", """{"version":2,"$secret":"a"}"""), ("r.four", """{"$secret":"none"}""")])
            (await server.Put(key, $$"""{"value":{{value}}}""")).Is(200);
        (await server.Send("DELETE", "/v1/config/r.two", null)).Is(200);
        (await server.Put("r.two", """{"value":{"$secret":"none"}}""")).Is(200);
        var written = await server.State();

        await using var other = await server.Another();
        var loaded = await other.State();
        var replayed = OrgState.Empty(OrgId.Default, loaded.Incarnation);
        var store = other.Service<Stele.Server.Journal.IJournalStore>();
        foreach (var revision in await store.Read(OrgId.Default, 0, 1_000, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        foreach (var state in (OrgState[])[written, replayed])
        {
            Assert.Equal(state.MemoryBytes, loaded.MemoryBytes);
            foreach (var name in (string[])["development", "staging", "brief"]) Same(state.EnvironmentEver(name)!, loaded.EnvironmentEver(name)!);
        }
        // and the other server opens what the first one sealed
        Assert.Equal("3", (await other.Get("/v1/secrets/a")).Is(200)["value"].GetString());
        Assert.Equal("2", (await other.Get("/v1/secrets/a?version=2")).Is(200)["value"].GetString());

        await using var superuser = await server.As();
        var before = await Rows(superuser);
        Assert.Equal(17, before.Count);
        await superuser.Execute("DELETE FROM stele.secret_version WHERE version = 1");
        await superuser.Execute("UPDATE stele.secret SET metadata = '{}', deleted = true; DELETE FROM stele.secret_value WHERE path = 'a'");
        await using var output = new StringWriter();
        Assert.Equal(0, await ProjectionsCommand.Run(["rebuild", "secrets"], server.Service<DatabaseConnections>(), server.Owner, output, new ProgressText(null, live: false), CancellationToken.None));
        Assert.Equal(before, await Rows(superuser));
        Assert.Equal("3", (await (await server.Another()).Get("/v1/secrets/a")).Is(200)["value"].GetString());
    }

    static async Task<List<string>> Rows(TestSession session) =>
    [
        .. await session.Rows("SELECT s::text FROM stele.secret s ORDER BY s.environment, s.path"),
        .. await session.Rows("SELECT v::text FROM stele.secret_version v ORDER BY v.id"),
        .. await session.Rows("SELECT v::text FROM stele.secret_value v ORDER BY v.id"),
    ];

    static void Same(EnvironmentState a, EnvironmentState b)
    {
        Assert.Equal((a.ChangedRevision, a.Secrets.ChangedRevision, a.Secrets.Live, a.Secrets.ValueBytes), (b.ChangedRevision, b.Secrets.ChangedRevision, b.Secrets.Live, b.Secrets.ValueBytes));
        Assert.Equal(a.Secrets.Items.Select(Shown), b.Secrets.Items.Select(Shown));
        Assert.Equal((a.SecretUseBytes, a.Name == "development" ? 3 : 0), (b.SecretUseBytes, b.SecretUses.Count));
        Assert.Equal(a.SecretUses.Select(use => use.Key), b.SecretUses.Select(use => use.Key));
    }

    static string Shown(SecretEntry entry) => $"{entry with { Metadata = SecretEntry.NoMetadata }} {System.Text.Encoding.UTF8.GetString(entry.Metadata)}";
}
