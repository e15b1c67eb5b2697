using System.Text;
using System.Text.Json;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Watch;
using Stele.Server.Journal;
using Stele.Simulation.Checking.Histories;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Checking;

/// <summary>
/// Writes the history of a run: what its clients saw, in the format of docs/operations/histories.md, so that the same checks
/// judge it that judge a run with real processes. Unlike the <see cref="Judge"/>, they know nothing but what clients know.
/// </summary>
internal sealed class HistoryRecorder
{
    readonly SimulatedScheduler scheduler;
    readonly List<HistoryLine> lines = [], journal = [];
    int ops;

    public HistoryRecorder(SimulatedScheduler scheduler, ulong seed)
    {
        this.scheduler = scheduler;
        lines.Add(new RunBegan(0, 1, "simulation", seed.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>All lines, the journal last.</summary>
    public IReadOnlyList<HistoryLine> Lines => [.. lines, .. journal];

    long Now => (long)scheduler.Elapsed.TotalMicroseconds;

    /// <summary>A write is called.</summary>
    public int Invoke(int client, int node, Judge.Attempt attempt)
    {
        lines.Add(new Invoked(Now, ++ops, $"c{client}", $"n{node}", $"{attempt.Org}", CallKind.Write)
        {
            Tag = Tag(attempt.Command.RequestId), IdempotencyKey = attempt.Idempotency is { } key ? $"{attempt.Command.Principal.ActorId}|{key.Key}" : null, Changes = Told(attempt.Command),
        });
        return ops;
    }

    /// <summary>A read of some keys is called.</summary>
    public int Invoke(int client, int node, OrgId org, ReadOptions options, string environment, IEnumerable<string> keys)
    {
        lines.Add(new Invoked(Now, ++ops, $"c{client}", $"n{node}", $"{org}", CallKind.Read)
        {
            Consistency = options.Consistency == Consistency.Strong ? "strong" : "local", MinCursor = options.MinCursor?.ToString(), Items = [.. keys.Select(key => new ItemName("config", environment, key))],
        });
        return ops;
    }

    /// <summary>A write ends; null: nobody heard.</summary>
    public void End(int op, Outcome<Applied>? answer) => lines.Add(answer switch
    {
        null => new EndedUnknown(Now, op, "timeout"),
        { Fault: { Code: FaultCode.OutcomeUnknown } fault } => new EndedUnknown(Now, op, Code(fault)),
        { Fault: { } fault } => new EndedFailed(Now, op, Code(fault)),
        { } ok => new EndedOk(Now, op) { Cursor = ok.Value.Record?.Cursor.ToString() },
    });

    /// <summary>A read ends; null: nobody heard.</summary>
    public void End(int op, Outcome<Snapshot>? answer, string environment, IReadOnlyList<string> keys) => lines.Add(answer switch
    {
        null => new EndedUnknown(Now, op, "timeout"),
        { Fault: { } fault } => new EndedFailed(Now, op, Code(fault)),
        { } ok => new EndedOk(Now, op) { Cursor = ok.Value.State.Place.CursorText, Items = Shown(ok.Value.State, environment, keys) },
    });

    /// <summary>A watcher connects.</summary>
    public void Connect(string stream, int node, OrgId org, WatchFilter filter, Cursor? from) =>
        lines.Add(new StreamOpened(Now, stream, stream, $"n{node}", $"{org}", filter.Environment, filter.Prefixes) { From = from?.ToString() });

    /// <summary>A watcher gets a frame, as it came over the wire.</summary>
    public void Receive(string stream, WatchFrame frame)
    {
        // of secrets a history tells nothing: a frame of them alone says how far the stream is
        var changes = frame.Kind == WatchFrameKind.Change ? Parsed(frame.Members) : [];
        var kind = frame.Kind == WatchFrameKind.Change && changes.Count == 0 ? WatchFrameKind.Progress : frame.Kind;
        lines.Add(new FrameReceived(Now, stream, kind.ToString().ToLowerInvariant()) { Cursor = frame.CursorText, Changes = changes.Count > 0 ? changes : null });
    }

    /// <summary>A client that follows has something in use: the whole of a prefix, as it stands at a place.</summary>
    public void Followed(string client, OrgId org, string environment, string prefix, string cursor, IReadOnlyList<ShownItem> items)
    {
        lines.Add(new Invoked(Now, ++ops, client, "in process", $"{org}", CallKind.Read) { Consistency = "local", List = new ItemPrefix("config", environment, prefix) });
        lines.Add(new EndedOk(Now, ops) { Cursor = cursor, Items = items });
    }

    /// <summary>A watcher must be level.</summary>
    public void Level(string stream) => lines.Add(new StreamIsLevel(Now, stream));

    /// <summary>A revision was committed.</summary>
    public void Committed(RevisionRecord revision) => journal.Add(new RevisionStands(Now, $"{revision.Org}", revision.Revision, revision.Cursor.ToString(), Tag(revision.RequestId), [.. revision.Events.Select(Stored).OfType<StoredEvent>()]));

    /// <summary>The journal went back.</summary>
    public void Lost(OrgId org, long revision) => journal.Add(new HeadLost(Now, $"{org}", revision));

    static string Tag(Guid request) => request.ToString("N");

    static string Code(Fault fault) => JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.Code.ToString());

    // what depends on more than the items' versions is not told
    static List<WrittenItem>? Told(Command command)
    {
        if (command is not ChangeSet { ExpectedRevision: null, Replaces: null, Secrets.Count: 0 } set) return null;
        var told = new List<WrittenItem>();
        foreach (var change in set.Changes)
            told.Add(new WrittenItem(change.Op.ToString().ToLowerInvariant(), "config", change.Environment?.Text ?? CommandMaker.Environments[0], change.Key.Text) { Value = Text(change.Value), ExpectedVersion = change.ExpectedVersion });
        foreach (var change in set.Flags)
        {
            // what only turns a switch leaves an archived flag put away
            if (change.Op == ChangeOp.Set && change.Content is null && change.Archived is null) return null;
            told.Add(new WrittenItem(change.Op == ChangeOp.Delete || change.Archived == true ? "delete" : "set", "flag", change.Environment?.Text ?? CommandMaker.Environments[0], change.Key.Text)
            {
                // true and false are not unique
                Value = change.Key.Kind == FlagItemKind.KillSwitch ? null : Text(change.Content?.Text), ExpectedVersion = change.ExpectedVersion,
            });
        }
        return told;
    }

    static List<ShownItem> Shown(OrgState state, string environment, IReadOnlyList<string> keys)
    {
        var shown = new List<ShownItem>();
        foreach (var key in keys)
            if (state.Environment(environment)?.Config(key) is { } entry) shown.Add(new ShownItem("config", environment, key, entry.Version) { Value = Text(entry.Value) });
        return shown;
    }

    static StoredEvent? Stored(EventRecord e) => e.Payload switch
    {
        ConfigSet set => new StoredEvent(e.Stream, e.StreamVersion) { Value = Text(set.Value) },
        FlagDefined set => new StoredEvent(e.Stream, e.StreamVersion) { Value = Text(set.Definition) },
        ConfigDeleted or FlagDeleted or FlagArchived => new StoredEvent(e.Stream, e.StreamVersion),
        _ => null,
    };

    static List<SeenChange> Parsed(byte[] members)
    {
        using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes($"{{{Encoding.UTF8.GetString(members)}}}"));
        return [.. document.RootElement.GetProperty("changes").EnumerateArray().Where(change => change.GetProperty("kind").GetString() != "secret").Select(change => new SeenChange(
            change.GetProperty("op").GetString()!, change.GetProperty("kind").GetString()!, change.GetProperty("environment").GetString()!, change.GetProperty("key").GetString()!, change.GetProperty("version").GetInt64())
        {
            Value = change.TryGetProperty("value", out var value) && change.GetProperty("op").GetString() == "set" ? value.GetRawText() : null,
        })];
    }

    static string? Text(byte[]? value) => value is null ? null : Encoding.UTF8.GetString(value);
}
