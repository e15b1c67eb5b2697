using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using Stele.Core.Limits;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Operation;

public sealed class ShutdownTests
{
    [Fact]
    public async Task A_shutdown_under_load_loses_no_acknowledged_write_and_ends_in_time()
    {
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db);
        var acknowledged = new ConcurrentDictionary<string, int>();
        var enough = new TaskCompletionSource();
        var writers = Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            for (var n = 1; ; n++)
            {
                try
                {
                    using var response = await server.Client.PutAsync($"/v1/config/load.w{writer}", JsonContent.Create(new { value = n }));
                    if (!response.IsSuccessStatusCode) return;
                }
                catch (HttpRequestException)
                {
                    return;
                }
                acknowledged[$"load.w{writer}"] = n;
                if (n == 20) enough.TrySetResult();
            }
        })).ToList();
        await enough.Task;
        var started = Stopwatch.GetTimestamp();
        await server.Stop();
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value), "the shutdown took longer than its limit");
        await Task.WhenAll(writers);
        await using var owner = await db.As();
        var stored = (await owner.Rows("SELECT key, value FROM stele.configuration")).Select(row => row.Split('|')).ToDictionary(row => row[0], row => int.Parse(row[1], null));
        // one more may have landed whose answer was cut off, never one less
        Assert.All(acknowledged, write => Assert.InRange(stored[write.Key], write.Value, write.Value + 1));
        Assert.Equal(16, acknowledged.Count);
    }
}
