using System.Threading.Channels;
using Stele.Core.Journal;

namespace Stele.Server.Journal.Hints;

/// <summary>
/// Hints of this node to the others, after each commit and outside its transaction, and theirs to it, on all carriers at
/// once. Each carrier alone is enough, and with none a node is level within a poll. Nobody waits for any of them.
/// </summary>
internal sealed class HintExchange(IEnumerable<IHintCarrier> carriers, TimeProvider time, JournalOptions options, HintMetrics metrics, ILogger<HintExchange> log)
{
    const int QueueMax = 1024;

    readonly IReadOnlyList<Line> lines = [.. carriers.Select(carrier => new Line(carrier, metrics.Of(carrier.Name)))];
    readonly Lock gate = new();
    Action<Hint> heard = static _ => { };

    /// <summary>Calls somebody with each hint, those that this node sends included; he returns at once.</summary>
    public void OnHint(Action<Hint> hear)
    {
        lock (gate) Volatile.Write(ref heard, heard + hear);
    }

    /// <summary>Tells the other nodes, and whoever listens on this one; never waits.</summary>
    public void Send(Hint hint)
    {
        foreach (var line in lines) line.Queue.Writer.TryWrite(hint);
        Volatile.Read(ref heard)(hint);
    }

    /// <summary>An org is at a revision.</summary>
    public void Send(OrgId org, long revision) => Send(new Hint(org, revision));

    /// <summary>Sends and listens until cancelled.</summary>
    public Task Run(CancellationToken cancellation) => Task.WhenAll(lines.SelectMany(line => new[]
    {
        Persist(line, token => SendAll(line, token), cancellation),
        Persist(line, token => line.Carrier.Listen(hint => Hear(line, hint), token), cancellation),
    }));

    void Hear(Line line, Hint hint)
    {
        line.Counters.Heard.Add();
        Volatile.Read(ref heard)(hint);
    }

    static async Task SendAll(Line line, CancellationToken cancellation)
    {
        var newest = new Dictionary<(OrgId, bool), Hint>();
        while (await line.Queue.Reader.WaitToReadAsync(cancellation))
        {
            newest.Clear();
            while (line.Queue.Reader.TryRead(out var hint)) newest[(hint.Org, hint.Revision is null)] = hint;
            await line.Carrier.Send(newest.Values, cancellation);
            line.Counters.Sent.Add(newest.Count);
        }
    }

    async Task Persist(Line line, Func<CancellationToken, Task> run, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await run(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                line.Counters.Failures.Add();
                // once for as long as it is away, and not at each attempt
                if (line.TryTell(time)) log.CarrierAway(line.Carrier.Name, e.Message);
                await Task.Delay(options.Poll, time, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }
    }

    /// <summary>A carrier, with what waits for it: only the newest hints of an org matter, so a full queue may drop the oldest.</summary>
    sealed class Line(IHintCarrier carrier, HintCounters counters)
    {
        static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);
        long toldAt = long.MinValue;

        public IHintCarrier Carrier => carrier;

        public HintCounters Counters => counters;

        public Channel<Hint> Queue { get; } = Channel.CreateBounded<Hint>(new BoundedChannelOptions(QueueMax) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

        public bool TryTell(TimeProvider time)
        {
            if (toldAt != long.MinValue && time.GetElapsedTime(toldAt) < Silence) return false;
            toldAt = time.GetTimestamp();
            return true;
        }
    }
}
