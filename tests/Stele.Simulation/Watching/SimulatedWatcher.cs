using System.Text;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Watch;
using Stele.Simulation.Checking;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Watching;

/// <summary>
/// One client who watches: takes what comes now fast and now slowly, is cut, and resumes from his cursor at whichever node.
/// At the end what he got since he last had to read anew must be the journal under his filter: nothing left out, nothing
/// twice, nothing out of order.
/// </summary>
internal sealed class SimulatedWatcher(
    int number, SimulatedProcess process, Dice dice, IReadOnlyList<SimulatedNode> nodes, OrgId org, SimulatedDatabase database, Judge judge)
{
    static readonly string[] prefixes = ["", "a.", "b", "svc.", "svc.t", "absent"];
    static readonly string[] environments = ["development", "production"];
    static readonly TimeSpan longest = TimeSpan.FromSeconds(30);

    readonly WatchFilter filter = new(dice.Pick(environments), [dice.Pick(prefixes), dice.Pick(prefixes)], WatchKinds.All);
    readonly List<(Cursor Cursor, string Members)> received = [];
    Cursor? cursor;
    Cursor began;
    Session? session;

    public SimulatedProcess Process => process;

    /// <summary>Whether he stays where he is, and takes what comes.</summary>
    public bool Calm { get; set; }

    /// <summary>How often he had to read anew.</summary>
    public int Resets { get; private set; }

    /// <summary>Watches for ever.</summary>
    public async Task Run()
    {
        while (true)
        {
            var node = dice.Pick(nodes);
            var serving = session = new Session(this, node.Watch!);
            await node.Call(async _ => await serving.Serve(), process.Time, Calm ? TimeSpan.FromHours(1) : dice.Between(TimeSpan.Zero, longest));
            // gone, as a client whose connection breaks: what is on its way does not come
            serving.End();
            process.Note(9_000 + number);
            await process.Time.Wait(dice.Milliseconds(1, Calm ? 100 : 900));
        }
    }

    /// <summary>Holds what was received against the journal.</summary>
    public void Finish(bool mayReset)
    {
        if (judge.Violations.Count > 0) return;
        var what = $"watcher {number} of {filter.Environment}/{string.Join('|', filter.Prefixes)}";
        if (Resets > 0 && !mayReset) judge.Report("nobody is reset whose history holds", what);
        if (cursor is null)
        {
            judge.Report("a watcher is served", what);
            return;
        }
        var rows = database.Current.Org(org)!;
        var expected = rows.Read(began.Revision, int.MaxValue).Select(record => (Revision: WatchRevision.Of(record), Record: record))
            .Select(pair => (pair.Record.Cursor, Seen: pair.Revision.Seen(filter, Rights.Everything), pair.Revision)).Where(item => item.Seen.Length > 0)
            .Select(item => (item.Cursor, Encoding.UTF8.GetString(WatchFrame.Change(item.Revision, item.Seen).Members))).ToList();
        for (var i = 0; i < Math.Max(expected.Count, received.Count); i++)
        {
            if (i < expected.Count && i < received.Count && expected[i] == received[i]) continue;
            judge.Report("a stream is the journal under its filter", $"{what}, from {began}: change {i} is {(i < received.Count ? received[i] : "missing")}, and should be {(i < expected.Count ? expected[i] : "none")}");
            return;
        }
        if (cursor.Value.Revision < rows.Head.Revision) judge.Report("a stream ends level", $"{what} is at {cursor}, and the head at {rows.Head.Revision}");
    }

    void Receive(WatchFrame frame)
    {
        process.Note(frame.Cursor.Revision * 8 + (int)frame.Kind);
        if (frame.Kind == WatchFrameKind.Reset)
        {
            Resets++;
            received.Clear();
            began = frame.Cursor;
        }
        else if (cursor is null)
        {
            began = frame.Cursor;
        }
        else if (frame.Kind == WatchFrameKind.Change ? frame.Cursor.Revision <= cursor.Value.Revision : frame.Cursor.Revision < cursor.Value.Revision)
        {
            judge.Report("a stream never goes back", $"watcher {number} had {cursor} and got {frame.Kind} at {frame.Cursor}");
        }
        if (frame.Kind == WatchFrameKind.Change) received.Add((frame.Cursor, Encoding.UTF8.GetString(frame.Members)));
        cursor = frame.Cursor;
    }

    /// <summary>One connection: runs in the node's process, and dies with it.</summary>
    sealed class Session(SimulatedWatcher watcher, WatchEngine engine)
    {
        readonly WatchOutbox outbox = engine.NewOutbox();
        bool over;

        public void End()
        {
            over = true;
            outbox.Wake();
        }

        public async Task<bool> Serve()
        {
            var client = new WatchClient(Principal.Root, "simulated", null, null, new Dictionary<string, string>());
            var query = new WatchQuery(EnvironmentName.Parse(watcher.filter.Environment, null), watcher.filter.Prefixes, WatchKinds.All, watcher.cursor, null);
            if (!(await engine.Subscribe(watcher.Org, "", client, query, outbox)).TryGet(out var subscriber, out _)) return false;
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
                    if (over || (!watcher.Calm && watcher.Dice.Chance(0.02))) return;
                    watcher.Receive(message.Frame);
                    subscriber.NoteSent(message.Frame);
                    if (!watcher.Calm && watcher.Dice.Chance(0.3)) await watcher.Process.Time.Wait(watcher.Dice.Milliseconds(0, watcher.Dice.Chance(0.1) ? 5_000 : 100));
                }
                if (outbox.End is not null) return;
                await outbox.Wait();
            }
        }
    }

    Dice Dice => dice;

    OrgId Org => org;
}
