using System.Net;
using System.Text;
using System.Text.Json;
using Stele.Prove.Processes;

namespace Stele.Prove.Soak;

/// <summary>Somebody to whom a webhook leads, who takes everything.</summary>
internal sealed class WebhookReceiver : IDisposable
{
    readonly HttpListener listener = new();
    readonly int port = ChildProcess.FreePort();
    int taken;

    public WebhookReceiver()
    {
        listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        listener.Start();
        _ = Serve();
    }

    public int Taken => Volatile.Read(ref taken);

    /// <summary>Makes the webhook.</summary>
    public async Task Register(SteleNode node, string environment)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{node.Port}") };
        http.DefaultRequestHeaders.Authorization = new("Bearer", node.Token);
        using var answer = await http.PostAsync(new Uri("/v1/webhooks", UriKind.Relative),
            new StringContent(JsonSerializer.Serialize(new { url = $"http://127.0.0.1:{port}/hook", environment, prefixes = new[] { "prove." } }), Encoding.UTF8, "application/json"));
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"the webhook could not be made: {await answer.Content.ReadAsStringAsync()}");
    }

    public void Dispose() => listener.Close();

    async Task Serve()
    {
        while (listener.IsListening)
        {
            try
            {
                var context = await listener.GetContextAsync();
                await context.Request.InputStream.CopyToAsync(Stream.Null);
                context.Response.StatusCode = 204;
                context.Response.Close();
                Interlocked.Increment(ref taken);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                // closed, or a sender that has gone
            }
        }
    }
}
