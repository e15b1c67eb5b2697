using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Checking;

/// <summary>
/// Holds every answer of the nodes against what the database really committed and when. Each rule is a promise of the
/// design: linearizable strong reads and writes, honest staleness, versions without gaps, one effect per idempotency key,
/// nothing written that was said not to be, a past that does not change, a chain that verifies.
/// </summary>
internal sealed class Judge(SimulatedScheduler scheduler, SimulatedDatabase database, HistoryRecorder recorder)
{
    readonly Dictionary<OrgId, OrgHistory> histories = [];
    readonly Dictionary<Guid, Attempt> attempts = [];
    readonly Dictionary<OrgId, int> lost = [];
    SecretJudge? secrets;
    readonly Dictionary<(OrgId, string Actor, string Key), Guid> committedKeys = [];
    readonly HashSet<Guid> refused = [];
    (EnvironmentFlags? Of, FlagSet Set) anew = (null, FlagSet.Empty);
    readonly HashSet<string> acknowledged = [], outlived = [];
    readonly List<(OrgId Org, Timestamp Moment)> settled = [];
    readonly Dictionary<(int Client, int Node, OrgId), OrgHistory.Place> sessions = [];
    readonly Dictionary<OrgState, OrgState> verified = new(ReferenceEqualityComparer.Instance);

    // the limit of a second, and what a round trip of at most a second leaves uncertain
    const long ClockBoundMicroseconds = 2_600_000;

    public List<Violation> Violations { get; } = [];

    /// <summary>Of secrets.</summary>
    public SecretJudge Secrets => secrets ??= new SecretJudge(scheduler, database, this);

    /// <summary>Revisions that rewinds have taken away again.</summary>
    public int Lost => lost.Values.Sum();

    /// <summary>Those of one org.</summary>
    public int LostOf(OrgId org) => lost.GetValueOrDefault(org);

    /// <summary>One try of a client to write something.</summary>
    internal sealed record Attempt(OrgId Org, Command Command, Idempotency? Idempotency, long InvokedAt);

    public OrgHistory History(OrgId org) => histories.TryGetValue(org, out var history) ? history : histories[org] = new OrgHistory(org);

    /// <summary>The database changed: follows each org's journal to its new head.</summary>
    public void Observe(DatabaseVersion version)
    {
        foreach (var rows in version.Orgs.Values)
        {
            var history = History(rows.Head.Org);
            var before = history.Head;
            if (before?.State.Place.Chain.AsSpan().SequenceEqual(rows.Head.Chain) == true) continue;
            var joins = before is null || (before.State.Revision < rows.Head.Revision && rows.Revisions[(int)before.State.Revision - 1].Chain.AsSpan().SequenceEqual(before.State.Place.Chain));
            if (!joins)
            {
                if (history.Find(rows.Head.Chain) is null)
                {
                    Report("the chain verifies", $"org {rows.Head.Org}: revision {rows.Head.Revision} stands on a history that was lost");
                    continue;
                }
                lost[rows.Head.Org] = LostOf(rows.Head.Org) + (int)(before!.State.Revision - rows.Head.Revision);
                if (database is { Synchronous: true, Last: Succession.FailOver }) Outlived(before, rows);
                history.Rewind(rows.Head.Chain, scheduler.Now);
                recorder.Lost(rows.Head.Org, rows.Head.Revision);
                // what was promised of the past was lost with it
                settled.RemoveAll(promise => promise.Org == rows.Head.Org);
                continue;
            }
            if (before is not null && rows.Revisions[(int)before.State.Revision].At <= before.Record!.At)
                Report("what was true at last_at is final", $"org {rows.Head.Org}: revision {before.State.Revision + 1} is not after {before.Record.At}");
            foreach (var revision in rows.Read(before?.State.Revision ?? 0, int.MaxValue))
            {
                Committed(before, revision);
                if (history.Append(before, revision, version.Cluster.Incarnation, scheduler.Now) is not { } place)
                {
                    Report("the chain verifies", $"org {rows.Head.Org}: revision {revision.Revision} does not join on");
                    break;
                }
                // who decides again what was lost, by a clock that is behind, writes the same revision to the byte: it stands there again
                outlived.Remove(place.Chain);
                before = place;
                recorder.Committed(revision);
            }
        }
    }

    // where commits wait for the standby, nothing that was acknowledged goes with the primary
    void Outlived(OrgHistory.Place at, OrgRows rows)
    {
        for (OrgHistory.Place? place = at; place?.Record is { } record && record.Revision > rows.Head.Revision; place = History(rows.Head.Org).Find(place.Before))
        {
            outlived.Add(place.Chain);
            if (acknowledged.Contains(place.Chain)) Report("what is acknowledged survives the fail-over to a synchronous standby", $"revision {record.Revision} of request {record.RequestId}");
        }
    }

    /// <summary>A rewind may also take back what was promised and no revision shows.</summary>
    public void Rewound() => settled.Clear();

    public void Invoked(Attempt attempt) => attempts.Add(attempt.Command.RequestId, attempt);

    public void WriteReturned(int client, int node, Attempt attempt, Outcome<Applied> outcome)
    {
        var command = attempt.Command;
        var history = History(attempt.Org);
        if (outcome.Fault is { } fault)
        {
            Refused(attempt, fault, history);
            return;
        }
        var applied = outcome.Value;
        Known(attempt.Org, applied.State, "write");
        if (applied.Record is not { } record)
        {
            if (!history.Between(attempt.InvokedAt, scheduler.Now).Any(place => Decider.Decide(place.State, command) is { Fault: null } decided && decided.Value.Events.Count == 0))
                Report("a write that changes nothing is decided on the current state", $"{command.RequestId} {command}");
            return;
        }
        if (history.Find(record.Chain) is not { Record: { } committed } found || committed.RequestId != record.RequestId)
        {
            Report("what is acknowledged is committed", $"revision {record.Revision} of request {command.RequestId} is not in the journal");
            return;
        }
        acknowledged.Add(found.Chain);
        // a request may be lost, and written again by whoever knows that it was
        if (outlived.Contains(found.Chain)) Report("what is acknowledged survives the fail-over to a synchronous standby", $"revision {record.Revision} of request {record.RequestId} was lost before it was acknowledged");
        var replayed = record.RequestId != command.RequestId;
        if (replayed && !(attempts.TryGetValue(record.RequestId, out var first) && SameKey(first, attempt)))
            Report("an acknowledgement is of the write that was asked for", $"request {command.RequestId} was answered with revision {record.Revision} of request {record.RequestId}");
        if (!replayed && found.CommittedAt < attempt.InvokedAt)
            Report("a write takes effect between request and answer", $"request {command.RequestId}");
        if (applied.State.Revision < record.Revision)
            Report("a write's answer shows its own effect", $"state at {applied.State.Revision}, written at {record.Revision}");
        Session(client, node, attempt.Org, found);
    }

    public void ReadReturned(int client, int node, OrgId org, ReadOptions options, long invokedAt, Outcome<Snapshot> outcome, (string Environment, string Key)? only = null)
    {
        if (outcome.Fault is { } fault)
        {
            if (fault.Code is not FaultCode.Unavailable) Report("reads are refused for a reason", $"{fault}");
            return;
        }
        var (state, ago) = (outcome.Value.State, outcome.Value.ConfirmedAgo);
        if (Known(org, state, "read", only) is not { } place) return;
        var history = History(org);
        if (options.Consistency == Consistency.Strong && !history.Between(invokedAt, scheduler.Now).Contains(place))
            Report("strong reads are linearizable", $"{state.Place.CursorText} was answered by node {node}; between request and answer the head was {string.Join(", ", history.Between(invokedAt, scheduler.Now).Select(p => p.State.Place.CursorText))}");
        if (options.Consistency == Consistency.Local && !history.Between(invokedAt - ago.Ticks, scheduler.Now).Contains(place))
            Report("a local read is honest about its staleness", $"{state.Place.CursorText} was not the head within the last {ago.TotalMilliseconds} ms");
        if (options.MaxStaleness is { } most && ago > most) Report("max_staleness is kept", $"{ago} is more than {most}");
        if (options.MinCursor is { } cursor && state.Revision < cursor.Revision) Report("min_cursor is reached", $"{state.Place.CursorText} is before {cursor}");
        Session(client, node, org, place);
    }

    /// <summary>Rights were looked at: as the journal has them at the very place that answers.</summary>
    public void AccessDecided(AccessAsked asked, OrgState answering, Fault? refused)
    {
        if (History(answering.Org).Find(answering.Place.Chain) is not { } place) return;
        if (Authorisation.Check(place.State.Access, asked.Principal, asked.Permission, asked.Environment, asked.Key) is null != refused is null)
            Report("rights are those of the state that answers", $"{asked} at {answering.Place.CursorText} was {(refused is null ? "allowed" : "refused")}");
    }

    /// <summary>A flag was evaluated: as all its environment's flags say, compiled anew from their texts.</summary>
    public void Evaluated(OrgState state, string environment, string flag, FlagContext context, Timestamp at, FlagAnswer answer)
    {
        if (History(state.Org).Find(state.Place.Chain) is not { } place) return;
        var flags = place.State.Environment(environment)?.Flags ?? EnvironmentFlags.Empty;
        if (!ReferenceEquals(anew.Of, flags)) anew = (flags, EnvironmentFlags.Of([.. flags.Items], flags.Deleted, flags.ChangedRevision).Set);
        var expected = anew.Set.Evaluate(flag, context, at);
        if ((expected.Variant?.Name, expected.Reason, expected.Error) != (answer.Variant?.Name, answer.Reason, answer.Error))
            Report("a flag answers what the journal says", $"{flag} in {environment} at {state.Place.CursorText}: {answer.Variant?.Name} {answer.Reason} {answer.Error}, and should be {expected.Variant?.Name} {expected.Reason} {expected.Error}");
    }

    /// <summary>A watcher who may not see everything was shown something: he must have had the right to, at the revision or since.</summary>
    public void Shown(OrgId org, Principal principal, WatchFrame frame)
    {
        if (frame.Revision is not { } revision) return;
        foreach (var change in frame.Seen.Select(index => revision.Changes[index]))
            if (!History(org).Since(revision.Record.Chain).Any(place => change.IsVisible(place.State.Access.RightsOf(principal))))
                Report("no watcher sees what he may not", $"{principal.ActorId} saw {change.Kind} {change.Environment}/{change.Key} of revision {revision.Record.Revision} in org {org}");
    }

    public void SettleReturned(OrgId org, Timestamp moment, Timestamp primaryThen, Outcome<OrgState> outcome)
    {
        if (outcome.Fault is { } fault)
        {
            if (fault.Code == FaultCode.Invalid && moment < primaryThen) Report("the past can be read", $"{moment} was refused at {primaryThen}");
            return;
        }
        Known(org, outcome.Value, "settle");
        settled.Add((org, moment));
    }

    /// <summary>At the end: what the tables, the nodes and the journal say must be one.</summary>
    public void Finish(IEnumerable<OrgState> nodes)
    {
        Secrets.Finish();
        foreach (var rows in database.Current.Orgs.Values)
        {
            var history = History(rows.Head.Org);
            var replayed = OrgState.Empty(rows.Head.Org, rows.Head.Incarnation);
            foreach (var revision in rows.Read(0, int.MaxValue)) replayed = Decider.Evolve(replayed, revision);
            if (StateEquality.Difference(replayed, rows.Load()) is { } drift) Report("tables equal the journal", drift);
            Projected(rows);
            if (history.Head is { } head && StateEquality.Difference(replayed, head.State) is { } other) Report("the journal equals what was committed", other);
        }
        foreach (var state in nodes)
        {
            Known(state.Org, state, "node");
            if (History(state.Org).Head is { } head && head.State.Place.CursorText != state.Place.CursorText)
                Report("all nodes converge", $"a node is at {state.Place.CursorText} and the head is {head.State.Place.CursorText}");
        }
    }

    // whatever befell those who built it: all of the journal once, and nothing else
    void Projected(OrgRows rows)
    {
        var expected = rows.Revisions.IsEmpty ? ProjectedRows.None : ProjectedRows.None.With(rows.Revisions);
        if (rows.Projected.Checkpoint != expected.Checkpoint) Report("an asynchronous projection ends level", $"org {rows.Head.Org}: it is at {rows.Projected.Checkpoint}, and the head at {expected.Checkpoint}");
        else if (!rows.Projected.Streams.SequenceEqual(expected.Streams)) Report("an asynchronous projection has each event once", $"org {rows.Head.Org}: {string.Join(", ", rows.Projected.Streams.Except(expected.Streams))} and should be {string.Join(", ", expected.Streams.Except(rows.Projected.Streams))}");
    }

    public void Report(string rule, string detail) => Violations.Add(new Violation(rule, detail, scheduler.Elapsed));

    void Committed(OrgHistory.Place? before, RevisionRecord revision)
    {
        if (refused.Contains(revision.RequestId)) Report("what is refused is never written", $"request {revision.RequestId} was refused before, and is revision {revision.Revision}");
        if (revision.At > database.Now with { Microseconds = database.Now.Microseconds + ClockBoundMicroseconds }) Report("times follow the primary's clock", $"revision {revision.Revision} is at {revision.At}, now is {database.Now}");
        if (before is not null && revision.At < before.Record!.At) Report("times never fall", $"revision {revision.Revision}");
        foreach (var (_, moment) in settled.Where(promise => promise.Org == revision.Org && revision.At <= promise.Moment))
            Report("a settled past does not change", $"revision {revision.Revision} is at {revision.At}, not after {moment}, which was settled");
        if (!attempts.TryGetValue(revision.RequestId, out var attempt))
        {
            Report("nothing is written that nobody asked for", $"request {revision.RequestId}");
            return;
        }
        var decided = Decider.Decide(before?.State ?? OrgState.Empty(revision.Org, Guid.Empty), attempt.Command);
        if (decided.Fault is { } fault) Report("a write is decided on the revision before it", $"revision {revision.Revision} would have been refused: {fault.Detail}");
        else if (!decided.Value.Events.Select(e => e.Encode()).SequenceEqual(revision.Events.Select(e => e.Data!), ByteComparer.Instance))
            Report("a write is decided on the revision before it", $"revision {revision.Revision} holds other events");
        if (attempt.Idempotency is { } idempotency) OnceOnly(revision, idempotency);
        foreach (var e in revision.Events)
            if (e.Payload is ConfigSet or ConfigDeleted or FlagDefined or FlagArchived or FlagDeleted && (VersionBefore(before?.State, e.Stream) ?? 0) + 1 != e.StreamVersion)
                Report("versions count without gaps", $"{e.Stream} is {e.StreamVersion}");
    }

    void OnceOnly(RevisionRecord revision, Idempotency idempotency)
    {
        var key = (revision.Org, revision.Actor, idempotency.Key);
        // the same request again is the retry of one that a rewind took
        if (committedKeys.TryGetValue(key, out var earlier) && earlier != revision.RequestId && database.Current.Org(revision.Org)!.Requests.ContainsKey(earlier))
            Report("an idempotency key has one effect", $"key {idempotency.Key} wrote as {earlier} and again as {revision.RequestId}");
        committedKeys[key] = revision.RequestId;
    }

    void Refused(Attempt attempt, Fault fault, OrgHistory history)
    {
        if (fault.Code != FaultCode.OutcomeUnknown && database.Current.Org(attempt.Org)?.Requests.ContainsKey(attempt.Command.RequestId) == true)
            Report("what is refused is never written", $"request {attempt.Command.RequestId} was refused ({fault.Code}: {fault.Detail}) and stands in the journal");
        switch (fault.Code)
        {
            case FaultCode.OutcomeUnknown:
                return;
            case FaultCode.Unavailable:
                refused.Add(attempt.Command.RequestId);
                return;
            case FaultCode.IdempotencyConflict:
                if (attempt.Idempotency is null || !attempts.Values.Any(other => other.Idempotency?.Key == attempt.Idempotency.Key && !SameKey(other, attempt)))
                    Report("refused for a reason", $"{attempt.Command.RequestId}: {fault.Detail}");
                refused.Add(attempt.Command.RequestId);
                return;
            case FaultCode.Invalid when Poisoned(attempt.Command):
                refused.Add(attempt.Command.RequestId);
                return;
        }
        refused.Add(attempt.Command.RequestId);
        if (!history.Between(attempt.InvokedAt, scheduler.Now).Any(place => Decider.Decide(place.State, attempt.Command).Fault?.Code == fault.Code))
            Report("a refusal is decided on the current state", $"{fault.Code}: {fault.Detail}");
    }

    // a node's state must be what the journal says of its place
    OrgHistory.Place? Known(OrgId org, OrgState state, string what, (string Environment, string Key)? only = null)
    {
        if (History(org).Find(state.Place.Chain) is not { } place)
        {
            // an org that is not there yet stands before all places
            if (state.Revision > 0) Report("answers show committed state", $"{what}: {state.Place.CursorText} was never committed");
            return null;
        }
        var differs = only is { } key ? StateEquality.DifferenceOfKey(state, place.State, key.Environment, key.Key)
            : verified.TryAdd(state, state) ? StateEquality.Difference(place.State, state) : null;
        if (differs is { } difference)
            Report("answers equal the journal", $"{what} at {state.Place.CursorText}: {difference}");
        return place;
    }

    // a client that stays with a node never goes back, unless what it saw was lost
    void Session(int client, int node, OrgId org, OrgHistory.Place place)
    {
        if (sessions.TryGetValue((client, node, org), out var before) && before.State.Revision > place.State.Revision && StillThere(before))
            Report("a session never goes back", $"client {client} on node {node} saw {before.State.Place.CursorText} and then {place.State.Place.CursorText}");
        if (before is null || place.State.Revision >= before.State.Revision || !StillThere(before)) sessions[(client, node, org)] = place;
    }

    bool StillThere(OrgHistory.Place place) => database.Current.Org(place.State.Org) is { } rows && rows.Head.Revision >= place.State.Revision
        && rows.Revisions[(int)place.State.Revision - 1].Chain.AsSpan().SequenceEqual(place.State.Place.Chain);

    static bool SameKey(Attempt a, Attempt b) => a.Idempotency is { } x && b.Idempotency is { } y && x.Key == y.Key && x.Fingerprint.AsSpan().SequenceEqual(y.Fingerprint);

    static bool Poisoned(Command command) => command is ChangeSet changes
        && changes.Changes.Any(change => change.Value is { } value && System.Text.Encoding.UTF8.GetString(value).Contains(SimulatedJournalStore.Poison, StringComparison.Ordinal));

    static long? VersionBefore(OrgState? state, string stream)
    {
        var parts = stream.Split('/', 3);
        var environment = state?.Environment(parts[1]);
        return parts[0] == "flag" ? environment?.Flags.LastVersion(parts[2]) : environment?.LastVersion(parts[2]);
    }

    sealed class ByteComparer : IEqualityComparer<byte[]>
    {
        public static readonly ByteComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => obj.Length;
    }
}
