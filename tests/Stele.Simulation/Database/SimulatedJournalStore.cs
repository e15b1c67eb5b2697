using System.Text;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Database;

/// <summary>One node's way to the simulated PostgreSQL: what each call does there. How it gets there is in <see cref="DatabaseLink"/>.</summary>
internal sealed class SimulatedJournalStore(SimulatedDatabase database, DatabaseLink link, Mutant mutant) : IJournalStore
{
    // appends of this store that are at work, for Unblock
    readonly List<(Session Session, OrgId Org)> appending = [];
    HeadsAnswer? staleHeads;

    /// <summary>For a mutant: where the node of this store believes an org to be.</summary>
    public Func<OrgId, JournalPlace?> Believed { get; set; } = static _ => null;

    /// <summary>U+0000 in JSON: what a column of type text refuses.</summary>
    public const string Poison = "\\u0000";

    static readonly TimeSpan SettleWait = TimeSpan.FromSeconds(5);
    static readonly TimeSpan IdleInTransaction = TimeSpan.FromSeconds(2);
    static readonly TimeSpan IdempotencyTime = TimeSpan.FromHours(24);

    public Task<LoadedState> Load(OrgId org, long bytesMax, CancellationToken cancellation) => link.Ask("load", cancellation, _ =>
    {
        // the snapshot is taken first; a slow load answers from an old one
        var rows = database.Current.Org(org);
        var state = (mutant == Mutant.ForgetTheOrgFilter && rows is not null ? rows with { Tables = OfAllOrgs(rows) } : rows)?.Load();
        var bytes = state?.MemoryBytes ?? 0;
        return Task.FromResult(new LoadedState(bytes > bytesMax ? null : state, bytes));
    });

    public Task<OrgState?> LoadKey(OrgId org, Principal principal, string? environment, string key, CancellationToken cancellation) => link.Ask("load key", cancellation, _ =>
    {
        var rows = database.Current.Org(org);
        return Task.FromResult(rows?.Load((environment ?? rows.Tables.Organization?.DefaultEnvironment ?? "", key)));
    });

    public Task<AppendAnswer> Append(AppendBatch batch)
    {
        if (mutant == Mutant.AcknowledgeBeforeCommit)
        {
            _ = link.Append("append", session => AppendIn(session, batch, batch.Org));
            return Task.FromResult(new AppendAnswer(AppendStatus.Committed));
        }
        return Mutate(link.Append("append", session => AppendIn(session, batch, batch.Org)));
    }

    public async Task<AppendAnswer> AppendLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide)
    {
        // a client whose connection breaks while it decides hears of it when it has decided; one that has heard is not asked
        var deciding = Task.CompletedTask;
        var answered = false;
        var answer = await Mutate(AskLocked(org, head => answered ? Task.FromResult<AppendBatch?>(null) : (Task<AppendBatch?>)(deciding = decide(head))));
        answered = true;
        await ((Task)deciding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        return answer;
    }

    Task<AppendAnswer> AskLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide) => link.Converse("append locked", async session =>
    {
        appending.Add((session, org));
        try
        {
            if (await database.Locks.Take(session, LockTable.Head(org), SettleWait) is var end and not LockEnd.Taken) return Rollback(end);
            if (database.Current.Org(org) is not { } rows) return new AppendAnswer(AppendStatus.NotWritten, "the org has no head");
            AppendBatch? batch = null;
            Exception? thrown = null;
            _ = EndIdle(session);
            if (!await session.HearClient(() => link.CallBack(async () =>
            {
                try
                {
                    batch = await decide(rows.Head);
                }
                catch (StoreUnavailableException e)
                {
                    thrown = e;
                }
            }))) return new AppendAnswer(AppendStatus.NotWritten, "terminating connection due to administrator command");
            if (batch is null) return new AppendAnswer(AppendStatus.NotWritten, thrown?.Message);
            await link.SendCommit(session);
            return await Transact(session, batch, org);
        }
        finally
        {
            appending.Remove((session, org));
        }
    });

    public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation) => link.Ask("heads", cancellation, _ =>
    {
        var heads = new List<Head>();
        foreach (var org in orgs)
            if (database.Current.Org(org)?.Head is { } head) heads.Add(mutant == Mutant.IgnoreChain ? AsBelieved(head) : head);
        var answer = new HeadsAnswer(heads, database.Now, database.Identity());
        if (mutant == Mutant.StaleHeads && staleHeads is not null && link.Dice.Chance(0.7)) return Task.FromResult(staleHeads);
        return Task.FromResult(staleHeads = answer);
    });

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) =>
        link.Ask("read", cancellation, _ =>
        {
            IReadOnlyList<RevisionRecord> found = database.Current.Org(org)?.Read(afterRevision, limit) ?? [];
            if (mutant == Mutant.TornRevision) found = [.. found.Select(Torn)];
            return Task.FromResult(found);
        });

    public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) =>
        link.Ask("read some", cancellation, _ =>
        {
            var rows = database.Current.Org(org);
            return Task.FromResult<IReadOnlyList<RevisionRecord>>([.. revisions.SelectMany(revision => rows?.Read(revision - 1, 1) ?? [])]);
        });

    public Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) =>
        link.Ask("places", cancellation, _ => Task.FromResult<IReadOnlyList<JournalPlace>>([.. (database.Current.Org(org)?.Revisions ?? []).Where(record => revisions.Contains(record.Revision)).Select(JournalPlace.Of)]));

    public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) =>
        link.Ask("find", cancellation, _ =>
        {
            List<long> found = [.. (database.Current.Org(org)?.Read(after, int.MaxValue) ?? [])
                .Where(record => record.Revision <= upTo && record.Events.Any(e => streams.Any(range => string.CompareOrdinal(e.Stream, range.From) >= 0 && string.CompareOrdinal(e.Stream, range.To) < 0)))
                .Select(record => record.Revision)];
            return Task.FromResult(new FoundRevisions(found.Count > most ? null : found, 0));
        });

    public Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) =>
        link.Ask("find_next", cancellation, _ =>
        {
            List<long> found = [.. (database.Current.Org(org)?.Read(after, int.MaxValue) ?? [])
                .Where(record => record.Revision <= upTo && record.Events.Any(e => streams.Any(range => string.CompareOrdinal(e.Stream, range.From) >= 0 && string.CompareOrdinal(e.Stream, range.To) < 0)))
                .Select(record => record.Revision).Take(most)];
            return Task.FromResult(new FoundRevisions(found, 0) { Through = found.Count == most ? found[^1] : upTo });
        });

    public Task<IReadOnlyDictionary<Guid, long>> Settle(OrgId org, long fence, IReadOnlyCollection<Guid> requestIds, CancellationToken cancellation) =>
        link.Ask("settle", cancellation, async session =>
        {
            if (mutant != Mutant.SettleWithoutFence)
            {
                await Lock(session, org);
                var replicated = await link.Commit(session, () =>
                {
                    if (database.Current.Org(org) is { } before)
                        database.Commit(database.Current.With(before with { Head = before.Head with { Fence = Math.Max(before.Head.Fence, fence) + 1 } }));
                });
                database.Locks.Release(session);
                // what the fence is to settle may be lost with it
                if (!replicated && mutant != Mutant.TrustAnUnreplicatedFence) throw new StoreUnavailableException("canceling wait for synchronous replication");
            }
            var landed = new Dictionary<Guid, long>();
            if (database.Current.Org(org) is { } rows)
                foreach (var id in requestIds)
                    if (rows.Requests.TryGetValue(id, out var revision)) landed[id] = revision;
            return (IReadOnlyDictionary<Guid, long>)landed;
        });

    public Task<AppendAnswer> RaiseLastAt(OrgId org, Guid incarnation, long fence, JournalPlace place, Timestamp at) => link.Append("raise last_at", async session =>
    {
        if (at > database.Now) return new AppendAnswer(AppendStatus.BadData, $"{at} has not come yet");
        if (await database.Locks.Take(session, LockTable.Head(org), SettleWait) is var end and not LockEnd.Taken) return Rollback(end);
        if (database.Current.Org(org) is not { } rows || rows.Head.Incarnation != incarnation || rows.Head.Fence != fence
            || rows.Head.Revision != place.Revision || !rows.Head.Chain.AsSpan().SequenceEqual(place.Chain)) return new AppendAnswer(AppendStatus.LostRace);
        var replicated = await link.Commit(session, () =>
        {
            if (mutant != Mutant.IgnoreLastAt && database.Current.Org(org) is { } now) database.Commit(database.Current.With(now with { Head = now.Head with { LastAt = Timestamp.Later(now.Head.LastAt, at) } }));
        });
        return new AppendAnswer(replicated ? AppendStatus.Committed : AppendStatus.Unknown);
    });

    public Task<IdempotentOutcome?> FindOutcome(OrgId org, string principal, string key, CancellationToken cancellation) =>
        link.Ask("find outcome", cancellation, async session =>
        {
            var rows = database.Current.Org(org);
            var found = rows?.Outcomes.GetValueOrDefault((principal, key));
            if (mutant == Mutant.ForgetIdempotency || found is null || Forgotten(found)) return null;
            // what is found is acknowledged: the standby must have it
            if (!await link.Commit(session, static () => { })) throw new StoreUnavailableException("canceling wait for synchronous replication");
            return new IdempotentOutcome(found.Fingerprint, found.Revision, rows!.Revisions[(int)found.Revision - 1].RequestId);
        });

    public Task<bool> BeginIncarnation(Guid expected, Guid next, CancellationToken cancellation) => link.Ask("begin incarnation", cancellation, async session =>
    {
        foreach (var org in database.Current.Orgs.Values) await Lock(session, org.Head.Org);
        var begun = false;
        await link.Commit(session, () =>
        {
            var now = database.Current;
            if (now.Cluster.Incarnation != expected) return;
            var changed = now with { Cluster = new ClusterRow(next, now.Cluster.Counter + 1, database.System, database.Timeline) };
            foreach (var rows in now.Orgs.Values)
                changed = changed.With(rows with { Head = rows.Head with { Incarnation = next, Fence = rows.Head.Fence + 1 } });
            database.Commit(changed);
            begun = true;
        });
        if (begun) link.Tally.Incarnations++;
        return begun;
    });

    public Task<int> WrittenFormat(CancellationToken cancellation) => link.Ask("written format", cancellation, _ => Task.FromResult(JournalFormat.Newest));

    public Task RaiseCounter(long expectedCounter, int timeline, CancellationToken cancellation) => link.Ask("raise counter", cancellation, _ =>
    {
        var cluster = database.Current.Cluster;
        if (cluster.Counter != expectedCounter) return Task.FromResult(false);
        database.Commit(database.Current with { Cluster = cluster with { Counter = cluster.Counter + 1, Timeline = timeline } });
        return Task.FromResult(true);
    });

    public Task Unblock(OrgId org, CancellationToken cancellation)
    {
        // taken on the client, as the real one does: the backends that this node's appends run on
        Session[] waiting = [.. appending.Where(at => at.Org == org).Select(at => at.Session)];
        return waiting.Length == 0 ? Task.CompletedTask : link.Ask("unblock", cancellation, _ =>
        {
            foreach (var session in waiting)
                if (database.Locks.BlockerOf(session) is { WaitsForClient: true } blocker) database.Kill(blocker);
            return Task.FromResult(true);
        });
    }

    // idle_in_transaction_session_timeout: it does not end a session that waits in the middle of what its client sends
    async Task EndIdle(Session session)
    {
        await database.Process.Time.Wait(IdleInTransaction);
        if (session.WaitsForClient) database.Kill(session);
    }

    async Task<AppendAnswer> AppendIn(Session session, AppendBatch batch, OrgId org)
    {
        appending.Add((session, org));
        try
        {
            return await Transact(session, batch, org);
        }
        finally
        {
            appending.Remove((session, org));
        }
    }

    async Task<AppendAnswer> Transact(Session session, AppendBatch batch, OrgId org)
    {
        foreach (var revision in batch.Revisions) database.Number(revision.RequestId);
        // the projections come first, so that the head is held for as short as can be; their rows are locked in order
        if (batch.Revisions.Any(Poisoned)) return new AppendAnswer(AppendStatus.BadData, "invalid byte sequence");
        foreach (var row in batch.Idempotency.OrderBy(row => row.Key, StringComparer.Ordinal))
        {
            if (await database.Locks.Take(session, $"key/{row.Principal}/{row.Key}", null) is var end and not LockEnd.Taken) return Rollback(end);
            if (mutant != Mutant.ForgetIdempotency && database.Current.Org(org)?.Outcomes.GetValueOrDefault((row.Principal, row.Key)) is { } taken && !Forgotten(taken))
                return new AppendAnswer(AppendStatus.IdempotencyKeyTaken);
        }
        foreach (var stream in batch.Revisions.SelectMany(revision => revision.Events).Select(e => e.Stream).Distinct().Order(StringComparer.Ordinal))
            if (await database.Locks.Take(session, $"row/{org}/{stream}", null) is var end and not LockEnd.Taken) return Rollback(end);
        if (mutant != Mutant.DropTheRowLock && await database.Locks.Take(session, LockTable.Head(org), null) is var head and not LockEnd.Taken) return Rollback(head);
        if (link.Stalls() && !await session.HearClient(link.StallTime)) throw new SessionEndedException();
        if (link.Conflict() is { } conflict) return new AppendAnswer(AppendStatus.NotWritten, conflict);
        if (!Fits(batch, org, out var rows) || batch.Revisions.Any(revision => rows!.Requests.ContainsKey(revision.RequestId))) return new AppendAnswer(AppendStatus.LostRace);
        var replicated = await link.Commit(session, () =>
        {
            // the head's lock keeps the org's rows as they were seen, and not what others write beside the journal
            var now = database.Current.Org(org);
            var after = rows!.With(batch, database.Now) with
            {
                Projected = now?.Projected ?? ProjectedRows.None, SecretKeys = (now?.SecretKeys ?? SecretKeys.Empty).With(batch.Rows, keepDestroyed: mutant == Mutant.LeaveTheDestroyedKey),
            };
            if (mutant == Mutant.ProjectionDrift) after = after with { Tables = Drifted(rows.Tables, after.Tables) };
            database.Commit(database.Current.With(after));
        });
        return new AppendAnswer(replicated || mutant == Mutant.TrustACancelledWait ? AppendStatus.Committed : AppendStatus.Unknown, replicated ? null : "canceling wait for synchronous replication");
    }

    bool Fits(AppendBatch batch, OrgId org, out OrgRows? rows)
    {
        var before = batch.Before;
        rows = database.Current.Org(org);
        if (rows is null && before.Revision == 0) rows = OrgRows.Create(org, database.Current.Cluster.Incarnation, before.Format);
        // whoever is last wins: what came between is written over
        if (mutant == Mutant.IgnoreTheCompareAndSet && rows is not null && rows.Head.Revision > before.Revision && rows.Head.Incarnation == before.Incarnation)
            rows = rows.Back(before.Revision);
        return rows is { Head: var head }
            && head.Incarnation == before.Incarnation
            && (head.Fence == before.Fence || mutant == Mutant.IgnoreFence)
            && head.Revision == before.Revision
            && (head.Chain.AsSpan().SequenceEqual(before.Place.Chain) || mutant == Mutant.IgnoreChain)
            && head.Format == before.Format
            && (head.LastAt <= batch.Revisions[0].At || mutant == Mutant.IgnoreLastAt);
    }

    async Task Lock(Session session, OrgId org)
    {
        var end = await database.Locks.Take(session, LockTable.Head(org), TimeSpan.FromSeconds(2));
        // whoever waits for the head that long has the blocker ended, if it is its client that it waits for
        if (end == LockEnd.TimedOut) throw new StoreUnavailableException("canceling statement due to lock timeout");
        if (end != LockEnd.Taken) throw new SessionEndedException();
    }

    bool Forgotten(StoredOutcome outcome) =>
        database.Now.Microseconds - outcome.CreatedAt.Microseconds > (long)IdempotencyTime.TotalMicroseconds;

    static bool Poisoned(RevisionRecord revision) =>
        revision.Events.Any(e => e.Data.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Poison)) >= 0);

    static AppendAnswer Rollback(LockEnd end) => end switch
    {
        LockEnd.Deadlock => new AppendAnswer(AppendStatus.NotWritten, "deadlock detected"),
        LockEnd.TimedOut => new AppendAnswer(AppendStatus.NotWritten, "canceling statement due to lock timeout"),
        _ => throw new SessionEndedException(),
    };

    async Task<AppendAnswer> Mutate(Task<AppendAnswer> append)
    {
        var answer = await append;
        if (answer.Status == AppendStatus.LostRace) link.Tally.LostRaces++;
        if (answer.Status == AppendStatus.Unknown) link.Tally.UnknownOutcomes++;
        return mutant == Mutant.UnknownAsNotWritten && answer.Status == AppendStatus.Unknown ? new AppendAnswer(AppendStatus.NotWritten) : answer;
    }

    static RevisionRecord Torn(RevisionRecord revision) =>
        revision.Events.Count < 2 ? revision : revision with { Events = [.. revision.Events.Take(revision.Events.Count - 1)] };

    // of two chains at one revision the node finds its own
    Head AsBelieved(Head head) => Believed(head.Org) is { } place && place.Revision == head.Revision ? head with { Chain = place.Chain } : head;

    ConfigurationTables OfAllOrgs(OrgRows rows)
    {
        var all = rows.Tables.Configuration;
        foreach (var other in database.Current.Orgs.Values)
            foreach (var (at, row) in other.Tables.Configuration)
                if (!all.ContainsKey(at)) all = all.Add(at, row);
        return rows.Tables with { Configuration = all };
    }

    static ConfigurationTables Drifted(ConfigurationTables before, ConfigurationTables after)
    {
        foreach (var (at, row) in after.Configuration)
            if (row.Value is null && before.Configuration.GetValueOrDefault(at)?.Value is not null)
                return after with { Configuration = after.Configuration.SetItem(at, before.Configuration[at]) };
        return after;
    }
}
