using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Stele.Bench.Peers;

namespace Stele.Bench.Load;

/// <summary>
/// Open-loop load: requests are due at fixed moments whatever the server does, and each latency counts from the moment
/// at which its request was due, so that a stall of the server shows in every request that it held up (no coordinated
/// omission). wrk is closed-loop and cannot do this. One thread over ppoll(2), since a timer of the runtime is a
/// millisecond off. Linux only.
/// </summary>
internal static partial class OpenLoop
{
    /// <param name="peer">Whom.</param>
    /// <param name="connections">How many, each with one request under way.</param>
    /// <param name="perSecond">Requests due a second.</param>
    /// <param name="seconds">For how long they are due.</param>
    /// <param name="requests">Sent in turn.</param>
    /// <param name="untilAnswered">Whether all are waited for; else what is not answered in time is left, as of a peer that takes less than is due.</param>
    public static Measurement Run(Peer peer, int connections, double perSecond, double seconds, IReadOnlyList<PlainRequest> requests, bool untilAnswered = true)
    {
        var wires = requests.Select(request => Wire(peer, request)).ToArray();
        var lines = Enumerable.Range(0, connections).Select(_ => new Line(peer.Address)).ToArray();
        try
        {
            var before = peer.Process?.CpuSeconds() ?? 0;
            var (latencies, refused, elapsed) = Drive(lines, wires, perSecond, seconds, untilAnswered);
            var cpu = (peer.Process?.CpuSeconds() ?? 0) - before;
            latencies.Sort();
            double At(double share) => latencies.Count == 0 ? 0 : latencies[Math.Min(latencies.Count - 1, (int)(latencies.Count * share))];
            return new Measurement(latencies.Count / elapsed, At(0.5), At(0.9), At(0.99), At(1), latencies.Count, refused, 0)
            {
                CpuMicroseconds = cpu * 1e6 / Math.Max(1, latencies.Count),
            };
        }
        finally
        {
            foreach (var line in lines) line.Dispose();
        }
    }

    static (List<double> Latencies, long Refused, double Elapsed) Drive(Line[] lines, byte[][] wires, double perSecond, double seconds, bool untilAnswered)
    {
        var total = (long)(perSecond * seconds);
        var interval = Stopwatch.Frequency / perSecond;
        var latencies = new List<double>((int)total);
        var idle = new Stack<int>(Enumerable.Range(0, lines.Length));
        var polls = new PollEntry[lines.Length];
        var busy = new int[lines.Length];
        long sent = 0, refused = 0, start = Stopwatch.GetTimestamp();
        while (latencies.Count < total && (untilAnswered || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds))
        {
            for (long now = Stopwatch.GetTimestamp(), due; sent < total && idle.Count > 0 && (due = start + (long)(sent * interval)) <= now; sent++)
                lines[idle.Pop()].Send(wires[sent % wires.Length], due);
            var nanoseconds = sent < total && idle.Count > 0
                ? Math.Max(0, (long)((start + sent * interval - Stopwatch.GetTimestamp()) * 1e9 / Stopwatch.Frequency))
                : 1_000_000_000;
            var waiting = 0;
            for (var i = 0; i < lines.Length; i++)
            {
                if (!lines[i].Busy) continue;
                busy[waiting] = i;
                polls[waiting++] = new PollEntry { Handle = lines[i].Handle, Events = PollIn };
            }
            if (Wait(polls, waiting, nanoseconds) == 0) continue;
            for (var i = 0; i < waiting; i++)
            {
                if (polls[i].Returned == 0 || lines[busy[i]].Receive() is not { } status) continue;
                latencies.Add((Stopwatch.GetTimestamp() - lines[busy[i]].Due) * 1e3 / Stopwatch.Frequency);
                if (status is < 200 or > 299) refused++;
                idle.Push(busy[i]);
            }
        }
        return (latencies, refused, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    static byte[] Wire(Peer peer, PlainRequest request)
    {
        var text = new StringBuilder($"{request.Method} {request.Path} HTTP/1.1\r\nHost: {peer.Address.Authority}\r\n");
        foreach (var (name, value) in peer.Headers) text.Append(name).Append(": ").Append(value).Append("\r\n");
        if (request.Org is { } org) text.Append("Stele-Org: ").Append(org).Append("\r\n");
        if (request.Body.Length > 0) text.Append("Content-Length: ").Append(Encoding.UTF8.GetByteCount(request.Body)).Append("\r\n");
        return Encoding.UTF8.GetBytes(text.Append("\r\n").Append(request.Body).ToString());
    }

    const short PollIn = 1;

    static int Wait(PollEntry[] entries, int count, long nanoseconds)
    {
        var time = new TimeSpec { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        return PollPrecisely(entries, (nuint)count, ref time, 0);
    }

    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    private static partial int PollPrecisely([In, Out] PollEntry[] entries, nuint count, ref TimeSpec timeout, nint signals);

    [StructLayout(LayoutKind.Sequential)]
    struct PollEntry
    {
        public int Handle;
        public short Events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>One connection: at most one request under way, and just enough HTTP/1.1 to know where its answer ends.</summary>
    sealed class Line : IDisposable
    {
        readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        byte[] buffer = new byte[64 << 10];
        int filled;

        public Line(Uri address) => socket.Connect(address.Host, address.Port);

        public bool Busy { get; private set; }
        public long Due { get; private set; }
        public int Handle => (int)socket.Handle;

        public void Send(byte[] wire, long due)
        {
            (Busy, Due, filled) = (true, due, 0);
            socket.Send(wire);
        }

        /// <summary>The status when the whole answer has come, else null.</summary>
        public int? Receive()
        {
            if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
            var read = socket.Receive(buffer, filled, buffer.Length - filled, SocketFlags.None);
            if (read == 0) throw new IOException("The server closed the connection under load.");
            filled += read;
            var answer = buffer.AsSpan(0, filled);
            var end = answer.IndexOf("\r\n\r\n"u8);
            if (end < 0) return null;
            if (!IsWhole(answer[..(end + 2)], answer[(end + 4)..])) return null;
            Busy = false;
            return (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
        }

        public void Dispose() => socket.Dispose();

        static bool IsWhole(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
        {
            var at = head.IndexOf("Content-Length: "u8);
            if (at < 0) return head.IndexOf("chunked"u8) < 0 || body.EndsWith("0\r\n\r\n"u8);
            var length = 0;
            for (var i = at + 16; head[i] is >= (byte)'0' and <= (byte)'9'; i++) length = length * 10 + head[i] - '0';
            return body.Length >= length;
        }
    }
}
