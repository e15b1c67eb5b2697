using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Webhooks;
using Stele.Server.Archive;
using Stele.Server.Outbound;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Archive;

/// <summary>The journal is the outbox of Kafka, Redis and webhooks: what they have not had is not archived, and somebody is told.</summary>
public sealed class ArrearsTests
{
    static string Day(int monthsBefore) => $"{OldJournal.Month(monthsBefore):yyyy-MM-dd}";

    static async Task Checkpoint(OldJournal journal, string sink, long? from, long to)
    {
        var incarnation = (await journal.Node.Store.Heads([], false, CancellationToken.None)).Cluster.Incarnation;
        var checkpoints = new OutboundCheckpoints(journal.Node.Connections, new OutboundOptions());
        Assert.True(await checkpoints.Move(sink, new OutboundOrg(OrgId.Default, "default", incarnation, 1, 8, false), from is { } there ? new OutboundCheckpoint(incarnation, there) : null, to, CancellationToken.None));
    }

    [Fact]
    public async Task A_month_that_a_sink_has_not_had_is_refused_until_it_has_or_is_left_out()
    {
        await using var journal = await OldJournal.FourMonths();
        var arrears = new ArchiveArrears(journal.Node.Connections.Tail, TimeProvider.System, NullLogger<ArchiveArrears>.Instance);
        Assert.True(await arrears.RunOnce(CancellationToken.None));
        await Checkpoint(journal, "kafka", null, 3);
        var (exit, text) = await journal.Archive("--before", Day(1));
        Assert.Equal(1, exit);
        Assert.Contains($"has had {OldJournal.Month(3):yyyy-MM} yet: kafka of default is at revision 3. ", text, StringComparison.Ordinal);
        Assert.Contains("--past kafka", text, StringComparison.Ordinal);
        Assert.Equal(1, (await journal.Archive("--before", Day(1), "--past", "webhooks")).Exit);
        Assert.Equal("1 2 3 4 5 6 7 8", await journal.Live());
        Assert.False(await arrears.RunOnce(CancellationToken.None));
        Assert.Contains("kafka of default is at revision 3", arrears.Warning, StringComparison.Ordinal);

        // as far as it is, and no further
        await Checkpoint(journal, "kafka", 3, 4);
        Assert.Equal(0, (await journal.Archive("--before", Day(2))).Exit);
        Assert.Equal("5 6 7 8", await journal.Live());
        Assert.Equal(1, (await journal.Archive("--before", Day(1))).Exit);
        (exit, text) = await journal.Archive("--before", Day(1), "--past", "kafka");
        Assert.True(exit == 0, text);
        Assert.Equal("7 8", await journal.Live());
        await Checkpoint(journal, "kafka", 4, 8);
        Assert.True(await arrears.RunOnce(CancellationToken.None));
        Assert.Equal((null, 0), (arrears.Warning, arrears.Count));
    }

    [Fact]
    public async Task A_webhook_that_is_behind_holds_the_archive_back_unless_it_is_switched_off()
    {
        await using var journal = await OldJournal.Begin(3);
        var id = Guid.CreateVersion7();
        await journal.Append(new CreateWebhook(Principal.Root, Guid.CreateVersion7(), id, new byte[32], new WebhookChange { Url = "https://example.com/0" }), OldJournal.Month(3).AddDays(1).ToDateTime(default, DateTimeKind.Utc));
        await journal.Set("a.b", "1", OldJournal.Month(3).AddDays(2));
        await journal.Set("a.b", "2", OldJournal.Month(0));
        await journal.Project();
        var (exit, text) = await journal.Archive("--before", Day(2));
        Assert.Equal(1, exit);
        Assert.Contains($"webhook {id} of default is at revision 2. ", text, StringComparison.Ordinal);
        await journal.Append(new ChangeWebhook(Principal.Root, Guid.CreateVersion7(), id, new WebhookChange { IsEnabled = false }), OldJournal.Month(0).ToDateTime(new TimeOnly(0, 1), DateTimeKind.Utc));
        (exit, text) = await journal.Archive("--before", Day(2));
        Assert.True(exit == 0, text);
        Assert.Equal("4 5", await journal.Live());
    }

    [Fact]
    public async Task A_server_says_in_readyz_and_metrics_what_holds_the_archive_back()
    {
        await using var journal = await OldJournal.FourMonths();
        await Checkpoint(journal, "kafka", null, 3);
        await using var server = await TestServer.Start(journal.Database);
        var ready = "";
        await Wait.Until(async () => (ready = await server.Client.GetStringAsync("/readyz")).Contains("warnings", StringComparison.Ordinal), "the node has looked");
        Assert.Contains("kafka of default is at revision 3", JsonDocument.Parse(ready).RootElement.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains("\nstele_archive_arrears 1\n", await server.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
        Assert.Contains(server.Logs.Lines, line => line.Contains("holds the archive of the journal back: kafka of default is at revision 3", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_webhook_is_replayed_from_the_floor_on_and_below_it_is_410()
    {
        await using var journal = await OldJournal.FourMonths();
        Assert.Equal(0, (await journal.Archive("--before", Day(1))).Exit);
        await using var server = await TestServer.Start(journal.Database);
        using var made = await server.Client.PostAsJsonAsync("/v1/webhooks", new { url = "https://example.com/a", enabled = false });
        var path = $"/v1/webhooks/{JsonDocument.Parse(await made.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString()}/replay";
        foreach (var below in (int[])[0, 1, 5])
        {
            using var gone = await server.Client.PostAsJsonAsync(path, new { after_revision = below });
            var problem = JsonDocument.Parse(await gone.Content.ReadAsStringAsync()).RootElement;
            Assert.Equal((410, "gone", 6L), ((int)gone.StatusCode, problem.GetProperty("code").GetString(), problem.GetProperty("floor").GetInt64()));
            Assert.Equal("/after_revision", problem.GetProperty("errors")[0].GetProperty("pointer").GetString());
        }
        using var replayed = await server.Client.PostAsJsonAsync(path, new { after_revision = 6 });
        Assert.Equal(200, (int)replayed.StatusCode);
        Assert.Equal(6, JsonDocument.Parse(await replayed.Content.ReadAsStringAsync()).RootElement.GetProperty("delivery").GetProperty("revision").GetInt64());
    }
}
