using System.Globalization;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Simulation.Checking;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>One client: asks one thing after another, of whichever node it likes, and tells the judge what it got.</summary>
internal sealed class SimulatedClient(
    int number, SimulatedProcess process, Dice dice, IReadOnlyList<SimulatedNode> nodes, IReadOnlyList<OrgId> orgs, SimulatedDatabase database,
    Judge judge, bool poison)
{
    readonly Principal principal = Principal.External($"client-{number}", ["owner"]);
    readonly Dictionary<string, int> versions = [];
    Cursor? lastSeen;
    int counter;

    static readonly string[] Keys = ["a.x", "a.y", "b", "b.c.d", "svc.timeout", "svc.name"];
    static readonly string[] Environments = ["development", "production"];
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>How many things it has asked for.</summary>
    public int Asked { get; private set; }

    /// <summary>How many writes were acknowledged.</summary>
    public int Acknowledged { get; private set; }

    public SimulatedProcess Process => process;

    /// <summary>Asks so many things, with pauses of at most so long.</summary>
    public async Task Run(int operations, TimeSpan pause)
    {
        var node = dice.Pick(nodes);
        for (var i = 0; i < operations; i++)
        {
            if (dice.Chance(0.3)) node = dice.Pick(nodes);
            if (dice.Chance(0.7)) await process.Time.Wait(dice.Between(TimeSpan.Zero, pause));
            await Ask(node, dice.Pick(orgs));
        }
    }

    /// <summary>With all faults gone: a write and a strong read on each node must succeed, and soon.</summary>
    public async Task RunLive(TimeSpan bound)
    {
        foreach (var node in nodes)
            foreach (var org in orgs)
            {
                var startedAt = process.Time.GetTimestamp();
                var answer = await Write(node, org, Changes([Set()]), Key(), bound);
                if (answer is not { Fault: null }) judge.Report("clients make progress", $"a write on node {node.Number} ended with {answer?.Fault?.ToString() ?? "no answer"}");
                var read = await Read(node, org, new ReadOptions(Consistency.Strong, null, null), bound);
                if (read is not { Fault: null }) judge.Report("clients make progress", $"a strong read on node {node.Number} ended with {read?.Fault?.ToString() ?? "no answer"}");
                if (process.Time.GetElapsedTime(startedAt) > bound) judge.Report("clients make progress", $"it took {process.Time.GetElapsedTime(startedAt)}");
            }
    }

    /// <summary>Makes the org.</summary>
    public Task<Outcome<Applied>?> Create(SimulatedNode node, OrgId org) => Write(node, org,
        new CreateOrg(Principal.Root, dice.Id(), OrgName.Parse($"org-{org}", null), [.. Environments.Select(name => EnvironmentName.Parse(name, null))]), null, Patience);

    async Task Ask(SimulatedNode node, OrgId org)
    {
        Asked++;
        switch (dice.Next(100))
        {
            case < 22: await Persist(node, org, Changes([Set()])); break;
            case < 34: await Persist(node, org, Changes([Conditional()])); break;
            case < 41: await Persist(node, org, Changes([Delete()])); break;
            case < 53: await Persist(node, org, Changes(Several())); break;
            case < 56: await Persist(node, org, Restore(org)); break;
            case < 58: await Persist(node, org, OwnLife(dice.Id(), EnvironmentName.Parse($"env{dice.Next(5)}", null))); break;
            case < 61: await Twins(node, org); break;
            case < 63 when poison: await Persist(node, org, Changes([Set() with { Value = Encoding.UTF8.GetBytes($"\"{SimulatedJournalStore.Poison}\"") }])); break;
            case < 72: await Read(node, org, new ReadOptions(Consistency.Strong, null, null), Patience); break;
            case < 80: await ReadKey(node, org, new ReadOptions(dice.Chance(0.6) ? Consistency.Strong : Consistency.Local, null, dice.Chance(0.2) ? lastSeen : null)); break;
            case < 90: await Read(node, org, new ReadOptions(Consistency.Local, dice.Chance(0.3) ? dice.Milliseconds(0, 3_000) : null, null), Patience); break;
            case < 95: await Read(node, org, new ReadOptions(Consistency.Local, null, lastSeen), Patience); break;
            default: await Settle(node, org); break;
        }
    }

    // chosen by the counter, so that the dice fall as they did
    Command OwnLife(Guid id, EnvironmentName name) => (counter % 5) switch
    {
        0 => new DeleteEnvironment(principal, id, name, name.Text, "over"),
        1 => new DescribeEnvironment(principal, id, name, $"{counter}", null),
        2 => new ChangeSettings(principal, id, "why") { Protected = counter % 10 == 2 ? [name] : [] },
        _ => new CreateEnvironment(principal, id, name, null, null),
    };

    // a write that ended without certainty is tried again with its key, here or elsewhere, as a careful client does
    async Task Persist(SimulatedNode node, OrgId org, Command command)
    {
        var key = dice.Chance(0.6) ? Key() : null;
        var answer = await Write(node, org, command, key, Patience);
        for (var retries = 0; key is not null && retries < 4; retries++)
        {
            if (answer is { Fault: not { Code: FaultCode.OutcomeUnknown or FaultCode.Unavailable } } && !dice.Chance(0.05)) return;
            if (dice.Chance(0.5)) await process.Time.Wait(dice.Milliseconds(0, 300));
            var again = command with { RequestId = dice.Id() };
            // now and then somebody uses a key for another request
            if (dice.Chance(0.03))
            {
                await Write(dice.Pick(nodes), org, Changes([Set()]), key with { Fingerprint = [9, 9] }, Patience);
                return;
            }
            answer = await Write(dice.Chance(0.5) ? node : dice.Pick(nodes), org, again, key, Patience);
        }
    }

    // the same request twice at once, through two nodes or one
    async Task Twins(SimulatedNode node, OrgId org)
    {
        var key = Key();
        var command = Changes([Set()]);
        var other = dice.Chance(0.5) ? node : dice.Pick(nodes);
        await Task.WhenAll(Write(node, org, command, key, Patience), Write(other, org, command with { RequestId = dice.Id() }, key, Patience));
    }

    async Task<Outcome<Applied>?> Write(SimulatedNode node, OrgId org, Command command, Idempotency? key, TimeSpan patience)
    {
        var attempt = new Judge.Attempt(org, command, key, process.Time.GetTimestamp());
        judge.Invoked(attempt);
        var answer = await node.Call(journal => journal.Append(org, command, key, CancellationToken.None), process.Time, patience);
        Note(answer is null ? 1 : answer.Value.Fault is { } fault ? 2 + (int)fault.Code : 40);
        if (answer is not { } outcome) return null;
        judge.WriteReturned(number, node.Number, attempt, outcome);
        if (outcome.Fault is null)
        {
            Acknowledged++;
            if (outcome.Value.Record is { } record) lastSeen = orgs.Count == 1 ? record.Cursor : null;
            Remember(outcome.Value.State);
        }
        return outcome;
    }

    async Task<Outcome<Snapshot>?> Read(SimulatedNode node, OrgId org, ReadOptions options, TimeSpan patience)
    {
        var invokedAt = process.Time.GetTimestamp();
        var answer = await node.Call(journal => journal.Read(org, options, CancellationToken.None).AsTask(), process.Time, patience);
        Note(answer is null ? 50 : answer.Value.Fault is { } fault ? 51 + (int)fault.Code : 90);
        if (answer is not { } outcome) return null;
        judge.ReadReturned(number, node.Number, org, options, invokedAt, outcome);
        if (outcome.Fault is null) Remember(outcome.Value.State);
        return outcome;
    }

    async Task ReadKey(SimulatedNode node, OrgId org, ReadOptions options)
    {
        var (environment, key) = (AnEnvironment()?.Text, dice.Pick(Keys));
        var invokedAt = process.Time.GetTimestamp();
        var answer = await node.Call(journal => journal.ReadKey(org, Principal.Root, options, environment, key, CancellationToken.None).AsTask(), process.Time, Patience);
        Note(answer is null ? 100 : answer.Value.Fault is { } fault ? 101 + (int)fault.Code : 140);
        if (answer is { } outcome) judge.ReadReturned(number, node.Number, org, options, invokedAt, outcome, (environment ?? Environments[0], key));
    }

    async Task Settle(SimulatedNode node, OrgId org)
    {
        var now = database.Now;
        var moment = new Timestamp(now.Microseconds - (dice.Chance(0.2) ? -1_000 : dice.Next(dice.Chance(0.5) ? 2_000 : 500_000)));
        var answer = await node.Call(journal => journal.Settle(org, moment, CancellationToken.None), process.Time, Patience);
        Note(answer is null ? 95 : answer.Value.Fault is null ? 96 : 97);
        if (answer is { } outcome) judge.SettleReturned(org, moment, now, outcome);
    }

    void Remember(OrgState state)
    {
        foreach (var environment in state.Environments)
            foreach (var key in Keys)
                versions[$"{environment.Name}/{key}"] = environment.Config(key)?.Version ?? 0;
    }

    void Note(int what) => process.Note((number * 200) + what);

    ChangeSet Changes(IReadOnlyList<Change> changes) => new(principal, dice.Id(), dice.Chance(0.3) ? "why" : null, changes) { IsList = changes.Count > 1 };

    // of nine writes one brings a schema and one clears it; chosen by the counter, so that the dice fall as they did
    Change Set() => new()
    {
        SetsSchema = counter % 9 is 2 or 5, Schema = counter % 9 == 2 ? ConfigSchema.Stored(Encoding.UTF8.GetBytes($$"""{"type":"string","$comment":"{{number}}"}""")) : null,
        Op = ChangeOp.Set, Environment = AnEnvironment(), Key = AKey(), ValueType = ConfigValueType.Json,
        Value = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\"{number}.{counter++}\"")),
    };

    Change Conditional()
    {
        var change = Set();
        return change with { ExpectedVersion = dice.Chance(0.8) ? versions.GetValueOrDefault($"{change.Environment}/{change.Key}") : dice.Next(4) };
    }

    Change Delete() => new() { Op = ChangeOp.Delete, Environment = AnEnvironment(), Key = AKey() };

    List<Change> Several()
    {
        var changes = new List<Change>();
        var some = dice.Between(1, 4);
        for (var i = 0; i < some; i++)
        {
            var change = dice.Next(5) switch
            {
                0 => Conditional(),
                1 => Conditional() with { Op = ChangeOp.Check, Value = null, ValueType = null },
                _ => Set(),
            };
            // whoever parses a change set refuses one that touches a key twice
            if (!changes.Exists(other => (other.Environment?.Text ?? Environments[0]) == (change.Environment?.Text ?? Environments[0]) && other.Key == change.Key)) changes.Add(change);
        }
        return changes;
    }

    RestoreConfigs Restore(OrgId org)
    {
        var then = new Dictionary<string, RestoredValue>();
        if (dice.Pick(nodes).States.FirstOrDefault(state => state.Org == org)?.Environment(Environments[0]) is { } environment)
            foreach (var entry in environment.Configs)
                if (dice.Chance(0.9)) then[entry.Key] = entry.Value is { } value ? new RestoredValue(value, entry.ValueType) : new RestoredValue(null, entry.ValueType, entry.Version);
        return new RestoreConfigs(principal, dice.Id(), "back", EnvironmentName.Parse(Environments[0], null), "", then);
    }

    Idempotency Key() => new($"{number}-{counter++}", [1, (byte)number]);

    ConfigKey AKey() => ConfigKey.Parse(dice.Pick(Keys), null);

    EnvironmentName? AnEnvironment() => dice.Chance(0.1) ? null : EnvironmentName.Parse(dice.Pick(Environments), null);
}
