using System.Collections.Concurrent;
using Stele.Core.Journal;
using Stele.Server.Journal;
using Stele.Server.Journal.Hints;
using Stele.Server.Options;

namespace Stele.Server.Peers;

/// <summary>Answers one kind of question: may say something at once and more later, and returns the last of it.</summary>
/// <param name="ask">What is asked.</param>
/// <param name="sofar">Says what is known so far.</param>
/// <param name="cancellation">The end of the node.</param>
internal delegate Task<byte[]> PeerHandler(PeerAsk ask, Func<byte[], Task> sofar, CancellationToken cancellation);

/// <summary>
/// What a node asks all others, and they it: through PostgreSQL, which all of them reach, and told by hints. Nothing is written as long as nobody asks but a
/// beat, and on a node that is alone nobody is asked. A node that does not answer is said to have not.
/// </summary>
internal sealed class PeerExchange(PeerStore store, HintExchange hints, SteleOptions options, PeerOptions peers, TimeProvider time, ILogger<PeerExchange> log)
{
    readonly Guid self = Guid.CreateVersion7();
    readonly ConcurrentDictionary<string, PeerHandler> handlers = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<Guid, long> seen = [];
    readonly ConcurrentDictionary<PeerWait, OrgId> waits = [];
    readonly SemaphoreSlim working = new(peers.AtOnce);
    readonly SemaphoreSlim looking = new(1);
    int hinted;
    bool failed;

    /// <summary>Answers a kind of question from now on.</summary>
    public void Answers(string kind, PeerHandler handler) => handlers[kind] = handler;

    /// <summary>
    /// Asks all other nodes; null: there are none. Throws <see cref="StoreUnavailableException"/> when PostgreSQL is away.
    /// </summary>
    public Task<PeerWait?> Ask(OrgId org, string kind, byte[] body, TimeSpan left, CancellationToken cancellation) => Guard(async () =>
    {
        if ((await store.Others(self, cancellation)).Count == 0) return null;
        var ask = new PeerAsk(org, Guid.CreateVersion7(), kind, body, left);
        var wait = new PeerWait(ask, (asked, nodes, token) => Guard(() => store.Answers(asked, nodes, token)), one => waits.TryRemove(one, out _), peers, time);
        waits[wait] = org;
        await store.Ask(self, ask, cancellation);
        // after the question stands: who comes later finds it, and has nobody yet whom it would concern
        wait.Nodes = await store.Others(self, cancellation);
        hints.Send(new Hint(org, null));
        return wait;
    });

    /// <summary>A hint: something about an org was asked, or answered.</summary>
    public void Hear(Hint hint)
    {
        if (hint.Revision is not null) return;
        foreach (var (wait, org) in waits)
            if (org == hint.Org) wait.Wake();
        // one look is enough for all that come while it waits its turn
        if (Interlocked.Exchange(ref hinted, 1) == 0) _ = Look(CancellationToken.None);
    }

    /// <summary>Says that this node is there.</summary>
    public Task Announce(CancellationToken cancellation) => Beat(sweep: false, cancellation);

    /// <summary>Says again and again that this node is there, and looks for what is asked, until cancelled.</summary>
    public async Task Run(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(peers.Beat, time);
        try
        {
            for (var beats = 0; ; beats++)
            {
                await Beat(beats % 60 == 0, cancellation);
                await timer.WaitForNextTickAsync(cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
        try
        {
            await store.Leave(self, CancellationToken.None).WaitAsync(peers.Gone, time);
        }
        catch (Exception e) when (StoreFaults.IsAway(e) || e is TimeoutException)
        {
            // it is taken for gone before long
        }
    }

    async Task Beat(bool sweep, CancellationToken cancellation)
    {
        try
        {
            await store.Beat(self, options.Node, cancellation);
            if (sweep) await store.Sweep(cancellation);
            await Look(cancellation);
            failed = false;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // once, and not every second for as long as PostgreSQL is away
            if (!failed) log.BeatFailed(e.Message);
            failed = true;
        }
    }

    async Task Look(CancellationToken cancellation)
    {
        await looking.WaitAsync(cancellation);
        try
        {
            Volatile.Write(ref hinted, 0);
            foreach (var (id, at) in seen)
                if (time.GetElapsedTime(at) > TimeSpan.FromMinutes(5)) seen.TryRemove(id, out _);
            foreach (var (org, id) in await store.Asked(self, cancellation))
                if (seen.TryAdd(id, time.GetTimestamp())) _ = Work(org, id);
        }
        catch (Exception e) when (StoreFaults.IsAway(e))
        {
            // the next beat looks again
        }
        finally
        {
            looking.Release();
        }
    }

    async Task Work(OrgId org, Guid id)
    {
        await working.WaitAsync();
        try
        {
            if (await store.Read(org, id, CancellationToken.None) is not { } ask || !handlers.TryGetValue(ask.Kind, out var handler)) return;
            await Tell(ask, await handler(ask, sofar => Tell(ask, sofar, isFinal: false), CancellationToken.None), isFinal: true);
        }
        catch (Exception e)
        {
            log.AnswerFailed(e.Message);
        }
        finally
        {
            working.Release();
        }
    }

    async Task Tell(PeerAsk ask, byte[] body, bool isFinal)
    {
        await store.Answer(self, ask, body, isFinal, CancellationToken.None);
        hints.Send(new Hint(ask.Org, null));
    }

    static async Task<T> Guard<T>(Func<Task<T>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (StoreFaults.IsAway(e))
        {
            throw new StoreUnavailableException(e.Message, e);
        }
    }
}
