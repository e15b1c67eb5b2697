using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>A session was ended under its transaction, which is rolled back.</summary>
internal sealed class SessionEndedException : Exception;

/// <summary>
/// The way from one node to the database and back: latency, lost requests and answers, stragglers, partitions. What is done
/// at the database runs in the database's process; what the node awaits continues in the node's.
/// </summary>
internal sealed class DatabaseLink(SimulatedScheduler scheduler, SimulatedDatabase database, SimulatedProcess node, FaultPlan faults)
{
    public Dice Dice => faults.Dice;

    /// <summary>What is counted.</summary>
    public RunTally Tally => faults.Tally;

    /// <summary>Whether the node is cut off.</summary>
    public bool Partitioned { get; set; }

    /// <summary>A call that writes nothing that anybody would have to settle: broken, it throws that the store is unavailable.</summary>
    public Task<T> Ask<T>(string name, CancellationToken cancellation, Func<Session, Task<T>> work)
    {
        var call = new Call<T>(name, (_, why) => throw new StoreUnavailableException(why));
        if (cancellation.CanBeCanceled)
            cancellation.Register(() => call.Completion.TrySetCanceled(cancellation));
        Send(call, work);
        return call.Completion.Task;
    }

    /// <summary>A call that appends: broken, it answers what is known.</summary>
    public Task<AppendAnswer> Append(string name, Func<Session, Task<AppendAnswer>> work)
    {
        var call = new Call<AppendAnswer>(name, (sent, why) => new AppendAnswer(sent ? AppendStatus.Unknown : AppendStatus.NotWritten, why));
        Send(call, work);
        return call.Completion.Task;
    }

    /// <summary>
    /// A call that talks back and forth. What breaks before the commit is sent is rolled back, and known to be; see
    /// <see cref="SendCommit"/> for what comes after.
    /// </summary>
    public Task<AppendAnswer> Converse(string name, Func<Session, Task<AppendAnswer>> work)
    {
        var call = new Call<AppendAnswer>(name, (sent, why) => new AppendAnswer(sent ? AppendStatus.Unknown : AppendStatus.NotWritten, why)) { Converses = true };
        Send(call, work);
        return call.Completion.Task;
    }

    /// <summary>The last message of a conversation: from here on only the fence can tell.</summary>
    public async Task SendCommit(Session session)
    {
        session.CommitSent = true;
        if (faults.Strikes(FaultKind.RequestLost)) throw new SessionEndedException();
        if (!faults.Strikes(FaultKind.Straggler)) return;
        session.BreakClient();
        await Delay(Dice.Milliseconds(3, Dice.Chance(0.5) ? 30 : 4_000));
    }

    /// <summary>Has the node run something in the middle of a transaction, and waits for it.</summary>
    public async Task CallBack(Func<Task> run)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Delay(Latency());
        if (Partitioned) await Forever();
        node.Post(_ => Forward(run, done), null);
        await done.Task;
        await Delay(Latency());
        if (Partitioned) await Forever();
    }

    /// <summary>Whether the client stalls in the middle of what it sends.</summary>
    public bool Stalls() => faults.Strikes(FaultKind.Stall);

    /// <summary>How long it stalls.</summary>
    public Task StallTime() => Delay(Dice.Milliseconds(100, 9_000));

    /// <summary>
    /// A commit: its write to disk, and the standby's word where that is waited for. Throws when the session was ended before it
    /// was heard of. False: the wait for the standby was cancelled; it is committed, and the standby may not have it.
    /// </summary>
    public async Task<bool> Commit(Session session, Action commit)
    {
        if (!session.Alive) throw new SessionEndedException();
        await Delay(Dice.Milliseconds(0.2, Dice.Chance(0.05) ? 60 : 1.5));
        if (!session.Alive) throw new SessionEndedException();
        if (!database.Synchronous)
        {
            commit();
            return true;
        }
        session.Durable = commit;
        // who gives up waiting does so because the standby is away, and is not the only one
        var cancelled = faults.Strikes(FaultKind.SyncWaitCancelled) || (database.StandbyAway && faults.Has(FaultKind.SyncWaitCancelled) && Dice.Chance(0.6));
        if (cancelled && faults.On) database.LoseStandby(Dice.Milliseconds(100, 2_000));
        if (cancelled) database.OnWaitGivenUp?.Invoke(true);
        await Delay(cancelled ? Dice.Milliseconds(0.1, 50) : database.StandbyWait);
        if (session.Durable is null) throw new SessionEndedException();
        session.Durable = null;
        commit();
        if (!cancelled) database.Received();
        return !cancelled;
    }

    /// <summary>Whether PostgreSQL finds that this cannot be put in an order with what others did, or takes it for the victim of a deadlock.</summary>
    public string? Conflict() => faults.Strikes(FaultKind.SerializationFailure) ? "could not serialize access due to concurrent update"
        : faults.Strikes(FaultKind.Deadlock) ? "deadlock detected" : null;

    void Send<T>(Call<T> call, Func<Session, Task<T>> work)
    {
        scheduler.Note(call.Name.Length * 31 + call.Name[0]);
        database.Process.Post(_ => Guard(Carry(call, work)), null);
    }

    async Task Carry<T>(Call<T> call, Func<Session, Task<T>> work)
    {
        var losses = database.Losses;
        if (Partitioned || faults.Strikes(FaultKind.NotSent))
        {
            // a partition is noticed by a timeout, a closed port at once
            await Delay(Partitioned && Dice.Chance(0.5) ? Dice.Milliseconds(500, 3_000) : Dice.Milliseconds(0.2, 5));
            call.Break(sent: false, "could not connect");
            return;
        }
        if (!call.Converses && faults.Strikes(FaultKind.RequestLost))
        {
            await Delay(Dice.Milliseconds(1, 2_500));
            call.Break(sent: true, "the connection broke");
            return;
        }
        if (!call.Converses && faults.Strikes(FaultKind.Straggler))
        {
            Guard(BreakAfter(call, Dice.Milliseconds(0.1, 3)));
            await Delay(Dice.Milliseconds(3, Dice.Chance(0.5) ? 30 : 4_000));
        }
        // what is sent into a connection of which nobody has noticed that it is gone
        if (!call.Converses && faults.Strikes(FaultKind.HalfOpen))
        {
            Guard(BreakAfter(call, Dice.Milliseconds(3_000, 14_000)));
            if (Dice.Chance(0.5)) return;
            call.Silent = true;
        }
        await Delay(faults.Strikes(FaultKind.Slow) ? Dice.Milliseconds(50, 2_500) : Latency());
        if (database.Down)
        {
            call.Break(sent: !call.Converses && Dice.Chance(0.3), "the database system is starting up");
            return;
        }
        // what a pooler held for a primary that fell lands on its successor, but with fences lost too no promise could be kept
        if (database.Losses != losses)
        {
            call.Break(sent: !call.Converses, "the connection broke");
            return;
        }
        await Serve(call, work);
    }

    async Task Serve<T>(Call<T> call, Func<Session, Task<T>> work)
    {
        faults.Tally.Messages++;
        var session = database.Open(node);
        session.CommitSent = !call.Converses;
        session.BreakClient = () => call.Break(sent: true, "the connection broke");
        try
        {
            var result = await work(session);
            database.Close(session);
            if (Partitioned || faults.Strikes(FaultKind.AnswerLost) || (!session.Alive && Dice.Chance(0.5)))
            {
                await Delay(Dice.Milliseconds(0.2, 2_500));
                call.Break(session.CommitSent, "the connection broke");
                return;
            }
            if (call.Silent) return;
            await Delay(faults.Strikes(FaultKind.Slow) ? Dice.Milliseconds(50, 2_500) : Latency());
            faults.Tally.Messages++;
            call.Completion.TrySetResult(result);
        }
        catch (SessionEndedException)
        {
            database.Close(session);
            await Delay(Latency());
            call.Break(session.CommitSent, "terminating connection due to administrator command");
        }
        catch (StoreUnavailableException e)
        {
            database.Close(session);
            await Delay(Latency());
            call.Completion.TrySetException(e);
        }
    }

    async Task BreakAfter<T>(Call<T> call, TimeSpan after)
    {
        await Delay(after);
        call.Break(sent: true, "the connection broke");
    }

    async void Forward(Func<Task> run, TaskCompletionSource done)
    {
        await run();
        done.TrySetResult();
    }

    // an async void would do, but its exception must reach the scheduler with its cause
    static async void Guard(Task task) => await task;

    Task Delay(TimeSpan time) => database.Process.Time.Wait(time);

    static Task Forever() => new TaskCompletionSource().Task;

    TimeSpan Latency() => Dice.Milliseconds(0.03, Dice.Chance(0.03) ? 20 : 0.5);

    sealed class Call<T>(string name, Func<bool, string, T> broken)
    {
        public string Name => name;

        /// <summary>Whether the node has a say in the middle of it.</summary>
        public bool Converses { get; init; }

        /// <summary>Whether its answer goes nowhere.</summary>
        public bool Silent { get; set; }

        // not RunContinuationsAsynchronously: a bounded wait for it would hop to the thread pool; awaits go by their context anyway
        public TaskCompletionSource<T> Completion { get; } = new();

        public void Break(bool sent, string why)
        {
            try
            {
                Completion.TrySetResult(broken(sent, why));
            }
            catch (StoreUnavailableException e)
            {
                Completion.TrySetException(e);
            }
        }
    }
}
