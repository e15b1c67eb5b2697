using System.Text.Json.Serialization;

namespace Stele.Simulation.Checking.Histories;

/// <summary>One line of a history: something that was seen at a moment. The format is documented in docs/operations/histories.md.</summary>
/// <param name="At">Microseconds since the run's beginning, by one monotonic clock for all clients of the run.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(RunBegan), "run")]
[JsonDerivedType(typeof(Invoked), "invoke")]
[JsonDerivedType(typeof(EndedOk), "ok")]
[JsonDerivedType(typeof(EndedFailed), "fail")]
[JsonDerivedType(typeof(EndedUnknown), "unknown")]
[JsonDerivedType(typeof(StreamOpened), "stream")]
[JsonDerivedType(typeof(FrameReceived), "frame")]
[JsonDerivedType(typeof(StreamIsLevel), "level")]
[JsonDerivedType(typeof(HeadLost), "lost")]
[JsonDerivedType(typeof(RevisionStands), "revision")]
internal abstract record HistoryLine(long At);

/// <summary>The first line.</summary>
/// <param name="At">0.</param>
/// <param name="Format">1.</param>
/// <param name="Source">What ran: simulation, prove.</param>
/// <param name="Seed">From which seed.</param>
internal sealed record RunBegan(long At, int Format, string Source, string Seed) : HistoryLine(At);

/// <summary>A client asks for something.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Its number, which its end names.</param>
/// <param name="Client">Who: one thing at a time, unless it says that it does not care.</param>
/// <param name="Node">Of which node.</param>
/// <param name="Org">In which organization.</param>
/// <param name="Call">What.</param>
internal sealed record Invoked(long At, int Op, string Client, string Node, string Org, CallKind Call) : HistoryLine(At)
{
    /// <summary>Of a write: unique to it, and found again in the journal.</summary>
    public string? Tag { get; init; }

    /// <summary>Of a write: the key under which it may be sent again.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Of a write: what it is to do; null: something that is not told here.</summary>
    public IReadOnlyList<WrittenItem>? Changes { get; init; }

    /// <summary>Of a read: strong or local.</summary>
    public string? Consistency { get; init; }

    /// <summary>Of a read: the place that must have been reached.</summary>
    public string? MinCursor { get; init; }

    /// <summary>Of a read: the items that were asked for.</summary>
    public IReadOnlyList<ItemName>? Items { get; init; }

    /// <summary>Of a read: everything under a prefix.</summary>
    public ItemPrefix? List { get; init; }

    /// <summary>Whether it is a strong read.</summary>
    [JsonIgnore]
    public bool IsStrong => Call == CallKind.Read && Consistency != "local";
}

/// <summary>What is asked for.</summary>
internal enum CallKind
{
    Write,
    Read,
}

/// <summary>The end of an operation.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Which.</param>
internal abstract record Ended(long At, int Op) : HistoryLine(At);

/// <summary>It was done.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Which.</param>
internal sealed record EndedOk(long At, int Op) : Ended(At, Op)
{
    /// <summary>Of a write the revision that it made; none: nothing changed. Of a read where it read.</summary>
    public string? Cursor { get; init; }

    /// <summary>What was shown: those that were asked for and are there.</summary>
    public IReadOnlyList<ShownItem>? Items { get; init; }
}

/// <summary>It was not done, and never will be.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Which.</param>
/// <param name="Code">Why: the fault's code.</param>
internal sealed record EndedFailed(long At, int Op, string Code) : Ended(At, Op);

/// <summary>Nobody knows whether it was done, or will be.</summary>
/// <param name="At">When.</param>
/// <param name="Op">Which.</param>
/// <param name="Code">Why: the fault's code, timeout, broken.</param>
internal sealed record EndedUnknown(long At, int Op, string Code) : Ended(At, Op);

/// <summary>A watcher connects, for the first time or again.</summary>
/// <param name="At">When.</param>
/// <param name="Stream">The name of what it follows over all its connections.</param>
/// <param name="Client">Who.</param>
/// <param name="Node">At which node.</param>
/// <param name="Org">In which organization.</param>
/// <param name="Environment">In which environment.</param>
/// <param name="Prefixes">What begins with any of them; none: everything.</param>
internal sealed record StreamOpened(long At, string Stream, string Client, string Node, string Org, string Environment, IReadOnlyList<string> Prefixes) : HistoryLine(At)
{
    /// <summary>Of which kinds; null: of all.</summary>
    public IReadOnlyList<string>? Kinds { get; init; }

    /// <summary>From where; null: from now.</summary>
    public string? From { get; init; }
}

/// <summary>A watcher gets something.</summary>
/// <param name="At">When.</param>
/// <param name="Stream">Which.</param>
/// <param name="Kind">What: change, synced, progress, reset, end.</param>
internal sealed record FrameReceived(long At, string Stream, string Kind) : HistoryLine(At)
{
    /// <summary>Where the stream is after it.</summary>
    public string? Cursor { get; init; }

    /// <summary>Of a change: the whole of what is seen of the revision.</summary>
    public IReadOnlyList<SeenChange>? Changes { get; init; }
}

/// <summary>From here on a stream must be level with the journal.</summary>
/// <param name="At">When.</param>
/// <param name="Stream">Which.</param>
internal sealed record StreamIsLevel(long At, string Stream) : HistoryLine(At);

/// <summary>The journal went back: a fail-over or a restore lost what came after a revision. Stands between revisions, in order of commit.</summary>
/// <param name="At">When.</param>
/// <param name="Org">Whose.</param>
/// <param name="Revision">The last one that is left.</param>
internal sealed record HeadLost(long At, string Org, long Revision) : HistoryLine(At);

/// <summary>What stands in the journal, in order of commit.</summary>
/// <param name="At">When it was committed, if that is known; else 0.</param>
/// <param name="Org">Whose.</param>
/// <param name="Revision">Its number.</param>
/// <param name="Cursor">Its cursor.</param>
/// <param name="Tag">The tag of the write that made it, or null.</param>
/// <param name="Events">What it did, as far as configuration and flags go.</param>
internal sealed record RevisionStands(long At, string Org, long Revision, string Cursor, string? Tag, IReadOnlyList<StoredEvent> Events) : HistoryLine(At)
{
    /// <summary>Whether it was made by no operation of this history.</summary>
    public bool? Setup { get; init; }

    /// <summary>
    /// Whether it stood only on a primary that had been deposed and that nobody had fenced: committed there, on no standby, and gone with it.
    /// Follows the revision after which the two sides differ, or the one before it on the same side; <see cref="HistoryLine.At"/> is when the other side began.
    /// </summary>
    public bool? Aside { get; init; }
}

/// <summary>Which item.</summary>
/// <param name="Kind">config or flag.</param>
/// <param name="Environment">Where.</param>
/// <param name="Key">Its key.</param>
internal sealed record ItemName(string Kind, string Environment, string Key)
{
    /// <summary>The journal's name for it.</summary>
    [JsonIgnore]
    public string Stream => $"{Kind}/{Environment}/{Key}";
}

/// <summary>Everything under a prefix.</summary>
/// <param name="Kind">config or flag.</param>
/// <param name="Environment">Where.</param>
/// <param name="Prefix">How their keys begin.</param>
internal sealed record ItemPrefix(string Kind, string Environment, string Prefix)
{
    /// <summary>How their streams begin.</summary>
    [JsonIgnore]
    public string Stream => $"{Kind}/{Environment}/{Prefix}";
}

/// <summary>One change of a write.</summary>
/// <param name="Op">set, delete or check.</param>
/// <param name="Kind">config or flag.</param>
/// <param name="Environment">Where.</param>
/// <param name="Key">Of what.</param>
internal sealed record WrittenItem(string Op, string Kind, string Environment, string Key)
{
    /// <summary>Raw JSON; null: it is not told, or none.</summary>
    public string? Value { get; init; }

    /// <summary>The version that must be there; 0: none.</summary>
    public int? ExpectedVersion { get; init; }

    /// <summary>The journal's name for it.</summary>
    [JsonIgnore]
    public string Stream => $"{Kind}/{Environment}/{Key}";
}

/// <summary>One item as it was shown.</summary>
/// <param name="Kind">config or flag.</param>
/// <param name="Environment">Where.</param>
/// <param name="Key">Its key.</param>
/// <param name="Version">Its version.</param>
internal sealed record ShownItem(string Kind, string Environment, string Key, long Version)
{
    /// <summary>Raw JSON; null: it was not shown.</summary>
    public string? Value { get; init; }

    /// <summary>The journal's name for it.</summary>
    [JsonIgnore]
    public string Stream => $"{Kind}/{Environment}/{Key}";
}

/// <summary>One change as a watcher sees it.</summary>
/// <param name="Op">set or delete.</param>
/// <param name="Kind">config or flag.</param>
/// <param name="Environment">Where.</param>
/// <param name="Key">Of what.</param>
/// <param name="Version">The version from now on.</param>
internal sealed record SeenChange(string Op, string Kind, string Environment, string Key, long Version)
{
    /// <summary>Raw JSON; null: it is not told, or it is gone.</summary>
    public string? Value { get; init; }
}

/// <summary>One event of a revision.</summary>
/// <param name="Stream">KIND/ENVIRONMENT/KEY.</param>
/// <param name="Version">The stream's version from now on.</param>
internal sealed record StoredEvent(string Stream, long Version)
{
    /// <summary>Raw JSON; null: it is deleted, or put away.</summary>
    public string? Value { get; init; }
}
