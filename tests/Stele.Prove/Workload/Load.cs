using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>Everybody who uses the system in a run: clients that read and write, and watchers on every node.</summary>
internal sealed class Load : IDisposable
{
    // enough to overlap all the time, and little enough that the machine is not what is measured
    const int Sessions = 9, Readers = 3;

    static readonly TimeSpan think = TimeSpan.FromMilliseconds(40);

    readonly CancellationTokenSource stopWrites = new(), stopWatching = new();
    readonly Recorder recorder;
    readonly Stack stack;
    readonly List<Session> sessions;
    readonly List<Watcher> watchers;
    readonly List<Task> running = [], watching = [];

    public Load(Stack stack, Recorder recorder, int seed)
    {
        (this.stack, this.recorder) = (stack, recorder);
        sessions = [.. Enumerable.Range(0, Sessions + Readers).Select(number => new Session(number, (seed * 1_000) + number, stack.Nodes, recorder, think, readsOnly: number >= Sessions))];
        watchers = [.. Enumerable.Range(0, stack.Nodes.Count).SelectMany(node => (Watcher[])
        [
            new Watcher($"watcher{node + 1}", node, roams: false, "prove.", null, stack.Nodes, recorder),
            new Watcher($"roamer{node + 1}", node, roams: true, $"prove.k{node + 1}.", "config", stack.Nodes, recorder),
        ])];
    }

    public void Start()
    {
        foreach (var watcher in watchers) watching.Add(Task.Run(() => watcher.Run(stopWatching.Token)));
        foreach (var session in sessions) running.Add(Task.Run(() => session.Run(stopWrites.Token)));
    }

    /// <summary>Ends the clients; then one last change set that every watcher sees, up to which all must be level.</summary>
    public async Task Finish(TimeSpan patience)
    {
        await stopWrites.CancelAsync();
        await Task.WhenAll(running);
        using var caller = new Caller("last", stack.Nodes, recorder);
        List<WrittenItem> changes = [.. Enumerable.Range(0, stack.Nodes.Count + 1).Select(i => new WrittenItem("set", "config", Caller.Environment, $"prove.k{i}.last") { Value = ItemJson.Raw("last-1") })];
        await Pause.Until("the last write is acknowledged", patience, async () => (await caller.Write(0, "last-1", "last-1-key", changes)).Ending == Ending.Ok, CancellationToken.None);
        var head = await StoredJournal.Head(stack.Postgres.Primary);
        // who is not is found by the checks
        try
        {
            await Pause.Until("watchers are level", patience, () => Task.FromResult(watchers.TrueForAll(watcher => watcher.Revision >= head)), CancellationToken.None);
        }
        catch (TimeoutException)
        {
            Late = [.. watchers.Where(watcher => watcher.Revision < head).Select(watcher => $"{watcher.Name} is at revision {watcher.Revision} of {head}, {patience.TotalSeconds:0} s after the last fault")];
        }
        foreach (var watcher in watchers) watcher.IsLevel();
        await stopWatching.CancelAsync();
        await Task.WhenAll(watching);
    }

    /// <summary>Watchers that were not level in time.</summary>
    public IReadOnlyList<string> Late { get; private set; } = [];

    public void Dispose()
    {
        stopWrites.Cancel();
        stopWatching.Cancel();
        foreach (var session in sessions) session.Dispose();
        stopWrites.Dispose();
        stopWatching.Dispose();
    }
}
