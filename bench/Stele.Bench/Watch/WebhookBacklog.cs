using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Stele.Bench.Peers;

namespace Stele.Bench.Watch;

/// <summary>How fast webhooks that are behind are sent what they lack: one, and several at once, to a receiver that answers at once.</summary>
internal sealed class WebhookBacklog(BenchArguments arguments, string work)
{
    const int Changes = 2_000;

    static readonly int[] counts = [1, 8, 32];

    /// <summary>Measures; a table.</summary>
    public async Task<string> Run()
    {
        var token = PeerStarts.NewToken();
        await using var peer = PeerStarts.Stele(arguments.Root, work, ChildProcess.FreePort(), ChildProcess.FreePort(), token, ("STELE_WEBHOOK_NETWORKS", "127.0.0.0/8"), ("STELE_WEBHOOK_HTTP", "allow"));
        await peer.WaitUntilReady("/readyz", CancellationToken.None);
        var port = ChildProcess.FreePort();
        await using var receiver = new Peer("receiver", new Uri($"http://127.0.0.1:{port}"),
            ChildProcess.Start("dotnet", [typeof(WebhookBacklog).Assembly.Location, "bare", "--port", $"{port}"], new Dictionary<string, string>(), Path.Combine(work, "receiver.log")), new Dictionary<string, string>());
        await receiver.WaitUntilReady("/", CancellationToken.None);
        using var client = peer.NewClient();
        var (before, head) = await Write(client);
        var text = new StringBuilder("| webhooks behind | revisions each | seconds | deliveries a second | each |\n| ---: | ---: | ---: | ---: | ---: |\n");
        foreach (var count in counts)
        {
            var ids = new List<string>();
            for (var i = 0; i < count; i++) ids.Add((await Ok(client.PostAsJsonAsync("/v1/webhooks", new { url = receiver.Address.ToString(), enabled = false, environment = "production", prefixes = new[] { "bench." } }))).GetProperty("id").GetString()!);
            foreach (var id in ids) await Ok(client.PostAsJsonAsync($"/v1/webhooks/{id}/replay", new { after_revision = before }));
            var began = Stopwatch.GetTimestamp();
            foreach (var id in ids) await Ok(client.PutAsJsonAsync($"/v1/webhooks/{id}", new { enabled = true }));
            foreach (var id in ids) await UntilLevel(client, id, head);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            text.Append(CultureInfo.InvariantCulture, $"| {count} | {Changes:N0} | {seconds:0.0} | {count * Changes / seconds:0} | {Changes / seconds:0} |\n");
            foreach (var id in ids)
            {
                using var removed = await client.DeleteAsync($"/v1/webhooks/{id}");
                removed.EnsureSuccessStatusCode();
            }
        }
        return text.ToString();
    }

    static async Task<(long Before, long Head)> Write(HttpClient client)
    {
        long before = 0, head = 0;
        for (var i = 0; i < Changes; i++)
        {
            using var answer = await client.PutAsJsonAsync("/v1/config/bench.hook?env=production", new { value = Subscribers.Value(i) });
            answer.EnsureSuccessStatusCode();
            head = long.Parse(answer.Headers.GetValues("Stele-Revision").Single(), CultureInfo.InvariantCulture);
            if (i == 0) before = head - 1;
        }
        return (before, head);
    }

    static async Task UntilLevel(HttpClient client, string id, long head)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while ((await Ok(client.GetAsync($"/v1/webhooks/{id}"))).GetProperty("delivery").GetProperty("revision").GetInt64() < head) await pause.WaitForNextTickAsync();
    }

    static async Task<JsonElement> Ok(Task<HttpResponseMessage> sending)
    {
        using var answer = await sending;
        var body = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? JsonDocument.Parse(body).RootElement : throw new InvalidOperationException(body);
    }
}
