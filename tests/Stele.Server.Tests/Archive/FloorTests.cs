using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Archive;

/// <summary>What the API answers of a journal whose first months are archived: the floor and what is after it, 410 below.</summary>
public sealed class FloorTests
{
    // revisions 1–4 three months ago, 5–6 two, 7 last month, 8 now; archived: 1–6, so the floor is 6
    static async Task<(OldJournal Journal, TestServer Server)> Archived()
    {
        var journal = await OldJournal.FourMonths();
        var (exit, text) = await journal.Archive("--before", $"{OldJournal.Month(1):yyyy-MM-dd}");
        Assert.True(exit == 0, text);
        return (journal, await TestServer.Start(journal.Database));
    }

    [Fact]
    public async Task Below_the_floor_is_410_with_the_floor_and_at_it_is_answered()
    {
        var (journal, server) = await Archived();
        await using var _ = journal;
        await using var __ = server;
        await Gone("/v1/config/a.b?revision=5", "revision");
        Assert.Equal("4", (await Ok("/v1/config/a.b?revision=6")).GetProperty("value").GetRawText());
        await Gone("/v1/config?revision=5", "revision");
        Assert.Equal(2, (await Ok("/v1/config?revision=6")).GetProperty("items").GetArrayLength());
        // revision 5 was at the first moment of its month, 6 was 27 days later
        var sixth = OldJournal.Month(2).AddDays(27).ToDateTime(default, DateTimeKind.Utc);
        await Gone($"/v1/config/a.b?at={Time(sixth.AddMicroseconds(-1))}", "at");
        Assert.Equal("4", (await Ok($"/v1/config/a.b?at={Time(sixth)}")).GetProperty("value").GetRawText());
        await Gone($"/v1/config?at={Time(sixth.AddMicroseconds(-1))}", "at");
        await Gone("/v1/events", "after_revision");
        await Gone("/v1/events?after_revision=5", "after_revision");
        Assert.Equal([7L, 8], (await Ok("/v1/events?after_revision=6")).GetProperty("items").EnumerateArray().Select(item => item.GetProperty("revision").GetInt64()));
        await Gone("/v1/diff?from=development@5&to=development", "from");
        await Gone("/v1/diff?from=development&to=development@1", "to");
        Assert.Equal(1, (await Ok("/v1/diff?from=development@6&to=development")).GetProperty("items").GetArrayLength());
        using (var refused = await server.Client.PostAsJsonAsync("/v1/rollback?env=development", new { revision = 5 })) await IsGone(refused, "/revision");
        using (var restored = await server.Client.PostAsJsonAsync("/v1/rollback?env=development", new { revision = 6 })) Assert.True(restored.IsSuccessStatusCode, await restored.Content.ReadAsStringAsync());

        async Task<JsonElement> Ok(string path)
        {
            using var answer = await server.Client.GetAsync(path);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            return JsonDocument.Parse(text).RootElement;
        }

        async Task Gone(string path, string parameter)
        {
            using var answer = await server.Client.GetAsync(path);
            await IsGone(answer, parameter);
        }
    }

    [Fact]
    public async Task The_present_versions_and_histories_need_no_archived_event()
    {
        var (journal, server) = await Archived();
        await using var _ = journal;
        await using var __ = server;
        Assert.Equal("6", await Value("/v1/config/a.b"));
        Assert.Equal("1", await Value("/v1/config/a.b?version=1"));
        var history = JsonDocument.Parse(await server.Client.GetStringAsync("/v1/config/a.b/history")).RootElement.GetProperty("items");
        Assert.Equal(["6", "5", "4", "3", "2", "1"], history.EnumerateArray().Select(item => item.GetProperty("value").GetRawText()));
        using (var back = await server.Client.PostAsJsonAsync("/v1/config/a.b/rollback", new { version = 2 })) Assert.True(back.IsSuccessStatusCode);
        Assert.Equal("2", await Value("/v1/config/a.b"));
        Assert.Equal("\"x\"", await Value("/v1/config/a.c"));

        async Task<string> Value(string path) => JsonDocument.Parse(await server.Client.GetStringAsync(path)).RootElement.GetProperty("value").GetRawText();
    }

    [Fact]
    public async Task A_page_whose_revision_is_archived_under_it_is_410_and_a_restored_one_goes_on()
    {
        await using var journal = await OldJournal.FourMonths();
        await using var server = await TestServer.Start(journal.Database);
        var list = JsonDocument.Parse(await server.Client.GetStringAsync("/v1/config?revision=6&limit=1")).RootElement.GetProperty("next_cursor").GetString();
        var events = JsonDocument.Parse(await server.Client.GetStringAsync("/v1/events?limit=1")).RootElement.GetProperty("next_cursor").GetString();
        Assert.Equal(0, (await journal.Archive("--before", $"{OldJournal.Month(0):yyyy-MM-dd}")).Exit);
        using (var gone = await server.Client.GetAsync($"/v1/config?revision=6&limit=1&cursor={list}")) await IsGone(gone, null, 7);
        using (var gone = await server.Client.GetAsync($"/v1/events?limit=1&cursor={events}")) await IsGone(gone, "cursor", 7);
        Assert.Equal(0, (await journal.Archive("--restore", journal.Directory)).Exit);
        using (var back = await server.Client.GetAsync($"/v1/config?revision=6&limit=1&cursor={list}")) Assert.True(back.IsSuccessStatusCode);
        using (var back = await server.Client.GetAsync($"/v1/events?limit=1&cursor={events}")) Assert.True(back.IsSuccessStatusCode);
    }

    static string Time(DateTime at) => Uri.EscapeDataString(at.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));

    static async Task IsGone(HttpResponseMessage answer, string? name, long floor = 6)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == 410, text);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.Equal(("gone", floor), (problem.GetProperty("code").GetString(), problem.GetProperty("floor").GetInt64()));
        Assert.Contains($"from revision {floor} on", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        var error = problem.GetProperty("errors")[0];
        Assert.Equal("revision.gone", error.GetProperty("rule").GetString());
        if (name is not null) Assert.Equal(name, (error.TryGetProperty("pointer", out var pointer) ? pointer : error.GetProperty("name")).GetString());
    }
}
