using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Stele.Prove.Mutants;
using Stele.Prove.Network;
using Stele.Prove.Processes;
using Xunit;

namespace Stele.Prove.Runs;

/// <summary>Fail-overs one by one, with real processes: what was acknowledged stays, and what a deposed primary says is not believed where strong reads are strict.</summary>
public sealed class FailOverTests
{
    static readonly TimeSpan patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task What_was_cancelled_while_it_waited_for_the_standby_is_not_acknowledged_before_the_standby_has_it()
    {
        await using var stack = await Start(nodes: 1);
        var (acknowledged, found, told) = await CancelAndFailOver(stack);
        Assert.True(!acknowledged || found, $"the write was acknowledged, and is lost: {told}");
    }

    [Fact(Explicit = true)]
    public async Task A_cancelled_wait_that_is_trusted_is_caught()
    {
        await using var stack = await Start(Mutant.TrustACancelledWait, nodes: 1);
        var (acknowledged, found, told) = await CancelAndFailOver(stack);
        Assert.True(acknowledged && !found, $"acknowledged: {acknowledged}, there: {found}; {told}");
    }

    // a commit that waits for the standby is cancelled, and the standby, which never got it, takes over
    static async Task<(bool Acknowledged, bool Found, string Told)> CancelAndFailOver(Stack stack)
    {
        var node = stack.Nodes[0];
        using var client = Client(node);
        using (var first = await Put(client, "prove.first", "1")) Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Hold(stack.Postgres.Replication);
        // one cancelled wait makes its outcome unknown; then the node raises the fence, which waits as well until its own time is up
        var write = Put(client, "prove.cancelled", "1");
        await Pause.Until("the commit waits, and is cancelled", patience, async () => await stack.Postgres.Primary.Ask<long>(CancelSql) > 0, CancellationToken.None);
        using var answer = await write;
        await stack.Postgres.Primary.Kill();
        stack.Postgres.Replication.Reset();
        stack.Postgres.Replication.Heal();
        await stack.Postgres.FailOver();
        await node.UntilReady(patience);
        using var read = await client.GetAsync(new Uri("/v1/config/prove.cancelled?env=production", UriKind.Relative));
        return (answer.StatusCode == HttpStatusCode.OK, read.StatusCode == HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
    }

    const string CancelSql = """
        SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
        """;

    /// <summary>The primary and one node are on one side of a network that is cut, the standby and the other node on the other; nobody has fenced the primary.</summary>
    [Fact]
    public async Task A_strict_strong_read_from_a_deposed_primary_fails_instead_of_being_stale()
    {
        await using var stack = await Start(nodes: 2, ("STELE_STRICT_READS", "on"));
        var (deposed, alone) = (stack.Postgres.Primary, stack.Nodes[0]);
        using var oldSide = Client(alone);
        using var newSide = Client(stack.Nodes[1]);
        using (var first = await Put(oldSide, "prove.key", "before")) Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal("before", await Read(oldSide, "strong"));
        Hold(stack.Postgres.Replication);
        foreach (var link in (FaultyLink[])[alone.ToPostgres[1], stack.Nodes[1].ToPostgres[0]]) Hold(link);
        var promoted = stack.Postgres.Standby;
        await promoted.Execute("SELECT pg_promote(true, 30)", "postgres");
        await promoted.Execute("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres");
        await promoted.Execute("SELECT pg_reload_conf()", "postgres");
        // the new side reads strictly too, and has no standby yet to prove by: it only writes, which is what makes the old side stale
        await Pause.Until("the new side takes a write", patience, async () =>
        {
            using var second = await Put(newSide, "prove.key", "after");
            return second.StatusCode == HttpStatusCode.OK;
        }, CancellationToken.None);
        using var stale = await oldSide.GetAsync(new Uri("/v1/config/prove.key?env=production", UriKind.Relative));
        Assert.Equal((HttpStatusCode)503, stale.StatusCode);
        // what it has is still there for those who say that they do not need to know
        Assert.Equal("before", await Read(oldSide, "local"));
        Assert.False(await deposed.Ask<bool>("SELECT pg_is_in_recovery()"), "the old primary believes in itself, or this test shows nothing");
    }

    [Fact]
    public async Task Without_a_synchronous_standby_a_strict_strong_read_is_refused()
    {
        await using var stack = await Start(nodes: 1, ("STELE_STRICT_READS", "on"));
        using var client = Client(stack.Nodes[0]);
        using (var first = await Put(client, "prove.key", "before")) Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal("before", await Read(client, "strong"));
        await stack.Postgres.Primary.Execute("ALTER SYSTEM SET synchronous_standby_names = ''", "postgres");
        await stack.Postgres.Primary.Execute("SELECT pg_reload_conf()", "postgres");
        await Pause.Until("strong reads are refused", patience, async () =>
        {
            using var answer = await client.GetAsync(new Uri("/v1/config/prove.key?env=production", UriKind.Relative));
            return answer.StatusCode == HttpStatusCode.ServiceUnavailable;
        }, CancellationToken.None);
    }

    static Task<Stack> Start(int nodes, params (string Name, string Value)[] settings) => Start(Mutant.None, nodes, settings);

    static async Task<Stack> Start(Mutant mutant, int nodes, params (string Name, string Value)[] settings)
    {
        var programs = await PostgresPrograms.Find();
        Assert.SkipWhen(programs is null, "PostgreSQL with pg_basebackup is not installed here");
        return await Stack.Start(programs!, TestContext.Current.SendDiagnosticMessage, nodes, _ => settings.ToDictionary(setting => setting.Name, setting => setting.Value), mutant);
    }

    static HttpClient Client(SteleNode node)
    {
        var client = new HttpClient { BaseAddress = node.Address, Timeout = TimeSpan.FromSeconds(20) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", node.Token);
        return client;
    }

    static Task<HttpResponseMessage> Put(HttpClient client, string key, string value) =>
        client.PutAsync(new Uri($"/v1/config/{key}?env=production", UriKind.Relative), new StringContent(JsonSerializer.Serialize(new { value }), Encoding.UTF8, "application/json"));

    static async Task<string?> Read(HttpClient client, string consistency)
    {
        using var json = JsonDocument.Parse(await client.GetStringAsync(new Uri($"/v1/config/prove.key?env=production&consistency={consistency}", UriKind.Relative)));
        return json.RootElement.GetProperty("value").GetString();
    }

    static void Hold(FaultyLink link)
    {
        foreach (var way in Enum.GetValues<Way>()) link.Hold(way);
    }
}
