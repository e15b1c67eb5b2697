using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Journal;

/// <summary>What a node answers while an org is being loaded: a node whose loads end when the test says so, beside one that writes.</summary>
public sealed class LoadingTests
{
    static readonly ReadOptions Strong = new(Consistency.Strong, null, null), Local = new(Consistency.Local, null, null);

    static JournalNode Node(IJournalStore store, JournalOptions options) =>
        new(store, TimeProvider.System, options, new JournalMetrics(new Metrics()), new JournalLog(NullLogger<JournalLog>.Instance));

    static string Value(Outcome<Snapshot> read, string key) => Encoding.UTF8.GetString(read.Value.State.Environment("development")!.Config(key)!.Value!);

    [Fact]
    public async Task Single_keys_are_answered_by_SQL_and_nobody_goes_back_when_the_org_is_loaded()
    {
        await using var database = await Postgres.NewDatabase();
        await using var writer = await TestNode.Start(database);
        await writer.CreateOrg();
        await writer.Set("app.x", "1");
        await writer.Set("app.y", "1");
        var store = new HeldLoads(writer.Store);
        var node = Node(store, new JournalOptions { Tick = TimeSpan.Zero });

        var first = node.ReadKey(OrgId.Default, Principal.Root, Strong, "development", "app.x", CancellationToken.None).AsTask();
        await store.Snapshotted.Task;
        Assert.False(first.IsCompleted);
        node.Tick();
        var answered = await first;
        Assert.Equal("1", Value(answered, "app.x"));
        Assert.Single(answered.Value.State.Environment("development")!.Configs);

        // every write that was acknowledged before a strong read came is in it
        var written = (await writer.Set("app.x", "2")).Value.State;
        var second = await node.ReadKey(OrgId.Default, Principal.Root, Strong, "development", "app.x", CancellationToken.None);
        Assert.Equal(("2", written.Place.CursorText), (Value(second, "app.x"), second.Value.State.Place.CursorText));
        Assert.Equal("2", Value(await node.ReadKey(OrgId.Default, Principal.Root, Local with { MinCursor = written.Place.Cursor }, null, "app.x", CancellationToken.None), "app.x"));
        Assert.Empty(node.Orgs);

        // the load's own snapshot is older than what was shown
        store.Held.SetResult();
        var loaded = await node.Read(OrgId.Default, Local, CancellationToken.None);
        Assert.Equal("2", Value(loaded, "app.x"));
        Assert.Equal("1", Value(await node.ReadKey(OrgId.Default, Principal.Root, Local, null, "app.y", CancellationToken.None), "app.y"));
        Assert.Single(node.Orgs);
    }

    [Fact]
    public async Task Everything_else_waits_as_long_as_a_request_may_and_the_load_goes_on()
    {
        await using var database = await Postgres.NewDatabase();
        await using var writer = await TestNode.Start(database);
        await writer.CreateOrg();
        await writer.Set("app.x", "1");
        var store = new HeldLoads(writer.Store);
        var node = Node(store, new JournalOptions { RequestTime = TimeSpan.Zero });
        var list = node.Read(OrgId.Default, Strong, CancellationToken.None).AsTask();
        var write = node.Append(OrgId.Default, TestNode.SetOf("app.x", "2"), null, CancellationToken.None);
        await store.Snapshotted.Task;
        node.Tick();
        Assert.Equal((FaultCode.Unavailable, FaultCode.Unavailable), ((await list).Fault!.Code, (await write).Fault!.Code));
        var again = node.Read(OrgId.Default, Strong, CancellationToken.None).AsTask();
        store.Held.SetResult();
        Assert.Equal("1", Value(await again, "app.x"));
        Assert.Equal(1, store.Loads);
    }

    [Fact]
    public async Task An_org_is_not_dropped_under_a_write()
    {
        await using var database = await Postgres.NewDatabase();
        await using var writer = await TestNode.Start(database);
        await writer.CreateOrg();
        var store = new HeldLoads(writer.Store);
        store.Held.SetResult();
        var node = Node(store, new JournalOptions { Idle = TimeSpan.Zero });
        store.HeldAppend = new TaskCompletionSource();
        var write = node.Append(OrgId.Default, TestNode.SetOf("app.x", "1"), null, CancellationToken.None);
        await store.Appending.Task;
        await node.Poll();
        Assert.Single(node.Orgs);
        store.HeldAppend.SetResult();
        Assert.Equal(2, (await write).Value.Record!.Revision);
        await Wait.Until(async () =>
        {
            await node.Poll();
            return !node.Orgs.Any();
        }, "the org is dropped when the write is answered");
        Assert.Null((await node.Append(OrgId.Default, TestNode.SetOf("app.x", "2"), null, CancellationToken.None)).Fault);
    }

    /// <summary>Loads and appends end when the test says so; a load's snapshot is from when it began.</summary>
    sealed class HeldLoads(IJournalStore store) : IJournalStore
    {
        public TaskCompletionSource Held { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Snapshotted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Appending { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource? HeldAppend { get; set; }

        public int Loads { get; private set; }

        public async Task<LoadedState> Load(OrgId org, long bytesMax, CancellationToken cancellation)
        {
            Loads++;
            var loaded = await store.Load(org, bytesMax, cancellation);
            Snapshotted.TrySetResult();
            await Held.Task;
            return loaded;
        }

        public async Task<AppendAnswer> Append(AppendBatch batch)
        {
            Appending.TrySetResult();
            if (HeldAppend is { } held) await held.Task;
            return await store.Append(batch);
        }

        public Task<OrgState?> LoadKey(OrgId org, Principal principal, string? environment, string key, CancellationToken cancellation) => store.LoadKey(org, principal, environment, key, cancellation);

        public Task<AppendAnswer> AppendLocked(OrgId org, Func<Head, Task<AppendBatch?>> decide) => store.AppendLocked(org, decide);

        public Task<HeadsAnswer> Heads(IReadOnlyCollection<OrgId> orgs, bool proved, CancellationToken cancellation) => store.Heads(orgs, proved, cancellation);

        public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, long afterRevision, int limit, CancellationToken cancellation) => store.Read(org, afterRevision, limit, cancellation);

        public Task<IReadOnlyList<RevisionRecord>> Read(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => store.Read(org, revisions, cancellation);

        public Task<IReadOnlyList<JournalPlace>> Places(OrgId org, IReadOnlyList<long> revisions, CancellationToken cancellation) => store.Places(org, revisions, cancellation);

        public Task<FoundRevisions> Find(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) =>
            store.Find(org, after, upTo, streams, most, cancellation);

        public Task<FoundRevisions> FindNext(OrgId org, long after, long upTo, IReadOnlyList<(string From, string To)> streams, int most, CancellationToken cancellation) =>
            store.FindNext(org, after, upTo, streams, most, cancellation);

        public Task<IReadOnlyDictionary<Guid, long>> Settle(OrgId org, long fence, IReadOnlyCollection<Guid> requestIds, CancellationToken cancellation) => store.Settle(org, fence, requestIds, cancellation);

        public Task<AppendAnswer> RaiseLastAt(OrgId org, Guid incarnation, long fence, JournalPlace place, Timestamp at) => store.RaiseLastAt(org, incarnation, fence, place, at);

        public Task<IdempotentOutcome?> FindOutcome(OrgId org, string principal, string key, CancellationToken cancellation) => store.FindOutcome(org, principal, key, cancellation);

        public Task<bool> BeginIncarnation(Guid expected, Guid next, CancellationToken cancellation) => store.BeginIncarnation(expected, next, cancellation);

        public Task Unblock(OrgId org, CancellationToken cancellation) => store.Unblock(org, cancellation);

        public Task<int> WrittenFormat(CancellationToken cancellation) => store.WrittenFormat(cancellation);

        public Task RaiseCounter(long expectedCounter, int timeline, CancellationToken cancellation) => store.RaiseCounter(expectedCounter, timeline, cancellation);
    }
}
