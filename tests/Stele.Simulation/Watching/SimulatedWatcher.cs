using System.Text;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Watch;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Watching;

/// <summary>
/// One client who watches: takes what comes now fast and now slowly, is cut, and resumes from his cursor at whichever node.
/// At the end what he got since he last had to read anew must be the journal under his filter: nothing left out, nothing
/// twice, nothing out of order. One who may not see everything must never have seen what he may not.
/// </summary>
internal sealed class SimulatedWatcher(int number, SimulatedProcess process, Dice dice, Surroundings around, OrgId org, Mutant mutant)
{
    static readonly string[] prefixes = ["", "a.", "b", "svc.", "svc.t", "absent", "f."];
    static readonly string[] environments = ["development", "production"];
    static readonly TimeSpan longest = TimeSpan.FromSeconds(30);

    readonly WatchFilter filter = new(dice.Pick(environments), [dice.Pick(prefixes), dice.Pick(prefixes)], WatchKinds.All);
    readonly List<(Cursor Cursor, string Members)> received = [];
    Cursor? cursor;
    Cursor began;
    Session? session;

    public SimulatedProcess Process => process;

    /// <summary>Whether he may see everything; else he is now this one and now that one who may not.</summary>
    public bool SeesAll { get; init; }

    /// <summary>Whether he stays where he is, and takes what comes.</summary>
    public bool Calm { get; set; }

    /// <summary>How often he had to read anew.</summary>
    public int Resets { get; private set; }

    string Name => $"w{number}";

    /// <summary>Watches for ever.</summary>
    public async Task Run()
    {
        while (true)
        {
            var node = dice.Pick(around.Nodes);
            var serving = session = new Session(this, node.Watch, SeesAll ? Principal.Root : around.People[org].Somebody());
            if (SeesAll) around.Recorder.Connect(Name, node.Number, org, filter, cursor);
            await node.Call(async _ => await serving.Serve(node), process.Time, Calm ? TimeSpan.FromHours(1) : dice.Between(TimeSpan.Zero, longest));
            // gone, as a client whose connection breaks: what is on its way does not come
            serving.End();
            process.Note(9_000 + number);
            await process.Time.Wait(dice.Milliseconds(1, Calm ? 100 : 900));
        }
    }

    /// <summary>Holds what was received against the journal.</summary>
    public void Finish()
    {
        if (around.Judge.Violations.Count > 0 || !SeesAll) return;
        around.Recorder.Level(Name);
        var what = $"watcher {number} of {filter.Environment}/{string.Join('|', filter.Prefixes)}";
        if (Resets > 0 && around.Judge.LostOf(org) == 0) around.Judge.Report("nobody is reset whose history holds", what);
        if (cursor is null)
        {
            around.Judge.Report("a watcher is served", what);
            return;
        }
        var rows = around.Database.Current.Org(org)!;
        var expected = rows.Read(began.Revision, int.MaxValue).Select(record => (Revision: WatchRevision.Of(record), Record: record))
            .Select(pair => (pair.Record.Cursor, Seen: pair.Revision.Seen(filter, Rights.Everything), pair.Revision)).Where(item => item.Seen.Length > 0)
            .Select(item => (item.Cursor, Encoding.UTF8.GetString(WatchFrame.Change(item.Revision, item.Seen).Members))).ToList();
        for (var i = 0; i < Math.Max(expected.Count, received.Count); i++)
        {
            if (i < expected.Count && i < received.Count && expected[i] == received[i]) continue;
            around.Judge.Report("a stream is the journal under its filter", $"{what}, from {began}: change {i} is {(i < received.Count ? received[i] : "missing")}, and should be {(i < expected.Count ? expected[i] : "none")}");
            return;
        }
        if (cursor.Value.Revision < rows.Head.Revision) around.Judge.Report("a stream ends level", $"{what} is at {cursor}, and the head at {rows.Head.Revision}");
    }

    void Receive(WatchFrame frame, Principal principal)
    {
        process.Note(frame.Cursor.Revision * 8 + (int)frame.Kind);
        around.Faults.Tally.Messages++;
        if (SeesAll) around.Recorder.Receive(Name, frame);
        else around.Judge.Shown(org, principal, frame);
        if (frame.Kind == WatchFrameKind.Reset)
        {
            Resets++;
            around.Faults.Tally.Resets++;
            received.Clear();
            began = frame.Cursor;
        }
        else if (cursor is null)
        {
            began = frame.Cursor;
        }
        else if (SeesAll && (frame.Kind == WatchFrameKind.Change ? frame.Cursor.Revision <= cursor.Value.Revision : frame.Cursor.Revision < cursor.Value.Revision))
        {
            around.Judge.Report("a stream never goes back", $"watcher {number} had {cursor} and got {frame.Kind} at {frame.Cursor}");
        }
        if (frame.Kind == WatchFrameKind.Change) received.Add((frame.Cursor, Encoding.UTF8.GetString(frame.Members)));
        cursor = frame.Cursor;
    }

    /// <summary>One connection: runs in the node's process, and dies with it.</summary>
    sealed class Session(SimulatedWatcher watcher, WatchEngine engine, Principal principal)
    {
        readonly WatchOutbox outbox = engine.NewOutbox();
        bool over;

        public void End()
        {
            over = true;
            outbox.Wake();
        }

        public async Task<bool> Serve(SimulatedNode node)
        {
            var seenAs = watcher.mutant == Mutant.AuthoriseTheSubscriptionOnly && node.AccessNow(watcher.org) is { } access
                && Authorisation.CheckSome(access, principal, Permission.ConfigRead, watcher.filter.Environment) is null ? Principal.Root : principal;
            var client = new WatchClient(seenAs, "simulated", null, null, new Dictionary<string, string>());
            var query = new WatchQuery(EnvironmentName.Parse(watcher.filter.Environment, null), watcher.filter.Prefixes, WatchKinds.All, watcher.cursor, null);
            if (!(await engine.Subscribe(watcher.org, "", client, query, outbox)).TryGet(out var subscriber, out _)) return false;
            await Take(subscriber);
            engine.Unsubscribe(subscriber);
            return true;
        }

        async Task Take(Subscriber subscriber)
        {
            while (!over)
            {
                while (outbox.TryTake(out var message))
                {
                    // taken and never arrived
                    if (over || (!watcher.Calm && watcher.dice.Chance(0.02))) return;
                    foreach (var frame in OnTheWire(message.Frame)) watcher.Receive(frame, principal);
                    subscriber.NoteSent(message.Frame);
                    if (!watcher.Calm && watcher.dice.Chance(0.3)) await watcher.process.Time.Wait(watcher.dice.Milliseconds(0, watcher.dice.Chance(0.1) ? 5_000 : 100));
                }
                if (outbox.End is not null) return;
                await outbox.Wait();
            }
        }

        WatchFrame[] OnTheWire(WatchFrame frame) => (watcher.mutant, frame) switch
        {
            (Mutant.DeliverHalfARevision, { Kind: WatchFrameKind.Change, Revision: { } revision, Seen.Count: > 1 }) => [WatchFrame.Change(revision, [.. frame.Seen.Take(1)]), WatchFrame.Change(revision, [.. frame.Seen.Skip(1)])],
            (Mutant.DeliverTwice, { Kind: WatchFrameKind.Change }) when watcher.dice.Chance(0.1) => [frame, frame],
            _ => [frame],
        };
    }

    // the session is a part of its watcher
    readonly Mutant mutant = mutant;
    readonly Dice dice = dice;
    readonly OrgId org = org;
    readonly SimulatedProcess process = process;
}
