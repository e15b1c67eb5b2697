using System.Collections.Immutable;
using System.Globalization;

namespace Stele.Simulation.Checking.Histories;

/// <summary>The version of an item that stands at a place: without a value it is deleted, and its number stays taken.</summary>
internal readonly record struct ItemVersion(long Version, string? Value, bool Deleted);

/// <summary>A place in the journal, in whatever history.</summary>
/// <param name="Before">The one before; null: the beginning.</param>
/// <param name="Line">The revision; null at the beginning.</param>
/// <param name="Items">What stands there.</param>
internal sealed record HistoryPlace(HistoryPlace? Before, RevisionStands? Line, ImmutableDictionary<string, ItemVersion> Items)
{
    /// <summary>At which moments it was the head, rising: more than one where the journal went back to it.</summary>
    public List<int> Moments { get; } = [];

    /// <summary>Whether it was lost.</summary>
    public bool Lost { get; set; }

    /// <summary>Whether it was never the head but to those who still reached a deposed primary: nothing strong may show it, and nobody be told that it is written.</summary>
    public bool IsAside => Line?.Aside == true;

    public long Revision => Line?.Revision ?? 0;

    public string Cursor => Line?.Cursor ?? "0";

    /// <summary>The item, if it is there.</summary>
    public ItemVersion? Item(string stream) => Items.TryGetValue(stream, out var found) && !found.Deleted ? found : null;

    /// <summary>The last version of an item, a deletion included.</summary>
    public long LastVersion(string stream) => Items.TryGetValue(stream, out var found) ? found.Version : 0;

    public bool Equals(HistoryPlace? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Cursor.GetHashCode(StringComparison.Ordinal);
}

/// <summary>One org's journal as a run found it: the order of commits, what was lost, and what stood at each place.</summary>
internal sealed class HistoryJournal
{
    readonly Dictionary<string, HistoryPlace> places = new(StringComparer.Ordinal);
    readonly List<HistoryPlace> moments = [];
    readonly List<(HistoryPlace Head, long At)> losses = [];
    HistoryPlace? side;

    HistoryJournal()
    {
        var beginning = new HistoryPlace(null, null, ImmutableDictionary.Create<string, ItemVersion>(StringComparer.Ordinal));
        beginning.Moments.Add(0);
        moments.Add(beginning);
    }

    /// <summary>Which place was the head, moment after moment.</summary>
    public IReadOnlyList<HistoryPlace> Moments => moments;

    /// <summary>All places but the beginning, in order of commit.</summary>
    public List<HistoryPlace> Places { get; } = [];

    /// <summary>The head in the end.</summary>
    public HistoryPlace Head => moments[^1];

    /// <summary>Whether somebody at a place may by a moment have lost what he had, or what was on its way to him: it, or something that followed it, was lost.</summary>
    public bool IsLost(HistoryPlace place, long by) => losses.Exists(loss => loss.At <= by && Follows(loss.Head, place));

    /// <summary>The place of a cursor, or null.</summary>
    public HistoryPlace? Find(string? cursor) => cursor is null ? null : places.GetValueOrDefault(cursor) ?? (cursor.StartsWith("0-", StringComparison.Ordinal) ? moments[0] : null);

    /// <summary>The journals of all orgs of a history; tells what does not join on.</summary>
    public static Dictionary<string, HistoryJournal> Of(IEnumerable<HistoryLine> history, Action<string, string, long> report)
    {
        var journals = new Dictionary<string, HistoryJournal>(StringComparer.Ordinal);
        foreach (var line in history)
        {
            if (line is RevisionStands revision) For(revision.Org).Append(revision, report);
            else if (line is HeadLost lost) For(lost.Org).Lose(lost, report);
            // an org of which nothing was written has a journal too
            else if (line is Invoked call) For(call.Org);
            else if (line is StreamOpened stream) For(stream.Org);
        }
        foreach (var journal in journals.Values) journal.MarkLost();
        return journals;

        HistoryJournal For(string org) => journals.TryGetValue(org, out var journal) ? journal : journals[org] = new HistoryJournal();
    }

    void Append(RevisionStands line, Action<string, string, long> report)
    {
        var before = line.Aside == true && side?.Revision == line.Revision - 1 ? side : Head;
        if (line.Revision != before.Revision + 1)
            report("the journal has no gaps", $"org {line.Org}: revision {line.Revision} comes after {before.Revision}", line.At);
        if (!line.Cursor.StartsWith(line.Revision.ToString(CultureInfo.InvariantCulture) + "-", StringComparison.Ordinal))
            report("the journal has no gaps", $"org {line.Org}: revision {line.Revision} has the cursor {line.Cursor}", line.At);
        // it was lost and decided again, by a clock that is behind: the same to the byte stands there again
        if (places.TryGetValue(line.Cursor, out var again) && again.Before == before && again.Line!.Tag == line.Tag)
        {
            Add(again);
            return;
        }
        var items = before.Items.ToBuilder();
        foreach (var e in line.Events)
        {
            var last = items.TryGetValue(e.Stream, out var there) ? there.Version : 0;
            if (e.Version != last + 1) report("versions count without gaps", $"org {line.Org}, revision {line.Revision}: {e.Stream} is at version {e.Version} after {last}", line.At);
            items[e.Stream] = new ItemVersion(e.Version, e.Value, e.Value is null);
        }
        var place = new HistoryPlace(before, line, items.ToImmutable());
        if (!places.TryAdd(line.Cursor, place)) report("the journal has no gaps", $"org {line.Org}: {line.Cursor} stands in it twice", line.At);
        Places.Add(place);
        if (line.Aside == true)
        {
            side = place;
            losses.Add((place, line.At));
            return;
        }
        side = null;
        Add(place);
    }

    void Lose(HeadLost line, Action<string, string, long> report)
    {
        var at = Head;
        while (at.Revision > line.Revision && at.Before is not null) at = at.Before;
        if (at.Revision != line.Revision) report("the journal has no gaps", $"org {line.Org}: it went back to revision {line.Revision}, which was not there", line.At);
        if (at != Head) losses.Add((Head, line.At));
        side = null;
        Add(at);
    }

    /// <summary>Whether somebody who is at a place comes to another only by giving up what he has: the other is of a deposed primary's side, by a moment at which that was one, and does not follow.</summary>
    public static bool Departs(HistoryPlace at, HistoryPlace to, long by) => to.IsAside && to.Line!.At <= by && !Follows(to, at);

    static bool Follows(HistoryPlace? later, HistoryPlace place)
    {
        while (later is not null && later.Revision > place.Revision) later = later.Before;
        return later == place;
    }

    void Add(HistoryPlace place)
    {
        place.Moments.Add(moments.Count);
        moments.Add(place);
    }

    void MarkLost()
    {
        foreach (var place in Places) place.Lost = true;
        for (var place = Head; place.Before is not null; place = place.Before) place.Lost = false;
    }
}
