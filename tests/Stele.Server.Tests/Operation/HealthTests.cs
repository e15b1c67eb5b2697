using System.Net;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

public sealed class HealthTests
{
    [Fact]
    public async Task Health_and_readiness_need_no_token_and_the_rest_does()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        using var stranger = new HttpClient(new ContractHandler()) { BaseAddress = server.Client.BaseAddress };
        Assert.Equal("""{"status":"ok"}""", await stranger.GetStringAsync("/healthz"));
        Assert.Equal("""{"status":"ready"}""", await stranger.GetStringAsync("/readyz"));
        Assert.Equal("""{"status":"ready"}""", await stranger.GetStringAsync("/readyz?consistency=local"));
        Assert.Equal(HttpStatusCode.BadRequest, (await stranger.GetAsync("/readyz?consistency=maybe")).StatusCode);
        foreach (var path in (string[])["/metrics", "/openapi/v1.json", "/v1/config", "/nothing"])
            Assert.Equal(HttpStatusCode.Unauthorized, (await stranger.GetAsync(path)).StatusCode);
    }

    [Fact]
    public async Task Without_the_primary_a_node_is_alive_and_ready_for_local_reads_only_and_recovers_by_itself()
    {
        await using var crash = await CrashServer.Start();
        await using var server = await TestServer.Start(crash.Database);
        crash.Signal("-STOP");
        try
        {
            await Wait.Until(async () => await Status("/readyz") == HttpStatusCode.ServiceUnavailable, "strong reads are refused");
            Assert.Equal(HttpStatusCode.OK, await Status("/readyz?consistency=local"));
            Assert.Equal(HttpStatusCode.OK, await Status("/healthz"));
        }
        finally
        {
            crash.Signal("-CONT");
        }
        await Wait.Until(async () => await Status("/readyz") == HttpStatusCode.OK, "strong reads work again");

        async Task<HttpStatusCode> Status(string path) => (await server.Client.GetAsync(path)).StatusCode;
    }
}
