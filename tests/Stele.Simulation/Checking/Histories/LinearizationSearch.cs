using System.Collections.Immutable;
using System.Text;

namespace Stele.Simulation.Checking.Histories;

/// <summary>
/// A search for an order of some operations that explains what was answered, by values and versions alone: it knows nothing
/// of revisions, cursors or the journal (Wing and Gong's, with Lowe's memory of what was tried, as Porcupine does). It takes
/// exponential time in what overlaps, so it is for small histories: what <see cref="Linearizability"/> and the checks of
/// contents find is held against it.
/// </summary>
internal sealed class LinearizationSearch
{
    readonly List<Operation> operations;
    readonly HashSet<string> tried = new(StringComparer.Ordinal);

    LinearizationSearch(List<Operation> operations) => this.operations = operations;

    /// <summary>Whether there is such an order, on items of which none is there in the beginning.</summary>
    public static bool Explains(IEnumerable<Operation> operations)
    {
        List<Operation> relevant = [.. operations.Where(operation => operation.IsWrite ? operation.End is not EndedFailed { Code: not "conflict" } : operation.Call.IsStrong && operation.Ok is not null)];
        if (relevant.Count > 62) throw new ArgumentException("this is for small histories");
        return new LinearizationSearch(relevant).Search(0, ImmutableSortedDictionary.Create<string, ItemVersion>(StringComparer.Ordinal));
    }

    bool Search(long done, ImmutableSortedDictionary<string, ItemVersion> items)
    {
        var firstEnd = long.MaxValue;
        for (var i = 0; i < operations.Count; i++)
            if ((done & 1L << i) == 0) firstEnd = Math.Min(firstEnd, operations[i].EndedAt);
        // those that are left may never have happened
        if (firstEnd == long.MaxValue) return true;
        if (!tried.Add(Key(done, items))) return false;
        for (var i = 0; i < operations.Count; i++)
            if ((done & 1L << i) == 0 && operations[i].Call.At <= firstEnd && Step(operations[i], items) is { } next && Search(done | 1L << i, next)) return true;
        return false;
    }

    // null: it cannot have happened now
    static ImmutableSortedDictionary<string, ItemVersion>? Step(Operation operation, ImmutableSortedDictionary<string, ItemVersion> items) =>
        operation.IsWrite ? Write(operation, items) : Shows(operation, items) ? items : null;

    static bool Shows(Operation read, ImmutableSortedDictionary<string, ItemVersion> items)
    {
        var shown = (read.Ok!.Items ?? []).ToDictionary(item => item.Stream, StringComparer.Ordinal);
        foreach (var name in read.Call.Items ?? [])
        {
            var there = items.TryGetValue(name.Stream, out var item) && !item.Deleted;
            if (shown.TryGetValue(name.Stream, out var answer) ? !there || answer.Version != item.Version || (answer.Value is not null && answer.Value != item.Value) : there) return false;
        }
        return true;
    }

    static ImmutableSortedDictionary<string, ItemVersion>? Write(Operation write, ImmutableSortedDictionary<string, ItemVersion> items)
    {
        var holds = true;
        foreach (var change in write.Call.Changes!)
        {
            var last = items.TryGetValue(change.Stream, out var item) ? item : default;
            var there = last.Version > 0 && !last.Deleted;
            if (change.ExpectedVersion is { } expected) holds &= (there ? last.Version : 0) == expected || (expected > 0 && last.Version == expected);
            if (change.Op == "delete") holds &= there;
        }
        if (write.End is EndedFailed) return holds ? null : items;
        if (!holds) return null;
        foreach (var change in write.Call.Changes!.Where(change => change.Op != "check"))
        {
            var version = (items.TryGetValue(change.Stream, out var item) ? item.Version : 0) + 1;
            items = items.SetItem(change.Stream, new ItemVersion(version, change.Value, change.Op == "delete"));
        }
        // what it was told it did
        foreach (var told in write.Ok?.Items ?? [])
            if (!items.TryGetValue(told.Stream, out var item) || item.Version != told.Version) return null;
        return items;
    }

    static string Key(long done, ImmutableSortedDictionary<string, ItemVersion> items)
    {
        var key = new StringBuilder().Append(done);
        foreach (var (stream, item) in items) key.Append('|').Append(stream).Append('=').Append(item.Version).Append('/').Append(item.Value);
        return key.ToString();
    }
}
