using System.Reflection;
using Stele.Client;
using Stele.Client.Following;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Following;

/// <summary>
/// An app that follows configuration with the real client: its loading, its stream, its states. What it has in use goes into the history as local reads of
/// everything under its prefix, each time that it changes: so it is held against the journal whole, and must never go back but to what was not lost.
/// </summary>
internal sealed class SimulatedFollower
{
    static readonly string[] prefixes = ["", "a.", "b", "svc.", "absent"];

    readonly int number;
    readonly SimulatedProcess process;
    readonly Surroundings around;
    readonly OrgId org;
    readonly string environment, prefix;
    readonly SimulatedHttp http;
    readonly Follower follower;

    public SimulatedFollower(int number, SimulatedProcess process, Dice dice, Surroundings around, OrgId org, Mutant mutant)
    {
        (this.number, this.process, this.around, this.org) = (number, process, around, org);
        (environment, prefix) = (dice.Pick(CommandMaker.Environments), dice.Pick(prefixes));
        http = new SimulatedHttp(process, dice, around, org, mutant);
        var first = dice.Next(around.Nodes.Count);
        List<Uri> nodes = [.. Enumerable.Range(0, around.Nodes.Count).Select(i => SimulatedHttp.Of((first + i) % around.Nodes.Count))];
        var client = new SteleClient(new SteleClientOptions { Url = nodes[0], Endpoints = nodes[1..], Token = "simulated", Clock = process.Time }, http);
        follower = new Follower(client, new FollowPlan("config", environment, prefix.Length == 0 ? [] : [prefix]), new FollowOptions(), process.Time, null, static _ => { }) { Admit = Look };
        // chance is the seed's here too
        Set(Get(client, "transport"), "<jitter>P", () => dice.Next(1_000) / 1_000.0);
        Set(follower, "chance", new Random(dice.Next(int.MaxValue)));
        Set(follower, "mustLoad", true);
    }

    public SimulatedProcess Process => process;

    /// <summary>Whether nothing breaks between it and the nodes.</summary>
    public bool Calm { set => http.Calm = value; }

    /// <summary>Follows for ever; as a start does that begins with nothing, but on this thread.</summary>
    public Task Run() => (Task)typeof(Follower).GetMethod("Run", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(follower, [CancellationToken.None])!;

    /// <summary>What it has in use must be what stands at the head.</summary>
    public void Finish()
    {
        if (around.Judge.Violations.Count > 0) return;
        var (held, head) = (follower.Current, around.Database.Current.Org(org)!.Head);
        if (held.Revision < head.Revision) around.Judge.Report("a client that follows ends level", $"client {number} of {environment}/{prefix} is at {held.Revision} ({follower.Status.Problem ?? "connected"}), and the head at {head.Revision}");
        else Record(held, new JournalPlace(head.Revision, head.Chain).CursorText);
    }

    string? Look(Held next)
    {
        process.Note(next.Revision);
        Record(next, next.Cursor!);
        return null;
    }

    void Record(Held held, string cursor) => around.Recorder.Followed($"sdk{number}", org, environment, prefix, cursor,
        [.. held.Items.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => new ShownItem("config", environment, item.Key, item.Value.Version) { Value = item.Value.Value.GetRawText() })]);

    static object Get(object of, string field) => Field(of, field).GetValue(of)!;

    static void Set(object of, string field, object value) => Field(of, field).SetValue(of, value);

    static FieldInfo Field(object of, string name) => of.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic) ?? throw new MissingFieldException(of.GetType().Name, name);
}
