using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;

namespace Stele.Client;

/// <summary>A stream that is opened again whenever it breaks, after what came last.</summary>
internal sealed class WatchStream(HttpClient http, SteleTransport transport, SteleClientOptions options, WatchRequest request) : IDisposable
{
    // two heartbeats and a half: a stream that was silent for longer is broken, and nobody has said so
    static readonly TimeSpan Silence = TimeSpan.FromSeconds(38);

    HttpResponseMessage? response;
    StreamReader? reader;
    string? cursor = request.FromCursor, subscription;
    int failures;
    bool wasOpen;

    /// <summary>The next event.</summary>
    internal async Task<WatchEvent> Next(CancellationToken cancellation)
    {
        while (true)
        {
            SteleException failure;
            try
            {
                if (reader is null) await Open(cancellation);
                if (await Read(cancellation) is { } next)
                {
                    failures = 0;
                    cursor = next.Cursor;
                    return next;
                }
                failure = Broken("ended", null);
            }
            catch (SteleException e) when (SteleTransport.IsTransient(e))
            {
                failure = e;
            }
            catch (Exception e) when (e is IOException or HttpRequestException or SocketException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                failure = Broken("broke, or was silent for too long", e);
            }
            Close();
            request.OnBroken?.Invoke(failure);
            // who never came in is told why, as by any other call; who was in comes back, whatever it takes
            if (!wasOpen && failures + 1 >= options.Attempts) throw failure;
            await Task.Delay(transport.Delay(Math.Min(++failures, 10), failure.RetryAfter), options.Clock, cancellation);
        }
    }

    public void Dispose() => Close();

    async Task Open(CancellationToken cancellation)
    {
        var query = new QueryText("/v1/watch").With("env", request.Environment).With("kinds", request.Kinds.Count == 0 ? null : string.Join(',', request.Kinds));
        foreach (var prefix in request.Prefixes) query.With("prefix", prefix);
        query.With("from_cursor", cursor);
        if (cursor is null) query.With("from_revision", request.FromRevision);
        using var patience = new CancellationTokenSource(options.AttemptTimeout, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        using var message = transport.Request(HttpMethod.Get, query.ToString(), null, null);
        try
        {
            response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            throw transport.Unreachable(message, e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw transport.TimedOut(message, e);
        }
        if (!response.IsSuccessStatusCode) throw transport.Refusal(message, response, await response.Content.ReadAsByteArrayAsync(either.Token));
        subscription = response.Headers.TryGetValues("Stele-Subscription", out var ids) ? ids.First() : null;
        reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        wasOpen = true;
        request.OnOpened?.Invoke();
    }

    // null: it has ended, and may be opened again
    async Task<WatchEvent?> Read(CancellationToken cancellation)
    {
        string? id = null, name = null, data = null;
        using var silence = new CancellationTokenSource(Silence, options.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, silence.Token);
        while (true)
        {
            if (await reader!.ReadLineAsync(either.Token) is not { } line) return null;
            if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal)) name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) data = line[6..];
            else if (line.Length == 0)
            {
                if (name == "end") return End(data);
                if (Event(name, id, data) is { } next) return next;
                (id, name, data) = (null, null, null);
                silence.CancelAfter(Silence);
            }
        }
    }

    WatchEvent? Event(string? name, string? id, string? data)
    {
        WatchEventKind? kind = name switch
        {
            "change" => WatchEventKind.Change,
            "synced" => WatchEventKind.Synced,
            "reset" => WatchEventKind.Reset,
            null when id is not null => WatchEventKind.Progress,
            _ => null, // what a newer server may say
        };
        if (kind is null) return null;
        if (data is null) return new WatchEvent { Kind = kind.Value, Cursor = id!, Revision = long.Parse(id!.AsSpan(0, id!.IndexOf('-')), CultureInfo.InvariantCulture), Subscription = subscription };
        try
        {
            return JsonSerializer.Deserialize(data, SteleJson.Default.WatchEvent)! with { Kind = kind.Value, Subscription = subscription };
        }
        catch (JsonException e)
        {
            throw new SteleException(SteleException.BadAnswer, $"{options.Url} said something that is not Stele's: {e.Message}", e);
        }
    }

    WatchEvent? End(string? data)
    {
        var end = data is null ? null : JsonSerializer.Deserialize(data, SteleJson.Default.EndMessage);
        if (end?.Code == "revoked") throw new SteleException("unauthenticated", 401, "The token was revoked, or has expired, while it watched.", null, []);
        return null;
    }

    SteleException Broken(string how, Exception? inner) => new(SteleException.Unreachable, $"The stream of {options.Url} {how}.", inner);

    void Close()
    {
        reader?.Dispose();
        response?.Dispose();
        (reader, response) = (null, null);
    }
}
