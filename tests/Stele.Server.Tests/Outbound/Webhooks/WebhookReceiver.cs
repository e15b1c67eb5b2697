using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>Somebody to whom messages are sent: takes them in order, answers as the test says.</summary>
sealed class WebhookReceiver : IAsyncDisposable
{
    readonly WebApplication app;
    readonly Channel<ReceivedMessage> messages = Channel.CreateUnbounded<ReceivedMessage>();
    readonly ConcurrentQueue<ReceivedMessage> all = new();

    WebhookReceiver(WebApplication app) => this.app = app;

    public string Url => app.Urls.First() + "/hook?token=of-the-receiver";

    /// <summary>What each message is answered.</summary>
    public Func<HttpContext, ReceivedMessage, Task> Answer { get; set; } = static (_, _) => Task.CompletedTask;

    /// <summary>All that came, answered however.</summary>
    public IReadOnlyList<ReceivedMessage> All => [.. all];

    public static async Task<WebhookReceiver> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var receiver = new WebhookReceiver(builder.Build());
        receiver.app.Run(receiver.Take);
        await receiver.app.StartAsync();
        return receiver;
    }

    /// <summary>Every message is answered with a status.</summary>
    public void AnswerAll(int status) => Answer = (context, _) =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    /// <summary>The next message, when it comes.</summary>
    public async Task<ReceivedMessage> Next()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        return await messages.Reader.ReadAsync(patience.Token);
    }

    /// <summary>The keys of the next messages, so many changes together.</summary>
    public async Task<List<string>> Keys(int changes)
    {
        var keys = new List<string>();
        while (keys.Count < changes) keys.AddRange((await Next()).Keys);
        return keys;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    async Task Take(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var message = new ReceivedMessage(context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString()), body.ToArray());
        await Answer(context, message);
        all.Enqueue(message);
        messages.Writer.TryWrite(message);
    }
}

/// <summary>A message as it came.</summary>
sealed record ReceivedMessage(Dictionary<string, string> Headers, byte[] Body)
{
    public JsonElement Json { get; } = JsonDocument.Parse(Body).RootElement;

    public string Type => Json.GetProperty("type").GetString()!;

    public string Id => Headers["webhook-id"];

    public JsonElement Data => Json.GetProperty("data");

    public long Revision => Data.GetProperty("revision").GetInt64();

    public IEnumerable<string> Keys => Data.GetProperty("changes").EnumerateArray().Select(change => change.GetProperty("key").GetString()!);

    /// <summary>How many of its signatures are of a secret, as a receiver checks it that has read the specification and none of our code.</summary>
    public int SignedWith(string secret)
    {
        var key = Convert.FromBase64String(secret["whsec_".Length..]);
        byte[] covered = [.. Encoding.UTF8.GetBytes($"{Headers["webhook-id"]}.{Headers["webhook-timestamp"]}."), .. Body];
        var signed = Convert.ToBase64String(HMACSHA256.HashData(key, covered));
        var age = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(Headers["webhook-timestamp"], CultureInfo.InvariantCulture);
        Assert.InRange(age, -5, 60);
        return Headers["webhook-signature"].Split(' ').Count(signature => signature == "v1," + signed);
    }
}
