using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Stele.Core.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Audit;

/// <summary>Everything, as lines: of any length, in bounded memory, and never half of it that passes for the whole.</summary>
[Collection(nameof(AloneInTheProcess))]
public sealed class AuditExportTests
{
    const int Rows = 50_000;

    [Fact]
    public async Task Fifty_thousand_lines_are_streamed_in_bounded_memory_and_in_order()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await Fill(db, Rows);
        using var client = Bare(server);
        foreach (var format in (string[])["jsonl", "csv"])
        {
            var before = GC.GetTotalMemory(forceFullCollection: true);
            using var response = await client.GetAsync($"/v1/audit?format={format}&log=audit&action=secret.read", HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(format == "csv" ? "text/csv; charset=utf-8" : "application/jsonl", response.Content.Headers.ContentType!.ToString());
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            if (format == "csv") Assert.Equal("at,log,revision,ordinal,sequence,action,actor,target,environment,outcome,code,times,request_id,address,detail", await reader.ReadLineAsync());
            var (count, most) = (0, 0L);
            while (await reader.ReadLineAsync() is { } line)
            {
                var target = format == "csv" ? line.Split(',')[7] : JsonDocument.Parse(line).RootElement.GetProperty("target").GetString();
                Assert.Equal($"secret/production/k{++count}", target);
                if (count % 10_000 == 0) most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
            }
            Assert.Equal(Rows, count);
            Assert.True(most < 24 << 20, $"{most >> 20} MiB were held in the middle of an export");
        }
        // a page looks through so much and no more, and the next goes on
        var (pages, cursor) = (0, "");
        do
        {
            var page = JsonDocument.Parse(await client.GetStringAsync($"/v1/audit?log=audit&action=never&limit=1000{cursor}")).RootElement;
            Assert.Empty(page.GetProperty("items").EnumerateArray());
            cursor = page.TryGetProperty("next_cursor", out var next) ? $"&cursor={next.GetString()}" : "";
            pages++;
        }
        while (cursor.Length > 0);
        Assert.Equal(2, pages);
        // an export is on record before its first line
        Assert.Contains("audit.exported", await client.GetStringAsync("/v1/audit?action=audit.exported"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_accept_header_asks_for_lines_as_the_parameter_does_and_a_formula_is_defused()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await using (var node = await TestNode.Start(db, listen: false))
        {
            // what a change log says, a spreadsheet would compute
            var set = TestNode.SetOf("a.b", "1");
            await node.Journal.Append(OrgId.Default, set with { Reason = "=cmd(\"x\"),\nnext" }, null, CancellationToken.None);
        }
        using var client = Bare(server);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/audit?action=config.set");
        request.Headers.Accept.ParseAdd("text/csv");
        using var response = await client.SendAsync(request);
        Assert.Contains("\"'=cmd(\"\"x\"\"),\nnext\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var lines = new HttpRequestMessage(HttpMethod.Get, "/v1/audit?action=config.set");
        lines.Headers.Accept.ParseAdd("application/x-ndjson");
        using var answered = await client.SendAsync(lines);
        Assert.Equal("application/jsonl", answered.Content.Headers.ContentType!.ToString());
        Assert.EndsWith("}\n", await answered.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_is_killed_in_the_middle_cuts_the_export_off()
    {
        await using var crash = await CrashServer.Start();
        await using var server = await TestServer.Start(crash.Database);
        await Fill(crash.Database, 20_000);
        using var client = Bare(server);
        using var response = await client.GetAsync("/v1/audit?format=jsonl&log=audit", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        await reader.ReadLineAsync();
        await crash.Crash();
        // the reader has buffers, so some more comes; then the connection ends without the last chunk
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (await reader.ReadLineAsync() is not null)
            {
                // on to the break
            }
        });
    }

    [Fact]
    public async Task A_reader_that_goes_away_ends_the_export()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        await Fill(db, 20_000);
        using var client = Bare(server);
        for (var i = 0; i < 5; i++)
        {
            using var response = await client.GetAsync("/v1/audit?format=jsonl&log=audit", HttpCompletionOption.ResponseHeadersRead);
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
            await reader.ReadLineAsync();
        }
        var started = Stopwatch.GetTimestamp();
        await server.Stop();
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(8), "an export kept the server");
    }

    static HttpClient Bare(TestServer server)
    {
        var client = new HttpClient { BaseAddress = server.Client.BaseAddress };
        client.DefaultRequestHeaders.Authorization = server.Client.DefaultRequestHeaders.Authorization;
        return client;
    }

    /// <summary>Entries, by the function that writes them.</summary>
    static async Task Fill(TestDatabase db, int rows)
    {
        await using var app = await db.AsApp(1);
        await app.Execute(string.Create(CultureInfo.InvariantCulture, $$"""
            SELECT stele.append_audit(1, gen_random_uuid(), 1, array_agg(now()), array_agg('secret.read'::text), array_agg('user:1'::text), array_agg('secret/production/k' || n), array_agg('production'::text),
                array_agg('allowed'::text), array_agg(NULL::text), array_agg(1), array_agg(gen_random_uuid()), array_agg('10.0.0.1'::text), array_agg('detail that makes a line a little longer'::text))
            FROM generate_series(1, {{rows}}) AS n
            """));
    }
}
