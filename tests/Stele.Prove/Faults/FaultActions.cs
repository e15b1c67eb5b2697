using Npgsql;
using Stele.Prove.Network;
using Stele.Prove.Processes;
using Stele.Prove.Workload;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Faults;

/// <summary>Makes a step happen to a stack, takes it back, and waits until all is as before.</summary>
internal sealed class FaultActions(Stack stack, Recorder recorder)
{
    // within it everything has to be as before, once a fault is over
    static readonly TimeSpan recovery = TimeSpan.FromSeconds(60);

    const int AppendBytes = 600, AsksOfStrict = 3, AsksMax = 30;

    readonly List<RevisionStands> aside = [];

    static readonly TimeSpan again = TimeSpan.FromMilliseconds(150);

    PostgresPair Postgres => stack.Postgres;

    /// <summary>What deposed primaries had that the others did not: nobody may have been told that it is written, and who asked without proof may have seen it.</summary>
    public IReadOnlyList<RevisionStands> Aside => aside;

    /// <summary>The kinds that this machine can do, and why it cannot do the others. What breaks a condition of what is promised happens only where it is asked for.</summary>
    public static IReadOnlyList<FaultKind> Possible(Stack stack, IReadOnlyList<FaultKind>? only, out IReadOnlyList<string> impossible)
    {
        var reasons = new List<string>();
        var kinds = Enum.GetValues<FaultKind>().ToList();
        if (!stack.Postgres.Servers.All(server => server.HasDisk))
            Without("no file system could be mounted (that takes root, and a container that allows it)", FaultKind.PrimaryDiskFull);
        if (!stack.Nodes.Any(node => node.HasClock)) Without("libfaketime is not installed (Debian: apt-get install faketime)", FaultKind.NodeClockStepped);
        if (!stack.IsStrict && only?.Contains(FaultKind.PrimaryDeposed) is not true) Without("strong reads are not strict (--strict-reads on), and without them a deposed primary that nobody fences may answer stale ones", FaultKind.PrimaryDeposed);
        if (stack.Redis is null) Without("redis-server is not installed", FaultKind.RedisKilled, FaultKind.RedisFrozen, FaultKind.RedisFlushed);
        impossible = reasons;
        return kinds;

        void Without(string reason, params FaultKind[] some)
        {
            foreach (var kind in some)
                if (kinds.Remove(kind)) reasons.Add($"{kind} is left out: {reason}");
        }
    }

    /// <summary>The whole of it. Throws when the system does not come back.</summary>
    public async Task<FaultRecord> Run(FaultStep step, CancellationToken cancellation)
    {
        var from = recorder.Milliseconds;
        var detail = step.Part switch
        {
            "node" => await Node(step, cancellation),
            "postgres" => await Database(step, cancellation),
            _ => await Redis(step, cancellation),
        };
        var healed = recorder.Milliseconds;
        await Recover();
        return new FaultRecord(step, from, healed, recorder.Milliseconds, detail);
    }

    /// <summary>Waits until nothing is wrong any more.</summary>
    public async Task Recover()
    {
        await Postgres.UntilSynchronous();
        foreach (var node in stack.Nodes) await node.UntilReady(recovery);
    }

    async Task<string> Node(FaultStep step, CancellationToken cancellation)
    {
        var node = stack.Nodes[(step.Node - 1) % stack.Nodes.Count];
        switch (step.Kind)
        {
            case FaultKind.NodeKilled:
                await node.Kill();
                await Pause.For(step.Lasts / 2, cancellation);
                await node.Start();
                return $"node {node.Number}";
            case FaultKind.NodeStopped:
                await node.Stop();
                await node.Start();
                return $"node {node.Number}";
            case FaultKind.NodeFrozen:
                await node.Signal("STOP");
                await Pause.For(step.Lasts, cancellation);
                await node.Signal("CONT");
                return $"node {node.Number}";
            case FaultKind.NodeClockStepped:
                node = stack.Nodes.First(one => one.HasClock);
                var ahead = TimeSpan.FromSeconds((step.Dice % 2 == 0 ? 1 : -1) * (1.5 + step.Dice % 600 / 10.0));
                await node.StepClock(ahead);
                await Pause.For(step.Lasts, cancellation);
                await node.StepClock(TimeSpan.Zero);
                return $"node {node.Number}, by {ahead.TotalSeconds:0.0} s";
            case FaultKind.ClientsCutOff:
                return await During(step, [node.Clients], link => link.Hold((Way)(step.Dice % 2)), cancellation, $"node {node.Number}, {(Way)(step.Dice % 2)}");
            case FaultKind.ClientsSevered:
                return await Sever(step, [node.Clients], cancellation);
            case FaultKind.NodeStraggles:
                return await Straggle(step, node, cancellation);
            case FaultKind.NodeSevered:
                return await Sever(step, node.ToPostgres, cancellation);
            case FaultKind.NodeSlow:
                var slow = TimeSpan.FromMilliseconds(20 + step.Dice % 280);
                return await During(step, node.ToPostgres, link => link.Delay(slow), cancellation, $"node {node.Number}, by {slow.TotalMilliseconds:0} ms each way");
            default:
                return await During(step, node.ToPostgres, link =>
                {
                    if (step.Kind != FaultKind.NodeDeaf) link.Hold(Way.There);
                    if (step.Kind != FaultKind.NodeUnheard) link.Hold(Way.Back);
                }, cancellation, $"node {node.Number}");
        }
    }

    async Task<string> Database(FaultStep step, CancellationToken cancellation)
    {
        switch (step.Kind)
        {
            case FaultKind.PrimaryKilled:
                await Postgres.Primary.Kill();
                await Pause.For(step.Lasts / 4, cancellation);
                await Postgres.Revive(Postgres.Primary);
                return Postgres.Primary.Name;
            case FaultKind.PrimaryFrozen:
                return await Freeze(Postgres.Primary, step, cancellation);
            case FaultKind.PrimaryReplaced:
                await Postgres.FailOver();
                return $"{Postgres.Primary.Name} took over";
            case FaultKind.PrimaryVanished:
                return await Vanish(step, cancellation);
            case FaultKind.PrimaryDeposed:
                return await Depose(step, cancellation);
            case FaultKind.PrimaryDiskFull:
                return await FillDisk(step, cancellation);
            case FaultKind.SessionsEnded:
                return $"{await Repeat(step, EndSessionsSql, cancellation)} sessions";
            case FaultKind.CommitsCancelled:
                return await CancelCommits(step, cancellation);
            case FaultKind.StandbyKilled:
                await Postgres.Standby.Kill();
                await Pause.For(step.Lasts, cancellation);
                await Postgres.Revive(Postgres.Standby);
                return Postgres.Standby.Name;
            case FaultKind.StandbyFrozen:
                return await Freeze(Postgres.Standby, step, cancellation);
            case FaultKind.StandbySlow:
                var slow = TimeSpan.FromMilliseconds(20 + step.Dice % 180);
                return await During(step, [Postgres.Replication], link => link.Delay(slow), cancellation, $"by {slow.TotalMilliseconds:0} ms each way");
            default:
                return await During(step, [Postgres.Replication], HoldBoth, cancellation, Postgres.Standby.Name);
        }
    }

    // some at a time, chosen by chance, never those of this run or of replication
    const string EndSessionsSql = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name LIKE 'stele%' AND random() < 0.4
        """;

    // what waits for the standby has committed on the primary; cancelled, it reports success with a warning
    const string CancelCommitsSql = """
        SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
        """;

    async Task<string> Redis(FaultStep step, CancellationToken cancellation)
    {
        var redis = stack.Redis!;
        switch (step.Kind)
        {
            case FaultKind.RedisKilled:
                await redis.Kill();
                await Pause.For(step.Lasts, cancellation);
                await redis.Start();
                return "";
            case FaultKind.RedisFrozen:
                await redis.Signal("STOP");
                await Pause.For(step.Lasts, cancellation);
                await redis.Signal("CONT");
                return "";
            default:
                return await redis.Say("FLUSHALL");
        }
    }

    async Task<string> CancelCommits(FaultStep step, CancellationToken cancellation)
    {
        HoldBoth(Postgres.Replication);
        try
        {
            return $"{await Repeat(step, CancelCommitsSql, cancellation)} commits";
        }
        finally
        {
            Postgres.Replication.Heal();
        }
    }

    // as when its machine loses power: nobody resets the connections that were open
    async Task<string> Vanish(FaultStep step, CancellationToken cancellation)
    {
        var at = Postgres.Primary == Postgres.Servers[0] ? 0 : 1;
        List<FaultyLink> links = [.. stack.Nodes.Select(node => node.ToPostgres[at])];
        foreach (var link in links) HoldBoth(link);
        try
        {
            await Postgres.FailOver(() => Pause.For(step.Lasts * 3, cancellation));
        }
        finally
        {
            foreach (var link in links)
            {
                link.Reset();
                link.Heal();
            }
        }
        return $"{Postgres.Primary.Name} took over";
    }

    // the old primary with one node on one side, the standby with the others on the other
    async Task<string> Depose(FaultStep step, CancellationToken cancellation)
    {
        var at = Postgres.Primary == Postgres.Servers[0] ? 0 : 1;
        var alone = stack.Nodes[(step.Node - 1) % stack.Nodes.Count];
        List<FaultyLink> links = [Postgres.Replication, .. stack.Nodes.Select(node => node.ToPostgres[node == alone ? 1 - at : at])];
        foreach (var link in links) HoldBoth(link);
        // what the standby has stands on both sides
        var (common, since) = (await StoredJournal.Heads(Postgres.Standby), (long)(recorder.Milliseconds * 1e3));
        try
        {
            await Postgres.Depose(async () =>
            {
                await AskBothSides(alone, step.Dice, cancellation);
                await Pause.For(step.Lasts * 2, cancellation);
            }, async old =>
            {
                // what nobody can reach any more, nobody sees either after it has been read
                HoldBoth(alone.ToPostgres[at]);
                aside.AddRange(await StoredJournal.After(old, common, since));
            });
        }
        finally
        {
            foreach (var link in links.Append(alone.ToPostgres[at]))
            {
                link.Reset();
                link.Heal();
            }
        }
        return $"{Postgres.Primary.Name} took over, node {alone.Number} stayed with the old one";
    }

    // the fault begins when the others have found the new one and write there; whoever then asks the old one's side, without proof, is told of before
    async Task AskBothSides(SteleNode alone, int number, CancellationToken cancellation)
    {
        using var caller = new Caller($"deposer{number}", stack.Nodes, recorder);
        var (old, tag) = (stack.Nodes.ToList().IndexOf(alone), $"deposed-{number}");
        var item = new WrittenItem("set", "config", Caller.Environment, "prove.k0.deposed") { Value = ItemJson.Raw(tag) };
        for (var turn = 1; ; turn++)
        {
            var other = (old + 1 + turn % (stack.Nodes.Count - 1)) % stack.Nodes.Count;
            if ((await caller.Write(other, tag, $"{tag}-key", [item])).Ending == Ending.Ok) break;
            if (turn == AsksMax) throw new TimeoutException("the new primary's side does not write");
            await Pause.For(again, cancellation);
        }
        for (var turn = 1; turn <= (stack.IsStrict ? AsksOfStrict : AsksMax); turn++)
        {
            if ((await caller.Read(old, "strong", new ItemName("config", Caller.Environment, item.Key))).Ending == Ending.Ok) return;
            await Pause.For(again, cancellation);
        }
        if (!stack.IsStrict) throw new TimeoutException("the old primary's side answers nobody");
    }

    // an append is larger than what a node asks
    async Task<string> Straggle(FaultStep step, SteleNode node, CancellationToken cancellation)
    {
        var before = node.ToPostgres.Sum(link => link.Cuts);
        var late = step.Lasts * (0.3 + step.Dice % 100 / 100.0);
        await During(step, node.ToPostgres, link => link.Straggle(late, AppendBytes), cancellation, "");
        // the last of them arrives
        await Pause.For(late, cancellation);
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"node {node.Number}: {node.ToPostgres.Sum(link => link.Cuts) - before} by {late.TotalSeconds:0.0} s");
    }

    async Task<string> FillDisk(FaultStep step, CancellationToken cancellation)
    {
        var primary = Postgres.Primary;
        await primary.FillDisk();
        await Pause.For(step.Lasts, cancellation);
        await primary.EmptyDisk();
        var fell = !primary.IsRunning;
        await Postgres.Revive(primary);
        return fell ? "the primary ended by itself, and was started again" : "the primary went on";
    }

    async Task<string> Freeze(PostgresServer server, FaultStep step, CancellationToken cancellation)
    {
        await server.Signal("STOP");
        await Pause.For(step.Lasts, cancellation);
        await server.Signal("CONT");
        return server.Name;
    }

    static async Task<string> During(FaultStep step, IReadOnlyList<FaultyLink> links, Action<FaultyLink> begin, CancellationToken cancellation, string detail)
    {
        foreach (var link in links) begin(link);
        try
        {
            await Pause.For(step.Lasts, cancellation);
        }
        finally
        {
            foreach (var link in links) link.Heal();
        }
        return detail;
    }

    async Task<string> Sever(FaultStep step, IReadOnlyList<FaultyLink> links, CancellationToken cancellation)
    {
        var dice = new Random(step.Dice);
        var before = links.Sum(link => link.Cuts);
        for (var until = recorder.Milliseconds + step.Lasts.TotalMilliseconds; recorder.Milliseconds < until && !cancellation.IsCancellationRequested;)
        {
            foreach (var link in links) link.CutAfter(1 + dice.Next(4_000));
            await Pause.For(again, cancellation);
        }
        foreach (var link in links) link.Heal();
        return $"{links[0].Name}: {links.Sum(link => link.Cuts) - before} cut";
    }

    async Task<long> Repeat(FaultStep step, string sql, CancellationToken cancellation)
    {
        long count = 0;
        for (var until = recorder.Milliseconds + step.Lasts.TotalMilliseconds; recorder.Milliseconds < until && !cancellation.IsCancellationRequested;)
        {
            try
            {
                count += await Postgres.Primary.Ask<long>(sql, "postgres");
            }
            catch (NpgsqlException)
            {
                // it may be its own turn to be ended
            }
            await Pause.For(again, cancellation);
        }
        return count;
    }

    static void HoldBoth(FaultyLink link)
    {
        link.Hold(Way.There);
        link.Hold(Way.Back);
    }
}
