using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Authentication;
using Stele.Core.Webhooks;

namespace Stele.Server.Outbound.Webhooks;

/// <summary>What came of an attempt.</summary>
/// <param name="Arrived">Whether the receiver took it: a status of 2xx.</param>
/// <param name="Status">What it answered; null: it did not.</param>
/// <param name="Failure">Why it did not arrive, in words of ours: nothing that the receiver sent.</param>
/// <param name="RetryAfter">When the receiver wants to be asked again.</param>
internal sealed record WebhookAttempt(bool Arrived, int? Status, string? Failure, TimeSpan? RetryAfter = null)
{
    /// <summary>Whether the receiver says that there is none any more.</summary>
    public bool IsGone => Status == StatusCodes.Status410Gone;
}

/// <summary>What a webhook's name led to may not be connected to.</summary>
internal sealed class WebhookAddressException(string message) : Exception(message);

/// <summary>
/// Sends one message once: signed, to an address that is checked at the moment of connecting, without following redirects, without a proxy,
/// cookies or credentials of ours; of the answer, only its status is of use.
/// </summary>
internal sealed class WebhookSender : IDisposable
{
    const int AnswerHeaderKilobytes = 16;
    static readonly TimeSpan ConnectionLife = TimeSpan.FromMinutes(2), ConnectionIdle = TimeSpan.FromSeconds(30);

    readonly WebhookAddresses addresses;
    readonly bool allowsPlain;
    readonly TimeProvider time;
    readonly Func<string, CancellationToken, Task<IPAddress[]>> resolve;
    readonly HttpMessageInvoker client;

    /// <param name="addresses">Where it may connect to.</param>
    /// <param name="allowsPlain">Whether http is spoken, too (STELE_WEBHOOK_HTTP).</param>
    /// <param name="time">The clock that attempts are signed with.</param>
    /// <param name="resolve">What a name leads to.</param>
    public WebhookSender(WebhookAddresses addresses, bool allowsPlain, TimeProvider time, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
    {
        (this.addresses, this.allowsPlain, this.time, this.resolve) = (addresses, allowsPlain, time, resolve);
        client = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            AutomaticDecompression = DecompressionMethods.None,
            MaxResponseHeadersLength = AnswerHeaderKilobytes,
            // it is read here, as far as it is
            MaxResponseDrainSize = 0,
            // a name that leads elsewhere is seen, and the check is made again
            PooledConnectionLifetime = ConnectionLife,
            PooledConnectionIdleTimeout = ConnectionIdle,
            // an attempt to connect outlives the request that began it
            ConnectTimeout = TimeSpan.FromSeconds(WebhookLimits.AttemptSeconds.Value),
            ConnectCallback = Connect,
        });
    }

    /// <summary>Why nothing may be sent to an address, as far as can be said without looking up its name; or null.</summary>
    public (string Rule, string Message)? Refuses(string url)
    {
        var target = new Uri(url);
        if (target.Scheme != Uri.UriSchemeHttps && !allowsPlain) return ("url.https", "An address begins with https://.");
        return IPAddress.TryParse(target.DnsSafeHost, out var address) && !addresses.Allows(address) ? ("url.address", $"{address} is not an address of the public internet.") : null;
    }

    /// <summary>Sends it. Everything that goes wrong is an attempt that failed.</summary>
    public async Task<WebhookAttempt> Send(string url, WebhookMessage message, IReadOnlyList<byte[]> secrets, CancellationToken cancellation)
    {
        if (Refuses(url) is var (_, refused)) return new WebhookAttempt(false, null, refused);
        var seconds = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new ByteArrayContent(message.Body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(WebhookMessage.ContentType);
        request.Headers.TryAddWithoutValidation("User-Agent", "Stele-Webhooks");
        request.Headers.TryAddWithoutValidation(WebhookSignature.IdHeader, message.Id);
        request.Headers.TryAddWithoutValidation(WebhookSignature.TimestampHeader, seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.TryAddWithoutValidation(WebhookSignature.SignatureHeader, WebhookSignature.Sign(secrets, message.Id, seconds, message.Body));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(WebhookLimits.AttemptSeconds.Value), time);
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellation, patience.Token);
        try
        {
            using var answer = await client.SendAsync(request, bounded.Token);
            await ReadThrough(answer.Content, bounded.Token);
            return Judge(answer);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new WebhookAttempt(false, null, $"There was no answer within {WebhookLimits.AttemptSeconds.Value} s.");
        }
        catch (HttpRequestException e)
        {
            return new WebhookAttempt(false, null, Reason(e));
        }
        // of a connection that broke as it was made
        catch (SocketException e)
        {
            return new WebhookAttempt(false, null, Reason(e));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    // to the end, so that the connection serves again; what is longer, breaks off or takes its time is hung up on, and changes nothing of what was answered
    static async Task ReadThrough(HttpContent content, CancellationToken bounded)
    {
        if (content.Headers.ContentLength > WebhookLimits.AnswerBytes.Value) return;
        var buffer = ArrayPool<byte>.Shared.Rent((int)WebhookLimits.AnswerBytes.Value + 1);
        try
        {
            await using var stream = await content.ReadAsStreamAsync(bounded);
            await stream.ReadAtLeastAsync(buffer.AsMemory(0, (int)WebhookLimits.AnswerBytes.Value + 1), (int)WebhookLimits.AnswerBytes.Value + 1, throwOnEndOfStream: false, bounded);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException)
        {
            // its head has said it all
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    WebhookAttempt Judge(HttpResponseMessage answer)
    {
        var status = (int)answer.StatusCode;
        if (answer.IsSuccessStatusCode) return new WebhookAttempt(true, status, null);
        var failure = status is >= 300 and < 400 ? $"The answer was {status}: redirects are not followed." : $"The answer was {status}.";
        return new WebhookAttempt(false, status, failure, Asked(answer.Headers.RetryAfter));
    }

    TimeSpan? Asked(RetryConditionHeaderValue? header) => header switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - time.GetUtcNow(),
        _ => null,
    };

    async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var host = context.DnsEndPoint.Host;
        var found = IPAddress.TryParse(host, out var literal) ? [literal] : await resolve(host, cancellation);
        Exception failure = new WebhookAddressException("Its name leads to no address of the public internet.");
        foreach (var address in found)
        {
            if (!addresses.Allows(address)) continue;
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception e)
            {
                socket.Dispose();
                if (e is not SocketException) throw;
                failure = e;
            }
        }
        throw failure;
    }

    // in few words: what a receiver, or a name, says of itself stays out of our tables
    static string Reason(HttpRequestException e) => e.InnerException switch
    {
        WebhookAddressException refused => refused.Message,
        AuthenticationException => "TLS could not be agreed on: is the certificate good for this name?",
        SocketException socket => Reason(socket),
        _ => e.HttpRequestError switch
        {
            HttpRequestError.ResponseEnded => "The connection ended before the answer.",
            HttpRequestError.InvalidResponse => "The answer was not HTTP.",
            HttpRequestError.ConfigurationLimitExceeded => "The answer's head was too large.",
            _ => $"It could not be sent ({e.HttpRequestError}).",
        },
    };

    static string Reason(SocketException e) => e.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain
        ? "Its name was not found." : $"It could not be connected to ({e.SocketErrorCode}).";
}
