using System.Net;
using System.Net.Sockets;
using Stele.Core.Webhooks;
using Stele.Server.Outbound.Webhooks;
using Xunit;

namespace Stele.Server.Tests.Outbound.Webhooks;

/// <summary>Where messages may not go, whatever an address says, a name leads to, or a receiver answers.</summary>
public sealed class WebhookSenderTests
{
    static readonly WebhookMessage Message = new("msg_x", "{}"u8.ToArray());

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.1.2.3")]
    [InlineData("100.64.0.1")]
    [InlineData("100.127.255.255")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.0.0.192")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("239.255.255.255")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("::127.0.0.1")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("100::1")]
    [InlineData("2001::1")]
    [InlineData("2001:db8::1")]
    [InlineData("2002:7f00:1::")]
    [InlineData("3fff::1")]
    [InlineData("fc00::1")]
    [InlineData("fd12:3456::1")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    public void What_is_not_of_the_public_internet_is_refused(string address) => Assert.False(new WebhookAddresses([]).Allows(IPAddress.Parse(address)), address);

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("100.63.255.255")]
    [InlineData("100.128.0.0")]
    [InlineData("172.32.0.0")]
    [InlineData("223.255.255.255")]
    [InlineData("::ffff:1.1.1.1")]
    [InlineData("2606:4700::1111")]
    public void What_is_of_it_is_not(string address) => Assert.True(new WebhookAddresses([]).Allows(IPAddress.Parse(address)), address);

    [Fact]
    public void What_the_operator_names_is_allowed_and_nothing_beside_it()
    {
        var addresses = new WebhookAddresses([IPNetwork.Parse("10.20.0.0/16")]);
        Assert.True(addresses.Allows(IPAddress.Parse("10.20.255.255")));
        Assert.True(addresses.Allows(IPAddress.Parse("::ffff:10.20.0.1")));
        Assert.False(addresses.Allows(IPAddress.Parse("10.21.0.0")));
    }

    [Fact]
    public async Task A_name_that_leads_inside_is_not_connected_to()
    {
        await using var receiver = await WebhookReceiver.Start();
        var port = new Uri(receiver.Url).Port;
        using var sender = Sender([], IPAddress.Loopback, IPAddress.IPv6Loopback);
        var attempt = await sender.Send($"http://innocent.example:{port}/", Message, [new byte[32]], CancellationToken.None);
        Assert.Equal((false, null, "Its name leads to no address of the public internet."), (attempt.Arrived, attempt.Status, attempt.Failure));
        Assert.Empty(receiver.All);

        // the same name, when the operator allows where it leads
        using var allowed = Sender([IPNetwork.Parse("127.0.0.0/8")], IPAddress.Parse("192.168.0.1"), IPAddress.Loopback);
        Assert.True((await allowed.Send($"http://innocent.example:{port}/", Message, [new byte[32]], CancellationToken.None)).Arrived);
        Assert.Single(receiver.All);
    }

    [Theory]
    [InlineData("http://127.1/", "url.address")]
    [InlineData("http://2130706433/", "url.address")]
    [InlineData("http://0x7f.1/", "url.address")]
    [InlineData("http://[::ffff:7f00:1]/", "url.address")]
    [InlineData("http://[64:ff9b::7f00:1]/", "url.address")]
    [InlineData("http://1.1.1.1/", null)]
    public void An_address_in_other_clothes_is_the_same_address(string url, string? rule)
    {
        using var sender = Sender([], IPAddress.Loopback);
        Assert.Equal(rule, sender.Refuses(url)?.Rule);
    }

    [Fact]
    public async Task Without_the_option_plain_http_is_refused()
    {
        using var sender = new WebhookSender(new WebhookAddresses([]), false, TimeProvider.System, (_, _) => Task.FromResult<IPAddress[]>([]));
        Assert.Equal("url.https", sender.Refuses("http://example.com")?.Rule);
        Assert.Null(sender.Refuses("https://example.com"));
        Assert.False((await sender.Send("http://example.com", Message, [new byte[32]], CancellationToken.None)).Arrived);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_and_a_long_answer_is_not_read()
    {
        await using var receiver = await WebhookReceiver.Start();
        using var sender = Sender([IPNetwork.Parse("127.0.0.0/8")], IPAddress.Loopback);
        receiver.Answer = (context, _) =>
        {
            (context.Response.StatusCode, context.Response.Headers.Location) = (308, receiver.Url);
            return Task.CompletedTask;
        };
        Assert.Equal(308, (await sender.Send(receiver.Url, Message, [new byte[32]], CancellationToken.None)).Status);
        Assert.Single(receiver.All);
        receiver.Answer = static async (context, _) =>
        {
            // for ever, or until it is hung up on
            try
            {
                while (true) await context.Response.Body.WriteAsync(new byte[1 << 16], context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                // hung up on
            }
        };
        Assert.True((await sender.Send(receiver.Url, Message, [new byte[32]], CancellationToken.None)).Arrived);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_an_answer_so_many_bytes_are_waited_for_and_with_one_more_it_is_hung_up_on(bool saysLength)
    {
        await using var receiver = await WebhookReceiver.Start();
        using var sender = Sender([IPNetwork.Parse("127.0.0.0/8")], IPAddress.Loopback);
        var (most, hungUp) = ((int)WebhookLimits.AnswerBytes.Value, new TaskCompletionSource());
        var connections = new List<string>();
        // all but the last of so many; the last one comes when the test says so, or never
        Task<WebhookAttempt> Send(int bytes, Task last, TaskCompletionSource begun)
        {
            receiver.Answer = async (context, _) =>
            {
                connections.Add(context.Connection.Id);
                if (saysLength) context.Response.ContentLength = bytes;
                await context.Response.Body.WriteAsync(new byte[bytes - 1]);
                await context.Response.Body.FlushAsync();
                begun.SetResult();
                try
                {
                    await last.WaitAsync(context.RequestAborted);
                    await context.Response.Body.WriteAsync(new byte[1]);
                }
                catch (OperationCanceledException)
                {
                    hungUp.SetResult();
                }
            };
            return sender.Send(receiver.Url, Message, [new byte[32]], CancellationToken.None);
        }

        var (rest, began) = (new TaskCompletionSource(), new TaskCompletionSource());
        var sending = Send(most, rest.Task, began);
        await began.Task;
        Assert.False(sending.IsCompleted);
        rest.SetResult();
        Assert.True((await sending).Arrived);
        // of one that says its length nothing is waited for; of the other it is seen when there is more
        sending = Send(most + 2, new TaskCompletionSource().Task, new TaskCompletionSource());
        Assert.True((await sending).Arrived);
        await hungUp.Task.WaitAsync(TimeSpan.FromSeconds(20));
        // what was read to its end left its connection to the next
        Assert.Equal(2, connections.Count);
        Assert.Single(connections.Distinct());
    }

    [Fact]
    public async Task An_attempt_lasts_so_long_and_no_longer()
    {
        await using var receiver = await WebhookReceiver.Start();
        var clock = new TimerClock();
        using var sender = new WebhookSender(new WebhookAddresses([IPNetwork.Parse("127.0.0.0/8")]), true, clock, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        var (asked, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        receiver.Answer = async (context, _) =>
        {
            asked.TrySetResult();
            await answer.Task.WaitAsync(context.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
        };
        foreach (var late in (bool[])[false, true])
        {
            (asked, answer) = (new(), new());
            var sending = sender.Send(receiver.Url, Message, [new byte[32]], CancellationToken.None);
            await asked.Task;
            clock.Turn(TimeSpan.FromSeconds(WebhookLimits.AttemptSeconds.Value) - TimeSpan.FromMilliseconds(1));
            Assert.False(sending.IsCompleted);
            if (late) clock.Turn(TimeSpan.FromMilliseconds(1));
            else answer.SetResult();
            var attempt = await sending;
            Assert.Equal((!late, late ? $"There was no answer within {WebhookLimits.AttemptSeconds.Value} s." : null), (attempt.Arrived, attempt.Failure));
        }
    }

    [Fact]
    public async Task Nothing_that_a_receiver_says_is_in_the_failure()
    {
        using var sender = Sender([IPNetwork.Parse("127.0.0.0/8")], IPAddress.Loopback);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var sending = sender.Send($"http://127.0.0.1:{port}/", Message, [new byte[32]], CancellationToken.None);
        using (var socket = await listener.AcceptSocketAsync())
        {
            await socket.SendAsync("SSH-2.0-secret-banner\r\n"u8.ToArray());
            socket.Shutdown(SocketShutdown.Send);
            var attempt = await sending;
            Assert.Equal((false, null, "The answer was not HTTP."), (attempt.Arrived, attempt.Status, attempt.Failure));
        }
        listener.Stop();
        Assert.Contains("ConnectionRefused", (await sender.Send($"http://127.0.0.1:{port}/", Message, [new byte[32]], CancellationToken.None)).Failure!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pause_that_is_asked_for_is_heard()
    {
        await using var receiver = await WebhookReceiver.Start();
        using var sender = Sender([IPNetwork.Parse("127.0.0.0/8")], IPAddress.Loopback);
        receiver.Answer = static (context, _) =>
        {
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = "17";
            return Task.CompletedTask;
        };
        Assert.Equal(TimeSpan.FromSeconds(17), (await sender.Send(receiver.Url, Message, [new byte[32]], CancellationToken.None)).RetryAfter);
    }

    /// <summary>A clock that a test turns; its timers ring in the turn that reaches them.</summary>
    sealed class TimerClock : TimeProvider
    {
        readonly Lock gate = new();
        readonly List<(TimeSpan At, Action Ring)> timers = [];
        TimeSpan now;

        public void Turn(TimeSpan by)
        {
            List<(TimeSpan At, Action Ring)> due;
            lock (gate)
            {
                now += by;
                due = timers.FindAll(timer => timer.At <= now);
                timers.RemoveAll(timer => timer.At <= now);
            }
            foreach (var (_, ring) in due) ring();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            lock (gate) timers.Add((now + dueTime, () => callback(state)));
            return new Set();
        }

        sealed class Set : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
                // what rings once and is gone has nothing to give back
            }

            public ValueTask DisposeAsync() => default;
        }
    }

    static WebhookSender Sender(IPNetwork[] allowed, params IPAddress[] leadsTo) => new(new WebhookAddresses(allowed), true, TimeProvider.System, (_, _) => Task.FromResult(leadsTo));
}
