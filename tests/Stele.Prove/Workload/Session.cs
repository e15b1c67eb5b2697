using Stele.Prove.Processes;
using Stele.Simulation.Checking.Histories;

namespace Stele.Prove.Workload;

/// <summary>
/// One client: reads and writes at a node, and goes on to the next when that one fails it. A write whose end it does not know it sends
/// again with the same idempotency key, until it does; some have none. One that only reads never waits for a write, and so tells how long reads were away.
/// </summary>
internal sealed class Session(int number, int seed, IReadOnlyList<SteleNode> nodes, Recorder recorder, TimeSpan think, bool readsOnly = false, string org = Caller.Org) : IDisposable
{
    public const int Keys = 24, Flags = 6;

    // of a hundred requests so many write
    const int AttemptsMax = 40, Writes = 45;

    readonly Random dice = new(seed);
    readonly Caller caller = new($"client{number}", nodes, recorder, org);
    readonly Dictionary<string, long> versions = [];
    int at = number % nodes.Count, count;

    public static string Key(int i) => $"prove.k{i % 4}.{i}";

    public static string Flag(int i) => $"prove.f{i}";

    public async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var ending = (readsOnly ? Writes + dice.Next(100 - Writes) : dice.Next(100)) switch
            {
                < 25 => await Set(stop),
                < 29 => await Delete(stop),
                < 39 => await Change(stop),
                < Writes => await SetFlag(stop),
                < 75 => Note(await caller.Read(at, "strong", new ItemName("config", Caller.Environment, Key(dice.Next(Keys))))),
                < 81 => Note(await caller.Read(at, "strong", new ItemName("flag", Caller.Environment, Flag(dice.Next(Flags))))),
                < 88 => Note(await caller.List(at, "strong", $"prove.k{dice.Next(4)}.")),
                _ => Note(await caller.Read(at, "local", new ItemName("config", Caller.Environment, Key(dice.Next(Keys))))),
            };
            if (ending == Ending.Unknown) Next();
            try
            {
                await Pause.For(think * (0.5 + dice.NextDouble()), stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose() => caller.Dispose();

    Task<Ending> Set(CancellationToken stop) => Write([Item("set", Key(dice.Next(Keys)))], stop);

    Task<Ending> Delete(CancellationToken stop) => Write([Item("delete", Key(dice.Next(Keys)))], stop);

    Task<Ending> SetFlag(CancellationToken stop) => Write([new WrittenItem("set", "flag", Caller.Environment, Flag(dice.Next(Flags)))], stop);

    Task<Ending> Change(CancellationToken stop)
    {
        var first = dice.Next(Keys);
        var changes = Enumerable.Range(0, 2 + dice.Next(4)).Select(i => Item("set", Key((first + i) % Keys))).ToList();
        if (dice.Next(3) == 0) changes.Add(new WrittenItem("set", "flag", Caller.Environment, Flag(dice.Next(Flags))));
        return Write(changes, stop);
    }

    // half of the writes expect the version that this client has seen last
    WrittenItem Item(string op, string key) => new(op, "config", Caller.Environment, key)
    {
        ExpectedVersion = dice.Next(2) == 0 && versions.TryGetValue($"config/{key}", out var version) ? (int)version : null,
    };

    async Task<Ending> Write(List<WrittenItem> changes, CancellationToken stop)
    {
        var tag = $"c{number}-{++count}";
        for (var i = 0; i < changes.Count; i++)
            if (changes[i].Op == "set") changes[i] = changes[i] with { Value = ItemJson.Raw(tag) };
        // one without a key cannot be sent again: nobody would know whether it is done twice
        var hasKey = dice.Next(5) > 0;
        for (var attempt = 0; attempt < (hasKey ? AttemptsMax : 1) && !(stop.IsCancellationRequested && attempt > 0); attempt++)
        {
            var answer = await caller.Write(at, tag, hasKey ? $"{tag}-key" : null, changes);
            if (Note(answer) != Ending.Unknown) return answer.Ending;
            Next();
            try
            {
                await Pause.For(think, stop);
            }
            catch (OperationCanceledException)
            {
                return Ending.Failed;
            }
        }
        return Ending.Unknown;
    }

    Ending Note((Ending Ending, IReadOnlyList<ShownItem> Items) answer)
    {
        foreach (var item in answer.Items) versions[$"{item.Kind}/{item.Key}"] = item.Version;
        if (answer.Ending == Ending.Failed && dice.Next(4) == 0) Next();
        return answer.Ending;
    }

    void Next() => at = (at + 1) % caller.Nodes;
}
