using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Server.Journal;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Identity;
using Xunit;

namespace Stele.Server.Tests.Access;

/// <summary>While the primary is away nobody can tell whether a right still holds: it is trusted for a while, and no longer.</summary>
public sealed class UnconfirmedRightsTests
{
    [Fact]
    public async Task Local_reads_go_on_for_as_long_as_rights_are_trusted_and_then_end_for_all_but_root()
    {
        await using var db = await Postgres.NewDatabase();
        await using var issuer = await TestIssuer.Start();
        await using var server = await TestServer.Start(db, journal: new JournalOptions { AccessUnconfirmed = TimeSpan.FromSeconds(4) },
            issuers: issuer.Configured() with { Grants = [new ClaimGrant("sub", "alice", false, "default", null, ["viewer"])] });
        using var made = await Ask(server, TestServer.Token, "POST", "/v1/tokens", """{"name":"x","scopes":[{"permission":"config:read"}]}""");
        var token = JsonDocument.Parse(await made.Content.ReadAsStringAsync()).RootElement.GetProperty("token").GetString()!;
        var jwt = issuer.Token(TimeProvider.System.GetUtcNow());
        foreach (var bearer in (string[])[token, jwt]) Assert.Equal(HttpStatusCode.OK, (await Ask(server, bearer, "GET", "/v1/config")).StatusCode);

        await Postgres.Execute(db.Server, $"ALTER DATABASE \"{db.Name}\" ALLOW_CONNECTIONS false");
        await Postgres.Execute(db.Server, $"DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{db.Name}'; END $$");
        foreach (var bearer in (string[])[token, jwt]) Assert.Equal(HttpStatusCode.OK, (await Ask(server, bearer, "GET", "/v1/config?consistency=local")).StatusCode);
        foreach (var bearer in (string[])[token, jwt])
        {
            var since = System.Diagnostics.Stopwatch.StartNew();
            var answer = await Ask(server, bearer, "GET", "/v1/config?consistency=local");
            while (answer.IsSuccessStatusCode)
            {
                Assert.True(since.Elapsed < TimeSpan.FromSeconds(20), "local reads go on");
                answer = await Ask(server, bearer, "GET", "/v1/config?consistency=local");
            }
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Contains("could not confirm them", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        // nobody can take the operator's rights from him but by another root token
        Assert.Equal(HttpStatusCode.OK, (await Ask(server, TestServer.Token, "GET", "/v1/config?consistency=local")).StatusCode);

        await Postgres.Execute(db.Server, $"ALTER DATABASE \"{db.Name}\" ALLOW_CONNECTIONS true");
        var back = System.Diagnostics.Stopwatch.StartNew();
        while (!(await Ask(server, token, "GET", "/v1/config?consistency=local")).IsSuccessStatusCode) Assert.True(back.Elapsed < TimeSpan.FromSeconds(20), "rights are not confirmed again");
    }

    static async Task<HttpResponseMessage> Ask(TestServer server, string bearer, string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await server.Client.SendAsync(request);
    }
}
