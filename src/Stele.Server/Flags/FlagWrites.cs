using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Flags;

/// <summary>What became of one item.</summary>
/// <param name="Environment">Where.</param>
/// <param name="Before">What it was; null: nothing.</param>
/// <param name="After">What it is.</param>
internal readonly record struct FlagMoved(string Environment, FlagEntry? Before, FlagEntry After)
{
    /// <summary>How much of the bucket space it moved.</summary>
    public FlagMove Move => FlagMove.Between(Before, After);

    /// <summary>Whether it is what an event of this stream did.</summary>
    public bool IsOf(string[] stream) => stream is ["flag", var environment, var key] && environment == Environment && key == After.Key;
}

/// <summary>Writes of flags, and what they would do: a dry run is decided on a fresh state by the same function, and ends there.</summary>
internal sealed class FlagWrites(JournalNode journal, FlagPast past)
{
    /// <summary>Appends a command, or only decides it.</summary>
    public async Task<Outcome<Applied>> Do(WriteRequest request, Command command)
    {
        if (!request.Parameters.DryRun) return await journal.Append(request.Caller.Org, command, request.Idempotency, CancellationToken.None);
        var read = await journal.Read(request.Caller.Org, new ReadOptions(Consistency.Strong, null, request.Parameters.MinCursor), CancellationToken.None);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (!Decider.Decide(snapshot.State, command).TryGet(out var decision, out fault)) return fault;
        // what it would be: the state stays the one that was asked
        return Decider.Apply(snapshot.State, command, decision, snapshot.State.LastAt) with { State = snapshot.State };
    }

    /// <summary>Of each item that a revision changed, what it was and what it is. From history, so that a repeated answer is the same one.</summary>
    public async Task<IReadOnlyList<FlagMoved>> Moves(Applied applied, bool dryRun, CancellationToken cancellation)
    {
        var moves = new List<FlagMoved>();
        if (applied.Record is not { } record) return moves;
        var sets = new Dictionary<string, EnvironmentFlags>(StringComparer.Ordinal);
        foreach (var e in record.Events)
        {
            if (!FlagProjection.IsOwn(e.Payload) || e.Stream.Split('/', 3) is not [_, var name, var key]) continue;
            if (!sets.TryGetValue(name, out var flags)) sets.Add(name, flags = await Before(applied, name, dryRun, cancellation));
            var before = flags.Item(key);
            var set = e.Payload as FlagDefined;
            var text = e.Payload is FlagDeleted ? null : set?.Definition ?? before?.Text;
            moves.Add(new FlagMoved(name, before, new FlagEntry(key, text, (int)e.StreamVersion, record.Revision, record.At, record.Actor, record.Reason, record.At, 0)
            {
                Killed = set?.Killed ?? before?.Killed ?? false, Archived = e.Payload is FlagArchived,
            }));
        }
        return moves;
    }

    async ValueTask<EnvironmentFlags> Before(Applied applied, string name, bool dryRun, CancellationToken cancellation)
    {
        if (applied.State.EnvironmentEver(name) is not { } environment) return EnvironmentFlags.Empty;
        return dryRun ? environment.Flags : await past.At(applied.State, environment, applied.Record!.Revision - 1, cancellation);
    }
}
