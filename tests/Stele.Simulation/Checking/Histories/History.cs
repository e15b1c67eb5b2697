namespace Stele.Simulation.Checking.Histories;

/// <summary>One operation from its call to its end.</summary>
/// <param name="Call">What was asked for.</param>
/// <param name="End">How it ended; null: the run was over first, so nobody knows.</param>
internal sealed record Operation(Invoked Call, Ended? End)
{
    /// <summary>When it was over, or never.</summary>
    public long EndedAt => End is EndedOk or EndedFailed ? End.At : long.MaxValue;

    /// <summary>What was answered; null: no success.</summary>
    public EndedOk? Ok => End as EndedOk;

    public bool IsWrite => Call.Call == CallKind.Write;

    /// <summary>Whether two ask for the same, under the same key.</summary>
    public bool IsSameAs(Operation other) => Call.Tag == other.Call.Tag && Call.Tag is not null
        || Call.IdempotencyKey is not null && Call.IdempotencyKey == other.Call.IdempotencyKey && Call.Client == other.Call.Client && SameChanges(Call.Changes, other.Call.Changes);

    public override string ToString() => $"operation {Call.Op} of {Call.Client} on {Call.Node}";

    static bool SameChanges(IReadOnlyList<WrittenItem>? a, IReadOnlyList<WrittenItem>? b) => a is null || b is null ? a is null && b is null : a.SequenceEqual(b);
}

/// <summary>A history, sorted: operations with their ends, each org's journal, each stream's frames.</summary>
internal sealed class History
{
    readonly Action<string, string, long> report;

    /// <summary>Sorts the lines; tells what is wrong with the journal, and with the history itself.</summary>
    public History(IReadOnlyList<HistoryLine> lines, Action<string, string, long> report)
    {
        this.report = report;
        Lines = lines;
        Journals = HistoryJournal.Of(lines, report);
        Operations = Pair();
        foreach (var operation in Operations.Where(operation => operation.IsWrite))
            foreach (var change in operation.Call.Changes ?? [])
                if (change.Value is { } value) Owners.TryAdd(value, operation.Call.Org);
    }

    public IReadOnlyList<HistoryLine> Lines { get; }

    /// <summary>By org.</summary>
    public Dictionary<string, HistoryJournal> Journals { get; }

    /// <summary>In order of their calls.</summary>
    public List<Operation> Operations { get; }

    /// <summary>Which org a value was written in.</summary>
    public Dictionary<string, string> Owners { get; } = new(StringComparer.Ordinal);

    /// <summary>Tells of a promise that was broken.</summary>
    public void Report(string rule, string detail, long at) => report(rule, detail, at);

    /// <summary>A value that was shown must not be another org's.</summary>
    public void CheckOwner(string org, string? value, string shownBy, long at)
    {
        if (value is not null && Owners.TryGetValue(value, out var owner) && owner != org)
            Report("no row of another org, ever", $"{shownBy} in org {org} showed {value}, which was written in org {owner}", at);
    }

    List<Operation> Pair()
    {
        var (calls, ends) = (new List<Invoked>(), new Dictionary<int, Ended>());
        foreach (var line in Lines)
        {
            if (line is Invoked call) calls.Add(call);
            if (line is Ended end && !ends.TryAdd(end.Op, end)) Report("the history itself is sound", $"operation {end.Op} ends twice", end.At);
        }
        foreach (var call in calls)
            if (ends.TryGetValue(call.Op, out var end) && end.At < call.At) Report("the history itself is sound", $"operation {call.Op} ends before it is called", end.At);
        calls.Sort((a, b) => a.At != b.At ? a.At.CompareTo(b.At) : a.Op.CompareTo(b.Op));
        return [.. calls.Select(call => new Operation(call, ends.GetValueOrDefault(call.Op)))];
    }
}

/// <summary>Every check over a history, in one call.</summary>
internal static class HistoryChecks
{
    // of each rule, so that one that is broken often hides no other
    const int ViolationsMax = 20;

    /// <summary>The promises that a history breaks; none: it keeps them all.</summary>
    public static IReadOnlyList<Violation> Run(IReadOnlyList<HistoryLine> lines)
    {
        var violations = new List<Violation>();
        var history = new History(lines, (rule, detail, at) =>
        {
            if (violations.Count(one => one.Rule == rule) < ViolationsMax) violations.Add(new Violation(rule, detail, TimeSpan.FromMicroseconds(at)));
        });
        foreach (var (org, journal) in history.Journals)
        {
            List<Operation> operations = [.. history.Operations.Where(operation => operation.Call.Org == org)];
            WriteChecks.Run(history, org, journal, operations);
            ReadChecks.Run(history, org, journal, operations);
            Linearizability.Run(history, journal, operations);
        }
        StreamChecks.Run(history);
        return violations;
    }
}
