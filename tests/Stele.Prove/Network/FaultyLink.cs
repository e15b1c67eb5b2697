using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Stele.Prove.Network;

/// <summary>Which way bytes go: from who connected, or back to him.</summary>
internal enum Way
{
    /// <summary>From who connected to where he connected.</summary>
    There,
    /// <summary>Answers.</summary>
    Back,
}

/// <summary>
/// A TCP proxy on loopback between two of our processes, which can be told to misbehave as a network does: hold what goes one way or both
/// (nothing is lost, as TCP retransmits, and nobody is told), delay it, cut a connection after some bytes, or reset all.
/// </summary>
internal sealed class FaultyLink : IAsyncDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly ConcurrentDictionary<LinkConnection, byte> connections = new();
    readonly CancellationTokenSource stop = new();
    readonly TaskCompletionSource?[] held = new TaskCompletionSource?[2];
    readonly Task accepting;
    int straggleBytes;
    long delayMilliseconds, straggleMilliseconds, cutAfter = long.MaxValue, cuts;

    public FaultyLink(string name, Func<int> target)
    {
        (Name, Target) = (name, target);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = Accept();
    }

    public FaultyLink(string name, int target) : this(name, () => target) { }

    /// <summary>Such as "node 1 → postgres a".</summary>
    public string Name { get; }

    /// <summary>Where whoever should get to the target connects.</summary>
    public int Port { get; }

    /// <summary>Where the next connection goes.</summary>
    public Func<int> Target { get; }

    /// <summary>Connections that are open.</summary>
    public int Open => connections.Count;

    /// <summary>Connections that were cut in the middle.</summary>
    public long Cuts => Interlocked.Read(ref cuts);

    /// <summary>What goes this way stays where it is, connections that are made meanwhile included, until <see cref="Heal"/>.</summary>
    public void Hold(Way way) => Interlocked.CompareExchange(ref held[(int)way], new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);

    /// <summary>Everything takes this much longer, both ways.</summary>
    public void Delay(TimeSpan delay) => Interlocked.Exchange(ref delayMilliseconds, (long)delay.TotalMilliseconds);

    /// <summary>The connection that carries the n-th byte from now on, either way, is reset right after it.</summary>
    public void CutAfter(long bytes) => Interlocked.Exchange(ref cutAfter, bytes);

    /// <summary>
    /// Whoever sends this many bytes at once finds his connection reset, and what he sent arrives all the same, so much later: as when it was under
    /// way while somebody in the middle gave the connection up.
    /// </summary>
    public void Straggle(TimeSpan late, int bytes)
    {
        Volatile.Write(ref straggleBytes, bytes);
        Interlocked.Exchange(ref straggleMilliseconds, (long)late.TotalMilliseconds);
    }

    /// <summary>As good as new. What was held goes on its way, and what is late comes when it does.</summary>
    public void Heal()
    {
        Delay(TimeSpan.Zero);
        Straggle(TimeSpan.Zero, 0);
        CutAfter(long.MaxValue);
        foreach (var way in Enum.GetValues<Way>()) Interlocked.Exchange(ref held[(int)way], null)?.SetResult();
    }

    /// <summary>All connections are reset.</summary>
    public void Reset()
    {
        foreach (var connection in connections.Keys) connection.Reset();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        Heal();
        Reset();
        await accepting;
        stop.Dispose();
    }

    /// <summary>When bytes that came at a moment (of the machine's clock, in ms) may go on.</summary>
    internal long Due(long arrived) => arrived + Interlocked.Read(ref delayMilliseconds);

    /// <summary>Waits while this way is held.</summary>
    internal async ValueTask Pass(Way way, CancellationToken cancellation)
    {
        while (Volatile.Read(ref held[(int)way]) is { } gate) await gate.Task.WaitAsync(cancellation);
    }

    /// <summary>How many of these bytes may still go before the connection is reset.</summary>
    internal int Allow(int bytes)
    {
        if (Interlocked.Read(ref cutAfter) == long.MaxValue) return bytes;
        var left = Interlocked.Add(ref cutAfter, -bytes);
        if (left > 0) return bytes;
        // this connection is the one, and the only one until somebody asks again
        Interlocked.Exchange(ref cutAfter, long.MaxValue);
        Interlocked.Increment(ref cuts);
        return (int)Math.Max(0, bytes + left - 1);
    }

    /// <summary>How much later this arrives, when whoever sent it is told that it does not; zero: he is told nothing.</summary>
    internal TimeSpan Late(Way way, int bytes)
    {
        var late = Interlocked.Read(ref straggleMilliseconds);
        if (late == 0 || way != Way.There || bytes < Volatile.Read(ref straggleBytes)) return TimeSpan.Zero;
        Interlocked.Increment(ref cuts);
        return TimeSpan.FromMilliseconds(late);
    }

    internal void Forget(LinkConnection connection) => connections.TryRemove(connection, out _);

    async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var connection = new LinkConnection(this, await listener.AcceptSocketAsync(stop.Token));
                connections.TryAdd(connection, 0);
                _ = connection.Run(stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }
}
