using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>Everybody who uses the system in a run: clients that read and write, and watchers on every node.</summary>
internal sealed class Load : IDisposable
{
    // enough to overlap all the time, and little enough that the machine is not what is measured
    const int Sessions = 9, Readers = 3, Others = 2;

    /// <summary>An organization beside the default one, with the same keys.</summary>
    public const string OtherOrg = "other";

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
        sessions = [.. Enumerable.Range(0, Sessions + Readers).Select(number => new Session(number, (seed * 1_000) + number, stack.Nodes, recorder, think, readsOnly: number >= Sessions)),
            .. Enumerable.Range(Sessions + Readers, Others).Select(number => new Session(number, (seed * 1_000) + number, stack.Nodes, recorder, think, org: OtherOrg))];
        watchers = [.. Enumerable.Range(0, stack.Nodes.Count).SelectMany(node => (Watcher[])
        [
            new Watcher($"watcher{node + 1}", node, roams: false, "prove.", null, stack.Nodes, recorder),
            new Watcher($"roamer{node + 1}", node, roams: true, $"prove.k{node + 1}.", "config", stack.Nodes, recorder),
        ]), new Watcher("watcher-other", 0, roams: true, "prove.", null, stack.Nodes, recorder, OtherOrg)];
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
        var heads = new Dictionary<string, long>();
        foreach (var org in StoredJournal.Orgs) heads[org] = await Last(org, patience);
        // who is not is found by the checks
        try
        {
            await Pause.Until("watchers are level", patience, () => Task.FromResult(watchers.TrueForAll(watcher => watcher.Revision >= heads[watcher.Org])), CancellationToken.None);
        }
        catch (TimeoutException)
        {
            Late = [.. watchers.Where(watcher => watcher.Revision < heads[watcher.Org]).Select(watcher => $"{watcher.Name} is at revision {watcher.Revision} of {heads[watcher.Org]}, {patience.TotalSeconds:0} s after the last fault")];
        }
        foreach (var watcher in watchers) watcher.IsLevel();
        await stopWatching.CancelAsync();
        await Task.WhenAll(watching);
    }

    /// <summary>Makes the other organization, with environments as the default one has them.</summary>
    public static async Task MakeOtherOrg(SteleNode node)
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{node.Port}") };
        http.DefaultRequestHeaders.Authorization = new("Bearer", node.Token);
        using var answer = await http.PostAsync(new Uri("/v1/orgs", UriKind.Relative), new StringContent($$"""{"name":"{{OtherOrg}}"}""", System.Text.Encoding.UTF8, "application/json"));
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException($"the other organization could not be made: {await answer.Content.ReadAsStringAsync()}");
    }

    // where the journal ends then
    async Task<long> Last(string org, TimeSpan patience)
    {
        using var caller = new Caller($"last-{org}", stack.Nodes, recorder, org);
        var tag = $"last-{org}";
        List<WrittenItem> changes = [.. Enumerable.Range(0, stack.Nodes.Count + 1).Select(i => new WrittenItem("set", "config", Caller.Environment, $"prove.k{i}.last") { Value = ItemJson.Raw(tag) })];
        await Pause.Until("the last write is acknowledged", patience, async () => (await caller.Write(0, tag, $"{tag}-key", changes)).Ending == Ending.Ok, CancellationToken.None);
        return await StoredJournal.Head(stack.Postgres.Primary, org);
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
