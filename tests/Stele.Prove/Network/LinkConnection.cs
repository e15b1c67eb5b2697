using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Stele.Prove.Network;

/// <summary>One connection through a <see cref="FaultyLink"/>: two sockets, and a pump each way.</summary>
internal sealed class LinkConnection(FaultyLink link, Socket caller)
{
    // what a network holds of one connection; beyond it the sender waits, as TCP's window has it
    const int ChunksMax = 64, ChunkBytes = 16 << 10;

    readonly Socket target = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    int ended, straggles;

    public async Task Run(CancellationToken cancellation)
    {
        try
        {
            caller.NoDelay = true;
            // a SYN does not get through either
            await link.Pass(Way.There, cancellation);
            await target.ConnectAsync(IPAddress.Loopback, link.Target(), cancellation);
            await Task.WhenAll(Pump(caller, target, Way.There, cancellation), Pump(target, caller, Way.Back, cancellation));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // whoever is still there learns it below
        }
        Reset();
    }

    public void Reset()
    {
        // what is late goes on alone
        if (Volatile.Read(ref straggles) == 1 || Interlocked.Exchange(ref ended, 1) == 1) return;
        link.Forget(this);
        Cut(caller);
        Cut(target);
    }

    static void Cut(Socket socket)
    {
        try
        {
            // a reset, and not an orderly end
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // it was never connected, or is closed already
        }
        socket.Dispose();
    }

    async Task Pump(Socket from, Socket to, Way way, CancellationToken cancellation)
    {
        var chunks = Channel.CreateBounded<(long At, byte[] Bytes)>(ChunksMax);
        await Task.WhenAll(Take(from, chunks.Writer, way, cancellation), Give(to, chunks.Reader, way, cancellation));
    }

    async Task Take(Socket from, ChannelWriter<(long, byte[])> chunks, Way way, CancellationToken cancellation)
    {
        var buffer = new byte[ChunkBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, cancellation) is > 0 and var read)
                await chunks.WriteAsync((Environment.TickCount64, buffer.AsSpan(0, read).ToArray()), cancellation);
            chunks.Complete();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException or ChannelClosedException)
        {
            await Fail(way, cancellation);
            chunks.TryComplete();
        }
    }

    async Task Give(Socket to, ChannelReader<(long At, byte[] Bytes)> chunks, Way way, CancellationToken cancellation)
    {
        try
        {
            await foreach (var (at, bytes) in chunks.ReadAllAsync(cancellation))
            {
                for (long wait; (wait = link.Due(at) - Environment.TickCount64) > 0;) await Pause(wait, cancellation);
                await link.Pass(way, cancellation);
                if (link.Late(way, bytes.Length) is var late && late > TimeSpan.Zero)
                {
                    await Straggle(to, bytes, late, cancellation);
                    return;
                }
                var allowed = link.Allow(bytes.Length);
                await to.SendAsync(bytes.AsMemory(0, allowed), cancellation);
                if (allowed == bytes.Length) continue;
                Reset();
                return;
            }
            await link.Pass(way, cancellation);
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            await Fail(way == Way.There ? Way.Back : Way.There, cancellation);
        }
    }

    // whoever sent it is told that his connection is gone; it arrives, and is worked on, all the same
    async Task Straggle(Socket to, byte[] bytes, TimeSpan late, CancellationToken cancellation)
    {
        Volatile.Write(ref straggles, 1);
        Cut(caller);
        try
        {
            await Pause((long)late.TotalMilliseconds, cancellation);
            await to.SendAsync(bytes, cancellation);
            await Pause((long)late.TotalMilliseconds, cancellation);
        }
        finally
        {
            Volatile.Write(ref straggles, 0);
            Reset();
        }
    }

    // that one end is gone is news too, and travels as far as bytes do
    async Task Fail(Way way, CancellationToken cancellation)
    {
        try
        {
            await link.Pass(way, cancellation);
        }
        catch (OperationCanceledException)
        {
            // the end of the link
        }
        Reset();
    }

    static async Task Pause(long milliseconds, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(milliseconds));
        await timer.WaitForNextTickAsync(cancellation);
    }
}
