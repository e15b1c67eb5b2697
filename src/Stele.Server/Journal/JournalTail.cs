using Stele.Core.Journal;
using Stele.Server.Journal.Hints;

namespace Stele.Server.Journal;

/// <summary>
/// Keeps a node current and its deadlines kept: ticks, and polls the heads of all loaded orgs when no hint came. With no
/// hint carrier at all, every node is level within a poll.
/// </summary>
internal sealed class JournalTail(JournalNode node, TimeProvider time, JournalOptions options, JournalLog log)
{
    long polledAt;

    /// <summary>Runs until cancelled.</summary>
    public async Task Run(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(options.Tick, time);
        polledAt = time.GetTimestamp();
        Task poll = Task.CompletedTask;
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                // a poll may hang with the primary; deadlines are kept all the same
                if (poll.IsCompleted && time.GetElapsedTime(polledAt) >= options.Poll) poll = Poll();
                Guarded(node.Tick);
            }
        }
        catch (OperationCanceledException)
        {
            // the end of the node
        }
    }

    /// <summary>One tick and one poll, for tests and the simulation.</summary>
    public async Task RunOnce()
    {
        Guarded(node.Tick);
        await Poll();
    }

    /// <summary>What a hint carrier heard; does not wait for what comes of it.</summary>
    public void Hear(Hint hint)
    {
        if (hint.Revision is { } revision) _ = Hint(hint.Org, revision);
    }

    /// <summary>What somebody said of an org.</summary>
    public async Task Hint(OrgId org, long revision)
    {
        try
        {
            await node.Hint(org, revision);
        }
        catch (Exception e)
        {
            log.TailBroke(e);
        }
    }

    async Task Poll()
    {
        polledAt = time.GetTimestamp();
        try
        {
            await node.Poll();
        }
        catch (Exception e)
        {
            log.TailBroke(e);
        }
    }

    void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            log.TailBroke(e);
        }
    }
}
