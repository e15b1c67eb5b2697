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

/// <summary>What all clients of a run share.</summary>
internal sealed record Surroundings(
    IReadOnlyList<SimulatedNode> Nodes, IReadOnlyList<OrgId> Orgs, IReadOnlyDictionary<OrgId, People> People, SimulatedDatabase Database, Judge Judge, HistoryRecorder Recorder, FaultPlan Faults);

/// <summary>One client: asks one thing after another, of whichever node and as whomever it likes, and tells the judge what it got.</summary>
internal sealed class SimulatedClient
{
    readonly int number;
    readonly SimulatedProcess process;
    readonly Dice dice;
    readonly Surroundings around;
    readonly Principal owner;
    readonly CommandMaker maker;
    readonly SecretClient secrets;
    readonly Dictionary<OrgId, Cursor> lastSeen = [];

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public SimulatedClient(int number, SimulatedProcess process, Dice dice, Surroundings around)
    {
        (this.number, this.process, this.dice, this.around) = (number, process, dice, around);
        owner = Principal.External($"client-{number}", ["owner"]);
        maker = new CommandMaker(number, dice);
        secrets = new SecretClient(maker, dice, around);
    }

    /// <summary>How many writes were acknowledged.</summary>
    public int Acknowledged { get; private set; }

    public SimulatedProcess Process => process;

    /// <summary>Asks, with pauses of at most so long, until it is enough.</summary>
    public async Task Run(TimeSpan pause, Func<bool> enough)
    {
        var node = dice.Pick(around.Nodes);
        while (!enough())
        {
            if (dice.Chance(0.3)) node = dice.Pick(around.Nodes);
            if (dice.Chance(0.7)) await process.Time.Wait(dice.Between(TimeSpan.Zero, pause));
            var org = dice.Pick(around.Orgs);
            maker.Org = org;
            maker.Principal = dice.Chance(0.4) ? around.People[org].Somebody() : owner;
            await Ask(node, org);
        }
    }

    /// <summary>With all faults gone: a write and a strong read on each node must succeed, and soon.</summary>
    public async Task RunLive(TimeSpan bound)
    {
        maker.Principal = owner;
        foreach (var node in around.Nodes)
            foreach (var org in around.Orgs)
            {
                maker.Org = org;
                var startedAt = process.Time.GetTimestamp();
                var answer = await Write(node, org, maker.Changes([maker.Set() with { Schema = null, SetsSchema = true }]), maker.Key(), bound);
                if (answer is not { Fault: null }) around.Judge.Report("clients make progress", $"a write on node {node.Number} ended with {answer?.Fault?.ToString() ?? "no answer"}");
                var read = await Read(node, org, new ReadOptions(Consistency.Strong, null, null), bound);
                if (read is not { Fault: null }) around.Judge.Report("clients make progress", $"a strong read on node {node.Number} ended with {read?.Fault?.ToString() ?? "no answer"}");
                if (process.Time.GetElapsedTime(startedAt) > bound) around.Judge.Report("clients make progress", $"it took {process.Time.GetElapsedTime(startedAt)}");
            }
    }

    /// <summary>Writes once, as soon as the node can.</summary>
    public async Task Overtake(SimulatedNode node, OrgId org)
    {
        (maker.Org, maker.Principal) = (org, owner);
        await Write(node, org, maker.Changes([maker.Set()]), null, Patience);
    }

    /// <summary>Reads once, strongly.</summary>
    public async Task Look(SimulatedNode node, OrgId org)
    {
        (maker.Org, maker.Principal) = (org, owner);
        await Read(node, org, new ReadOptions(Consistency.Strong, null, null), Patience);
    }

    /// <summary>Makes the orgs, and who is in them.</summary>
    public async Task Begin(SimulatedNode node)
    {
        foreach (var org in around.Orgs)
        {
            maker.Org = org;
            await Must(node, org, new CreateOrg(Principal.Root, dice.Id(), OrgName.Parse($"org-{org}", null), [.. CommandMaker.Environments.Select(name => EnvironmentName.Parse(name, null))]));
            foreach (var command in around.People[org].Beginning(() => around.Database.Now)) await Must(node, org, command());
            maker.Principal = Principal.Root;
            await Must(node, org, maker.FirstFlags());
            // twice, so that there is an older one
            await Must(node, org, secrets.First());
            await Must(node, org, secrets.First());
        }
    }

    async Task Must(SimulatedNode node, OrgId org, Command command)
    {
        if (await Write(node, org, command, null, Patience) is not { Fault: null } answer) around.Judge.Report("an org can be made", $"{command.GetType().Name} in org {org}");
    }

    async Task Ask(SimulatedNode node, OrgId org)
    {
        switch (dice.Next(113))
        {
            case >= 100: await AskSecrets(node, org); break;
            case < 15: await Persist(node, org, maker.Changes([maker.Set()])); break;
            case < 25: await Persist(node, org, maker.Changes([maker.Conditional()])); break;
            case < 31: await Persist(node, org, maker.Changes([maker.Delete()])); break;
            case < 39: await Persist(node, org, maker.Changes(maker.Several())); break;
            case < 49: await Persist(node, org, maker.FlagChanges()); break;
            case < 51: await Persist(node, org, maker.Restore(dice.Pick(around.Nodes).States.FirstOrDefault(state => state.Org == org))); break;
            case < 53: await Persist(node, org, maker.OwnLife()); break;
            case < 60: await Persist(node, org, around.People[org].Change(owner, around.Database.Now)); break;
            case < 62: await Twins(node, org); break;
            case < 64 when around.Faults.Has(FaultKind.BadData): await Persist(node, org, Poisoned()); break;
            case < 72: await Read(node, org, new ReadOptions(Consistency.Strong, null, null), Patience); break;
            case < 80: await ReadKey(node, org, new ReadOptions(dice.Chance(0.6) ? Consistency.Strong : Consistency.Local, null, dice.Chance(0.2) ? Seen(org) : null)); break;
            case < 84: await Read(node, org, new ReadOptions(Consistency.Local, dice.Chance(0.3) ? dice.Milliseconds(0, 3_000) : null, null), Patience); break;
            case < 88: await Read(node, org, new ReadOptions(Consistency.Local, null, Seen(org)), Patience); break;
            case < 96: await Evaluate(node, org); break;
            case < 98: await Settle(node, org, Recently()); break;
            default: await SettleUnderWrites(node, org); break;
        }
    }

    Task Rotate(SimulatedNode node, OrgId org) => node.Call(async _ => await node.Secrets.Rotate(org), process.Time, Patience);

    async Task DestroySome(SimulatedNode node, OrgId org)
    {
        if (await secrets.Destroy(node, org) is { } destroy) await Persist(node, org, destroy);
    }

    async Task AskSecrets(SimulatedNode node, OrgId org)
    {
        switch (dice.Next(13))
        {
            case < 3 or 6: await Persist(node, org, secrets.Change(delete: false)); break;
            case 3: await Persist(node, org, secrets.Change(delete: true)); break;
            case 4: await Persist(node, org, secrets.Undelete()); break;
            case 5: await DestroySome(node, org); break;
            case 7: await Rotate(node, org); break;
            case 8: await Task.WhenAll(Rotate(node, org), DestroySome(dice.Pick(around.Nodes), org)); break;
            default: await secrets.Read(node, org, process.Time, Patience); break;
        }
    }

    // a write that ended without certainty is tried again with its key, here or elsewhere, as a careful client does
    async Task Persist(SimulatedNode node, OrgId org, Command command)
    {
        var key = dice.Chance(0.6) ? maker.Key() : null;
        var answer = await Write(node, org, command, key, Patience);
        for (var retries = 0; key is not null && retries < 4; retries++)
        {
            if (answer is { Fault: not { Code: FaultCode.OutcomeUnknown or FaultCode.Unavailable } } && !dice.Chance(0.05)) return;
            if (dice.Chance(0.5)) await process.Time.Wait(dice.Milliseconds(0, 300));
            var again = secrets.Again(command);
            // now and then somebody uses a key for another request
            if (dice.Chance(0.03))
            {
                await Write(dice.Pick(around.Nodes), org, maker.Changes([maker.Set()]), key with { Fingerprint = [9, 9] }, Patience);
                return;
            }
            answer = await Write(dice.Chance(0.5) ? node : dice.Pick(around.Nodes), org, again, key, Patience);
        }
    }

    // the same request twice at once, through two nodes or one
    async Task Twins(SimulatedNode node, OrgId org)
    {
        var key = maker.Key();
        var command = maker.Changes([maker.Set()]);
        var other = dice.Chance(0.5) ? node : dice.Pick(around.Nodes);
        await Task.WhenAll(Write(node, org, command, key, Patience), Write(other, org, command with { RequestId = dice.Id() }, key, Patience));
    }

    async Task<Outcome<Applied>?> Write(SimulatedNode node, OrgId org, Command command, Idempotency? key, TimeSpan patience)
    {
        around.Faults.Tally.Operations++;
        var attempt = new Judge.Attempt(org, command, key, process.Time.GetTimestamp());
        around.Judge.Invoked(attempt);
        var op = around.Recorder.Invoke(number, node.Number, attempt);
        var answer = await node.Call(journal => journal.Append(org, node.Seam.Pass(org, command), node.Seam.Pass(key), CancellationToken.None), process.Time, patience);
        Note(answer is null ? 1 : answer.Value.Fault is { } fault ? 2 + (int)fault.Code : 40);
        around.Recorder.End(op, answer);
        if (answer is not { } outcome) return null;
        around.Judge.WriteReturned(number, node.Number, attempt, outcome);
        if (outcome.Fault is null)
        {
            Acknowledged++;
            if (outcome.Value.Record is { } record) lastSeen[org] = record.Cursor;
            maker.Remember(outcome.Value.State);
        }
        return outcome;
    }

    async Task<Outcome<Snapshot>?> Read(SimulatedNode node, OrgId org, ReadOptions options, TimeSpan patience)
    {
        var invokedAt = process.Time.GetTimestamp();
        var asked = new AccessAsked(maker.Principal, Permission.ConfigRead, dice.Pick(CommandMaker.Environments), dice.Pick(CommandMaker.Keys));
        var access = node.AccessNow(org);
        var op = around.Recorder.Invoke(number, node.Number, org, options, asked.Environment, CommandMaker.Keys);
        var answer = await Call(node, org, patience, journal => journal.Read(org, node.Seam.Pass(options), CancellationToken.None));
        around.Recorder.End(op, answer, asked.Environment, CommandMaker.Keys);
        Note(answer is null ? 50 : answer.Value.Fault is { } fault ? 51 + (int)fault.Code : 90);
        if (answer is not { } outcome) return null;
        around.Judge.ReadReturned(number, node.Number, org, options, invokedAt, outcome);
        if (outcome.Fault is not null) return outcome;
        around.Judge.AccessDecided(asked, outcome.Value.State, node.Seam.Authorise(access, outcome.Value.State, asked));
        maker.Remember(outcome.Value.State);
        return outcome;
    }

    async Task ReadKey(SimulatedNode node, OrgId org, ReadOptions options)
    {
        var (environment, key) = (maker.AnEnvironment()?.Text, dice.Pick(CommandMaker.Keys));
        var asked = new AccessAsked(maker.Principal, Permission.ConfigRead, environment ?? CommandMaker.Environments[0], key);
        var access = node.AccessNow(org);
        var invokedAt = process.Time.GetTimestamp();
        var op = around.Recorder.Invoke(number, node.Number, org, options, asked.Environment, [key]);
        var answer = await Call(node, org, Patience, journal => journal.ReadKey(org, asked.Principal, node.Seam.Pass(options), environment, key, CancellationToken.None));
        around.Recorder.End(op, answer, asked.Environment, [key]);
        Note(answer is null ? 100 : answer.Value.Fault is { } fault ? 101 + (int)fault.Code : 140);
        if (answer is not { } outcome) return;
        around.Judge.ReadReturned(number, node.Number, org, options, invokedAt, outcome, (asked.Environment, key));
        if (outcome.Fault is null) around.Judge.AccessDecided(asked, outcome.Value.State, node.Seam.Authorise(access, outcome.Value.State, asked));
    }

    async Task Evaluate(SimulatedNode node, OrgId org)
    {
        var environment = CommandMaker.Environments[dice.Chance(0.8) ? 0 : 1];
        var asked = new AccessAsked(maker.Principal, Permission.FlagRead, environment, dice.Pick(FlagMaker.Names));
        var access = node.AccessNow(org);
        var invokedAt = process.Time.GetTimestamp();
        var options = new ReadOptions(dice.Chance(0.7) ? Consistency.Strong : Consistency.Local, null, null);
        var answer = await Call(node, org, Patience, journal => journal.Read(org, node.Seam.Pass(options), CancellationToken.None));
        Note(answer is null ? 145 : answer.Value.Fault is { } fault ? 146 + (int)fault.Code : 190);
        if (answer is not { } outcome) return;
        around.Judge.ReadReturned(number, node.Number, org, options, invokedAt, outcome);
        if (outcome.Fault is not null) return;
        var state = outcome.Value.State;
        var refused = node.Seam.Authorise(access, state, asked);
        around.Judge.AccessDecided(asked, state, refused);
        var at = around.Database.Now;
        if (refused is not null) return;
        // as bulk evaluation does
        foreach (var flag in FlagMaker.Names)
            foreach (var context in FlagMaker.Contexts)
                around.Judge.Evaluated(state, environment, flag, context, at, node.Seam.Evaluate(state, environment, flag, context, at));
    }

    // somebody reads the past of just now here, while others write elsewhere: their revisions may be under way, or come from a clock that is behind
    async Task SettleUnderWrites(SimulatedNode node, OrgId org)
    {
        var writing = new List<Task>();
        foreach (var other in around.Nodes)
        {
            writing.Add(Write(other, org, maker.Changes([maker.Set()]), null, Patience));
            await process.Time.Wait(dice.Milliseconds(0, dice.Chance(0.5) ? 2 : 40));
            await Settle(node, org, new Timestamp(around.Database.Now.Microseconds - dice.Next(500)));
        }
        await Task.WhenAll(writing);
        foreach (var other in around.Nodes) await Write(other, org, maker.Changes([maker.Set()]), null, Patience);
    }

    Timestamp Recently() => new(around.Database.Now.Microseconds - (dice.Chance(0.2) ? -1_000 : dice.Next(dice.Chance(0.5) ? 2_000 : 500_000)));

    async Task Settle(SimulatedNode node, OrgId org, Timestamp moment)
    {
        var now = around.Database.Now;
        around.Faults.Tally.Operations++;
        var answer = await node.Call(journal => journal.Settle(org, moment, CancellationToken.None), process.Time, Patience);
        Note(answer is null ? 95 : answer.Value.Fault is null ? 96 : 97);
        if (answer is { } outcome) around.Judge.SettleReturned(org, moment, now, outcome);
    }

    Task<Outcome<Snapshot>?> Call(SimulatedNode node, OrgId org, TimeSpan patience, Func<JournalNode, ValueTask<Outcome<Snapshot>>> read)
    {
        around.Faults.Tally.Operations++;
        return node.Call(journal => read(journal).AsTask(), process.Time, patience);
    }

    ChangeSet Poisoned()
    {
        around.Faults.Came(FaultKind.BadData);
        return maker.Changes([maker.Set() with { Value = Encoding.UTF8.GetBytes($"\"{SimulatedJournalStore.Poison}\""), Schema = null, SetsSchema = false }]);
    }

    Cursor? Seen(OrgId org) => lastSeen.TryGetValue(org, out var cursor) ? cursor : null;

    void Note(int what) => process.Note((number * 200) + what);
}
