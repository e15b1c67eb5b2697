using System.Net.Http.Headers;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>What was archived is not in the list, and whoever asks for its time is told so.</summary>
public sealed class AuditFloorTests
{
    [Fact]
    public async Task A_time_below_the_floor_is_gone_and_the_list_says_where_it_begins()
    {
        await using var old = await OldJournal.FourMonths();
        await using var server = await TestServer.Start(old.Database);
        Assert.Equal(0, (await old.Archive("--before", $"{OldJournal.Month(2):yyyy-MM-dd}")).Exit);
        var list = await Get(server, "/v1/audit?log=journal&order=oldest");
        Assert.Equal(200, list.Status);
        Assert.Equal(4, list.Json.GetProperty("floor").GetProperty("revision").GetInt64());
        Assert.Equal(5, list.Json.GetProperty("items")[0].GetProperty("revision").GetInt64());
        var gone = await Get(server, $"/v1/audit?from={OldJournal.Month(3):yyyy-MM-dd}T00:00:00Z");
        Assert.Equal((410, "gone", 4), (gone.Status, gone.Json.GetProperty("code").GetString(), gone.Json.GetProperty("floor").GetInt64()));
        Assert.Equal("from.gone", gone.Json.GetProperty("errors")[0].GetProperty("rule").GetString());
        Assert.Contains("archived", gone.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(200, (await Get(server, $"/v1/audit?from={OldJournal.Month(2):yyyy-MM-dd}T00:00:00Z")).Status);
        // the audit log was not archived
        Assert.Equal(200, (await Get(server, $"/v1/audit?log=audit&from={OldJournal.Month(3):yyyy-MM-dd}T00:00:00Z")).Status);
        using var client = new HttpClient { BaseAddress = server.Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", TestServer.Token);
        using var export = await client.GetAsync("/v1/audit?format=csv&log=journal");
        Assert.Equal("4", export.Headers.GetValues("Stele-Floor").Single());
    }

    [Fact]
    public async Task A_time_that_retention_dropped_is_gone()
    {
        await using var bench = await AuditBench.Start();
        var month = new DateTime(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1, 0, 0, 0, DateTimeKind.Utc);
        await AuditBench.Plant(bench.Database, AuditBench.Org, [month.AddMonths(-14), month.AddMonths(-13), month.AddMonths(-2)]);
        await using (var tail = await bench.Database.AsTail()) Assert.Equal(2, await tail.Ask<int>("SELECT stele.drop_audit_months(12)"));
        await using var server = await TestServer.Start(bench.Database);
        var gone = await Get(server, $"/v1/audit?from={month.AddMonths(-13):yyyy-MM-dd}T00:00:00Z");
        Assert.Equal(410, gone.Status);
        Assert.Contains("retention", gone.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(200, (await Get(server, $"/v1/audit?from={month.AddMonths(-12):yyyy-MM-dd}T00:00:00Z")).Status);
        var list = await Get(server, "/v1/audit?log=audit&action=secret.read");
        Assert.Equal((2, 3), (list.Json.GetProperty("floor").GetProperty("sequence").GetInt64(), Assert.Single(list.Json.GetProperty("items").EnumerateArray()).GetProperty("sequence").GetInt64()));
    }

    static async Task<(int Status, JsonElement Json)> Get(TestServer server, string path)
    {
        using var response = await server.Client.GetAsync(path);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }
}
