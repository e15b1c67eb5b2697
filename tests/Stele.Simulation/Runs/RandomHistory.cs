using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Runs;

/// <summary>A small right history of one org, for the checks to be tried on: operations that overlap, each of which happens at one moment between its call and its end.</summary>
internal sealed class RandomHistory(Dice dice)
{
    static readonly string[] keys = ["a", "b", "c"];

    readonly Dictionary<string, ItemVersion> items = new(StringComparer.Ordinal);
    readonly List<HistoryLine> lines = [new RunBegan(0, 1, "test", "0")];
    readonly List<RevisionStands> journal = [];

    public List<HistoryLine> Make()
    {
        var operations = new List<(long Call, long Moment, long End, Invoked Invoked)>();
        var count = dice.Between(4, 11);
        for (var i = 0; i < count; i++)
        {
            long call = dice.Next(80), moment = call + 1 + dice.Next(20), end = moment + 1 + dice.Next(20);
            operations.Add((call * 10, (moment * 10) + 5, (end * 10) + 1, Call(i, call * 10)));
        }
        foreach (var (_, moment, end, call) in operations.OrderBy(operation => operation.Moment))
        {
            lines.Add(call);
            if (Happen(call, end) is { } ended) lines.Add(ended);
        }
        lines.Sort((a, b) => a.At.CompareTo(b.At));
        return [.. lines, .. journal];
    }

    Invoked Call(int number, long at)
    {
        // each by another client: they overlap
        var call = new Invoked(at, number, $"c{number}", "n", "o", dice.Chance(0.5) ? CallKind.Read : CallKind.Write);
        if (call.Call == CallKind.Read) return call with { Consistency = "strong", Items = [.. keys.Where(_ => dice.Chance(0.7)).Select(key => new ItemName("config", "e", key))] };
        var changes = new List<WrittenItem>();
        foreach (var key in keys.Where(_ => dice.Chance(0.45)))
        {
            var op = dice.Next(8) switch { 0 => "delete", 1 => "check", _ => "set" };
            changes.Add(new WrittenItem(op, "config", "e", key)
            {
                Value = op == "set" ? $"{number}.{key}" : null, ExpectedVersion = op == "check" || dice.Chance(0.4) ? dice.Next(4) : null,
            });
        }
        if (!changes.Exists(change => change.Op != "check")) changes.Add(new WrittenItem("set", "config", "e", "d") { Value = $"{number}.d" });
        return call with { Tag = $"t{number}", Changes = changes };
    }

    HistoryLine? Happen(Invoked call, long end)
    {
        if (call.Call == CallKind.Read)
            return new EndedOk(end, call.Op) { Cursor = Cursor, Items = [.. call.Items!.Where(item => Is(item.Stream)).Select(item => new ShownItem(item.Kind, item.Environment, item.Key, items[item.Stream].Version) { Value = items[item.Stream].Value })] };
        // what nobody hears of may have happened or not
        var unknown = dice.Chance(0.15);
        if (unknown && dice.Chance(0.5)) return dice.Chance(0.5) ? null : new EndedUnknown(end, call.Op, "broken");
        if (!call.Changes!.All(Holds)) return new EndedFailed(end, call.Op, "conflict");
        var events = new List<StoredEvent>();
        foreach (var change in call.Changes!.Where(change => change.Op != "check"))
        {
            var version = Last(change.Stream) + 1;
            items[change.Stream] = new ItemVersion(version, change.Value, change.Op == "delete");
            events.Add(new StoredEvent(change.Stream, version) { Value = change.Value });
        }
        journal.Add(new RevisionStands(0, "o", journal.Count + 1, $"{journal.Count + 1}-r", call.Tag, events));
        if (unknown) return new EndedUnknown(end, call.Op, "outcome_unknown");
        return new EndedOk(end, call.Op) { Cursor = Cursor, Items = [.. call.Changes!.Where(change => change.Op != "check").Select(change => new ShownItem(change.Kind, change.Environment, change.Key, Last(change.Stream)))] };
    }

    string Cursor => journal.Count == 0 ? "0-r" : journal[^1].Cursor;

    bool Holds(WrittenItem change) => (change.ExpectedVersion is not { } expected || (Is(change.Stream) ? Last(change.Stream) : 0) == expected || (expected > 0 && Last(change.Stream) == expected))
        && (change.Op != "delete" || Is(change.Stream));

    bool Is(string stream) => items.TryGetValue(stream, out var item) && !item.Deleted;

    long Last(string stream) => items.TryGetValue(stream, out var item) ? item.Version : 0;
}

/// <summary>Changes a history so that it may be wrong.</summary>
internal static class PlantedViolation
{
    public static List<HistoryLine> In(List<HistoryLine> lines, Dice dice)
    {
        var changed = new List<HistoryLine>(lines);
        for (var times = dice.Between(1, 2); times > 0; times--)
        {
            var at = dice.Next(changed.Count);
            if (Change(changed[at], changed, dice) is { } other) changed[at] = other;
        }
        return changed;
    }

    static HistoryLine? Change(HistoryLine line, List<HistoryLine> lines, Dice dice) => line switch
    {
        // another's answer, or part of it, or a place that does not go with it
        EndedOk ok when Others(lines, ok) is { Count: > 0 } others && dice.Pick(others) is var other => dice.Next(4) switch
        {
            0 => ok with { Cursor = other.Cursor, Items = other.Items },
            1 => ok with { Cursor = other.Cursor },
            2 => ok with { Items = other.Items },
            _ => ok with { Items = [.. (ok.Items ?? []).Select(item => (other.Items ?? []).FirstOrDefault(twin => twin.Stream == item.Stream && dice.Chance(0.5)) ?? item)] },
        },
        // said to be refused, or done, or unknown, and was not
        EndedOk ok => new EndedFailed(ok.At, ok.Op, "conflict"),
        EndedFailed failed => dice.Chance(0.5) ? new EndedOk(failed.At, failed.Op) { Cursor = Cursor(lines, dice) } : new EndedUnknown(failed.At, failed.Op, "broken"),
        EndedUnknown unknown => new EndedFailed(unknown.At, unknown.Op, "conflict"),
        // called later than it happened
        Invoked call => call with { At = call.At + dice.Next(300) },
        RevisionStands revision => dice.Chance(0.5) ? revision with { Tag = $"t{dice.Next(11)}" } : revision with { Events = [.. revision.Events.Skip(1)] },
        _ => null,
    };

    static List<EndedOk> Others(List<HistoryLine> lines, EndedOk but) => [.. lines.OfType<EndedOk>().Where(ok => ok.Op != but.Op)];

    static string Cursor(List<HistoryLine> lines, Dice dice) => lines.OfType<RevisionStands>().ToList() is { Count: > 0 } journal ? dice.Pick(journal).Cursor : "0-r";
}
