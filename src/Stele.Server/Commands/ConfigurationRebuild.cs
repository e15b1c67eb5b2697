using System.Globalization;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Configs;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Commands;

/// <summary>
/// <c>stele projections rebuild configuration</c>: configuration and configuration_history from the journal alone, while
/// servers write. Each org is replayed into successors of the tables by the statements that appends use; what is appended
/// meanwhile is written through (<see cref="TableSuccession"/>), so one pass up to the head is enough.
/// </summary>
internal sealed class ConfigurationRebuild(TableSuccession succession, IJournalStore journal, ProgressText progress, TimeProvider time)
{
    const int AttemptsMax = 100;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Does it; how each org's new rows compare with the old ones, and how long readers and writers were locked out.</summary>
    public async Task<(IReadOnlyList<TableComparison> Compared, TimeSpan LockedOut)> Run(IReadOnlyList<OrgId> orgs, CancellationToken cancellation)
    {
        await succession.Begin(succession.ShardsBefore, cancellation);
        foreach (var org in orgs) await Replay(org, cancellation);
        progress.Step("comparing old and new");
        var compared = await succession.Compare(cancellation);
        return (compared, await succession.Swap(progress.Step, cancellation));
    }

    async Task Replay(OrgId org, CancellationToken cancellation)
    {
        // read after the triggers are there: whatever is later is written through
        var last = await JournalReplay.Head(journal, org, cancellation);
        var state = OrgState.Empty(org, Guid.Empty);
        await foreach (var page in JournalReplay.Pages(journal, org, 0, last, cancellation))
        {
            var next = page.Aggregate(state, Decider.Evolve);
            await Write(new AppendBatch(state, next, page, []), cancellation);
            state = next;
            progress.Count(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {state.Revision} of {last} revisions"));
        }
        progress.Step(string.Create(CultureInfo.InvariantCulture, $"organization {org}: {last} revisions replayed"));
    }

    async Task Write(AppendBatch append, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            await using var batch = new NpgsqlBatch(succession.Connection);
            ConfigProjection.WriteSuccessors(batch, append);
            if (batch.BatchCommands.Count == 0) return;
            try
            {
                await batch.ExecuteNonQueryAsync(cancellation);
                return;
            }
            catch (PostgresException busy) when (busy.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected && attempt < AttemptsMax)
            {
                // a server writes one of these rows through: it goes first
                await Task.Delay(Pause, time, cancellation);
            }
        }
    }
}
