using System.Diagnostics;

namespace Stele.Bench.Peers;

/// <summary>One side of a comparison: a running server with an HTTP address and the headers that its requests carry.</summary>
internal sealed class Peer(string name, Uri address, ChildProcess process, IReadOnlyDictionary<string, string> headers) : IAsyncDisposable
{
    public string Name => name;
    public Uri Address => address;
    public ChildProcess Process => process;
    public IReadOnlyDictionary<string, string> Headers => headers;

    public HttpClient NewClient()
    {
        var client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        foreach (var (header, value) in headers)
            if (header != "Content-Type") client.DefaultRequestHeaders.TryAddWithoutValidation(header, value);
        return client;
    }

    /// <summary>Waits until the path answers 200; throws if the process ends or a minute passes.</summary>
    public Task<TimeSpan> WaitUntilReady(string path, CancellationToken cancellation) => WaitUntilReady(path, 1, cancellation);

    /// <summary>The same, for one that takes longer to start.</summary>
    public async Task<TimeSpan> WaitUntilReady(string path, int minutes, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        using var client = NewClient();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                using var response = await client.GetAsync(path, cancellation);
                if (response.IsSuccessStatusCode) return watch.Elapsed;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
            if (process.HasExited) throw new InvalidOperationException($"{name} ended before it was ready; see its log");
            if (watch.Elapsed > TimeSpan.FromMinutes(minutes)) throw new TimeoutException($"{name} was not ready within {minutes} min; see its log");
            await pause.WaitForNextTickAsync(cancellation);
        }
    }

    public ValueTask DisposeAsync() => process.DisposeAsync();
}
