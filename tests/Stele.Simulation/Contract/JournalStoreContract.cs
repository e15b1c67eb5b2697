using System.Security.Cryptography;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Simulation.Checking;
using Xunit;

namespace Stele.Simulation.Contract;

/// <summary>
/// What the journal's logic may rely on below its seam. The same tests run on the simulated database and on real ones, so
/// that what the simulation proves is not about a database that does not exist.
/// </summary>
public abstract class JournalStoreContract
{
    internal abstract Task Run(Func<ContractBench, Task> test);

    [Fact]
    public Task An_org_that_is_not_there_loads_as_nothing_and_has_no_head() => Run(async bench =>
    {
        Assert.Equal(new LoadedState(null, 0), await bench.Store.Load(ContractBench.Org, long.MaxValue, CancellationToken.None));
        Assert.Null(await bench.Store.LoadKey(ContractBench.Org, Principal.Root, null, "a", CancellationToken.None));
        Assert.Empty((await bench.Store.Heads([ContractBench.Org], false, CancellationToken.None)).Heads);
        Assert.Empty(await bench.Store.Read(ContractBench.Org, 0, 10, CancellationToken.None));
        Assert.Empty(await bench.Store.Settle(ContractBench.Org, 0, [Guid.NewGuid()], CancellationToken.None));
        Assert.Equal(AppendStatus.NotWritten, (await bench.Store.AppendLocked(ContractBench.Org, _ => throw new InvalidOperationException("no head, no question"))).Status);
    });

    [Fact]
    public Task The_first_append_makes_the_head() => Run(async bench =>
    {
        var state = await bench.Create();
        var head = await bench.Head();
        Assert.Equal((state.Revision, state.Incarnation, 0L, state.LastAt, JournalFormat.Newest), (head.Revision, head.Incarnation, head.Fence, head.LastAt, head.Format));
        Assert.Equal(state.Place.Chain, head.Chain);
        Assert.Null(StateEquality.Difference(state, await bench.Load()));
    });

    [Theory]
    [InlineData("incarnation")]
    [InlineData("fence")]
    [InlineData("revision")]
    [InlineData("chain")]
    [InlineData("format")]
    [InlineData("last_at")]
    public Task An_append_that_believes_another_head_loses_and_writes_nothing(string field) => Run(async bench =>
    {
        var first = await bench.Create();
        var state = await bench.Append(first, ContractBench.Set("a", "1"));
        var believed = field switch
        {
            "incarnation" => state with { Incarnation = Guid.NewGuid() },
            "fence" => state with { Fence = state.Fence + 1 },
            "revision" => first,
            "chain" => state with { Place = new JournalPlace(state.Revision, RandomNumberGenerator.GetBytes(32)) },
            "format" => state with { Format = state.Format + 1 },
            _ => state with { LastAt = Timestamp.Epoch },
        };
        var batch = field == "last_at"
            ? ContractBench.PlanAt(believed, new Timestamp(state.LastAt.Microseconds - 1), ContractBench.Set("a", "2"))
            : await bench.Plan(believed, ContractBench.Set("a", "2"));
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.Append(batch)).Status);
        Assert.Equal(AppendStatus.LostRace, (await bench.Other.AppendLocked(ContractBench.Org, _ => Task.FromResult<AppendBatch?>(batch))).Status);
        Assert.Null(StateEquality.Difference(state, await bench.Load()));
        Assert.Single(await bench.Store.Read(ContractBench.Org, 1, 10, CancellationToken.None));
    });

    [Fact]
    public Task What_is_loaded_from_tables_equals_what_the_journal_replays_to() => Run(async bench =>
    {
        var state = await bench.Create();
        state = await bench.Append(state,
            ContractBench.Set("a", "\"text with \\\"quotes\\\" and \\u00e9\"", "why"), ContractBench.Set("a", "\"again\"", production: true),
            ContractBench.Set("n", "1.10"), ContractBench.Set("n", "12345678901234567890123"), ContractBench.Set("b", "true"), ContractBench.Set("j", "{\"x\":[1,null]}"));
        state = await bench.Append(state, ContractBench.Delete("a"), ContractBench.Delete("b"));
        state = await bench.Append(state, ContractBench.Changes("several", ContractBench.Change("a", "null"), ContractBench.Change("Z", "\"\""), ContractBench.Change("a", "2", production: true)));
        state = await bench.Append(state, new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), EnvironmentName.Parse("qa", null), "for tests", null));
        // over what is kept in memory, as text and as JSON; and keys that are made, deleted and made again in one append
        state = await bench.Append(state, ContractBench.Set("large", Large('x')), ContractBench.Set("large.json", $"[{Large('y')}]"), ContractBench.Set("changed", Large('z')));
        state = await bench.Append(state, ContractBench.Set("brief", "1"), ContractBench.Delete("brief"), ContractBench.Set("changed", "1"),
            ContractBench.Set("back", "1"), ContractBench.Delete("back"), ContractBench.Set("back", "true"), ContractBench.Delete("n"), ContractBench.Set("n", "2"), ContractBench.Delete("n"));

        var loaded = await bench.Load();
        Assert.Null(StateEquality.Difference(state, loaded));
        Assert.Equal((state.LastAt, state.Fence, state.Incarnation, state.Format), (loaded.LastAt, loaded.Fence, loaded.Incarnation, loaded.Format));

        var replayed = OrgState.Empty(ContractBench.Org, state.Incarnation);
        foreach (var revision in await bench.Other.Read(ContractBench.Org, 0, 100, CancellationToken.None))
        {
            Assert.Equal(RevisionChain.Next(replayed.Place.Chain, revision), revision.Chain);
            foreach (var e in revision.Events) Assert.Equal(SHA256.HashData(e.Data!), e.DataHash);
            replayed = Decider.Evolve(replayed, revision);
        }
        Assert.Null(StateEquality.Difference(replayed, loaded));
    });

    [Fact]
    public Task An_orgs_own_life_is_loaded_as_it_is_replayed() => Run(async bench =>
    {
        static EnvironmentName Named(string name) => EnvironmentName.Parse(name, null);
        static Change InQa(string key, string json) => ContractBench.Change(key, json) with { Environment = Named("qa") };
        var (root, life) = (Principal.Root, new Queue<Command[]>());
        Guid Id() => Guid.CreateVersion7();
        life.Enqueue([new CreateEnvironment(root, Id(), Named("qa"), "for tests", null), ContractBench.Changes(null, InQa("a", "1"), InQa("b", "2"))]);
        life.Enqueue([new DescribeEnvironment(root, Id(), Named("qa"), "for ümlauts", "why"), new ReorderEnvironments(root, Id(), [Named("qa"), Named("production"), Named("development")], null)]);
        life.Enqueue([new ChangeSettings(root, Id(), null) { DefaultEnvironment = Named("production"), Protected = [Named("production"), Named("development")], Limits = [(SteleLimits.EnvironmentsPerOrg, 7)] }]);
        life.Enqueue([new RenameOrg(root, Id(), OrgName.Parse("z-first", null), null), new RenameOrg(root, Id(), OrgName.Parse("a-second", null), "again")]);
        life.Enqueue([new DeleteEnvironment(root, Id(), Named("qa"), "qa", "gone")]);
        // in one append, and on the tables: what comes back goes on with its ids and versions
        life.Enqueue([new CreateEnvironment(root, Id(), Named("qa"), null, null), ContractBench.Changes(null, InQa("a", "3")), new DeleteEnvironment(root, Id(), Named("qa"), "qa", null),
            new CreateEnvironment(root, Id(), Named("qa"), null, null), ContractBench.Changes(null, InQa("b", "4"))]);
        life.Enqueue([new CreateEnvironment(root, Id(), Named("brief"), null, null), new DeleteEnvironment(root, Id(), Named("brief"), null, null), new RenameOrg(root, Id(), OrgName.Parse("z-first", null), null)]);
        life.Enqueue([new ChangeSettings(root, Id(), "off") { Protected = [Named("development")], Limits = [(SteleLimits.EnvironmentsPerOrg, null)] }, new ArchiveOrg(root, Id(), true, "over")]);
        life.Enqueue([new ArchiveOrg(root, Id(), false, null)]);
        // org 1 cannot be archived
        var org = new OrgId(7);
        var state = await bench.Create(org);
        while (life.TryDequeue(out var commands))
        {
            state = await bench.Append(state, commands);
            Assert.Null(StateEquality.Difference(state, await bench.Load(org)));
        }
        Assert.Equal(("z-first", 8, 7), (state.Name!, state.Version, state.Environment("qa")!.Version));
        Assert.Equal(["a-second", $"org-{org}"], state.FormerNames);
        Assert.Equal((3, 4), (state.Environment("qa")!.Config("b")!.Version, state.Environment("qa")!.LastVersion("a")));
        Assert.Equal("brief", Assert.Single(state.DeletedEnvironments).Name);
        var replayed = OrgState.Empty(org, state.Incarnation);
        foreach (var revision in await bench.Other.Read(org, 0, 100, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Null(StateEquality.Difference(replayed, state));
        // what is left of a deleted environment is there for who looks at one key, too
        var one = (await bench.Store.LoadKey(org, Principal.Root, "brief", "a", CancellationToken.None))!;
        Assert.True(one.Environment("brief") is null && one.EnvironmentEver("brief") is { Version: 2 });
    });

    [Fact]
    public Task Flags_are_loaded_as_they_are_replayed() => Run(async bench =>
    {
        const string on = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}""";
        const string ruled = """{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"r"},"on","off"]}}""";
        var state = await bench.Create();
        foreach (var changes in (ChangeSet[])
        [
            ContractBench.Flags(ContractBench.Flag("$evaluators/r", """{"==":[{"var":"tier"},"gold"]}"""), ContractBench.Flag("f.ruled", ruled), ContractBench.Flag("f.plain", on)),
            ContractBench.Flags(ContractBench.Flag("f.plain") with { Killed = true }, ContractBench.Flag("$kill_switch", "true"), ContractBench.Flag("f.gone", on)),
            ContractBench.Flags(ContractBench.Flag("f.gone") with { Op = ChangeOp.Delete }, ContractBench.Flag("f.plain") with { Killed = false }),
            ContractBench.Flags(ContractBench.Flag("f.plain") with { Archived = true }, ContractBench.Flag("$kill_switch", "false"), ContractBench.Flag("f.gone", on)),
            ContractBench.Set("a", "1") with { Flags = ContractBench.Flags(ContractBench.Flag("f.plain", ruled), ContractBench.Flag("$evaluators/r", """{"!":[{"var":"tier"}]}""")).Flags },
        ])
        {
            state = await bench.Append(state, changes);
            Assert.Null(StateEquality.Difference(state, await bench.Load()));
        }
        Assert.Equal(5, state.Environment("development")!.Flags.LastVersion("f.plain"));
        var replayed = OrgState.Empty(ContractBench.Org, state.Incarnation);
        foreach (var revision in await bench.Other.Read(ContractBench.Org, 0, 100, CancellationToken.None)) replayed = Decider.Evolve(replayed, revision);
        Assert.Null(StateEquality.Difference(replayed, state));
    });

    [Fact]
    public Task Access_is_loaded_as_it_is_replayed_and_for_one_principal_it_says_the_same() => Run(async bench =>
    {
        var (root, user, account, now) = (Principal.Root, Guid.CreateVersion7(), Guid.CreateVersion7(), await bench.Now());
        Guid Id() => Guid.CreateVersion7();
        NewToken Token(Guid id) => new(id, SHA256.HashData(id.ToByteArray()), "token", [new Grant(Permission.ConfigRead, ["development"], "a")], "development", new Timestamp(now.Microseconds + 3_600_000_000));
        var (own, program, child) = (Id(), Id(), Id());
        var asUser = Principal.User(user);
        Principal[] all = [asUser, Principal.ServiceAccount(account), Principal.Token(own, asUser.ActorId, null), Principal.Token(program, Principal.ServiceAccountActor(account), null), Principal.Token(child, asUser.ActorId, null)];
        var state = await bench.Append(await bench.Create(), ContractBench.Set("a", "1"));
        foreach (var command in (Command[])
        [
            new SetRole(root, Id(), "narrow", "for ümlauts", [new Grant(Permission.ConfigRead, null, "a"), new Grant(Permission.FlagRead, ["production"], "")], [new Grant(Permission.ConfigRead, null, "a.secret")], null),
            new CreateUser(root, Id(), user, new MemberChange { Email = "Someone@example.org", Name = "Some One", Roles = [RoleBinding.Of("editor"), new RoleBinding("narrow", ["production"], "b")] }),
            new CreateServiceAccount(root, Id(), account, new MemberChange { Name = "program", Roles = [RoleBinding.Of("narrow")] }),
            new CreateToken(asUser, Id(), Token(own), null, now), new CreateToken(root, Id(), Token(program), account, now), new ChangeUser(root, Id(), user, new MemberChange { Roles = [RoleBinding.Of("admin")] }),
            new CreateToken(Principal.Token(own, asUser.ActorId, null), Id(), Token(child) with { Scopes = [new Grant(Permission.ConfigRead, ["development"], "a.b")] }, account, now),
            new SetPassword(root, Id(), user, "verifier"), new ChangeServiceAccount(root, Id(), account, new MemberChange { Status = MemberStatus.Suspended }),
            new SetRole(root, Id(), "narrow", null, [new Grant(Permission.ConfigRead, null, "")], [], null), new ChangeServiceAccount(root, Id(), account, new MemberChange { Status = MemberStatus.Active, Roles = [RoleBinding.Of("viewer")] }),
            new RemoveRole(root, Id(), "narrow"), new RevokeToken(root, Id(), own), new RemoveUser(root, Id(), user), new RemoveServiceAccount(root, Id(), account),
        ])
        {
            // what one who may not asks for is refused wherever it is decided
            if (Decider.Decide(state, command).Fault is null) state = await bench.Append(state, command);
            Assert.Null(StateEquality.Difference(state, await bench.Load()));
            foreach (var principal in all)
            {
                var one = (await bench.Other.LoadKey(ContractBench.Org, principal, "development", "a", CancellationToken.None))!;
                foreach (var key in (string[])["a", "a.secret", "b"])
                    Assert.Equal(Authorisation.Check(state.Access, principal, Permission.ConfigRead, "development", key)?.Code, Authorisation.Check(one.Access, principal, Permission.ConfigRead, "development", key)?.Code);
            }
        }
        Assert.Empty(state.Access.Users);
    });

    [Fact]
    public Task One_key_is_loaded_as_the_whole_state_has_it() => Run(async bench =>
    {
        var state = await bench.Append(await bench.Create(), ContractBench.Set("a", "\"1\"", "why"), ContractBench.Set("large", Large('x')),
            ContractBench.Set("gone", "1"), ContractBench.Set("a", "2", production: true));
        state = await bench.Append(state, ContractBench.Delete("gone"));
        foreach (var environment in (string?[])[null, "development", "production", "nowhere"])
            foreach (var key in (string[])["a", "large", "gone", "never"])
            {
                var one = (await bench.Other.LoadKey(ContractBench.Org, Principal.Root, environment, key, CancellationToken.None))!;
                Assert.Null(StateEquality.DifferenceOfKey(one, state, environment ?? "development", key));
                Assert.Equal((state.Incarnation, state.Fence, state.LastAt), (one.Incarnation, one.Fence, one.LastAt));
                Assert.True(one.Environments.Sum(each => each.Configs.Count) <= 1);
            }
    });

    [Fact]
    public Task A_state_that_takes_more_memory_than_allowed_is_not_loaded() => Run(async bench =>
    {
        var state = await bench.Append(await bench.Create(), ContractBench.Set("a", "\"1\"", "why"), ContractBench.Set("large", Large('x')), ContractBench.Set("b", "2"), ContractBench.Set("c", "3", production: true));
        state = await bench.Append(state, ContractBench.Delete("b"));
        var bytes = state.MemoryBytes;
        Assert.Null(StateEquality.Difference(state, (await bench.Store.Load(ContractBench.Org, bytes, CancellationToken.None)).State!));
        var refused = await bench.Store.Load(ContractBench.Org, bytes - 1, CancellationToken.None);
        Assert.Equal((null, true), (refused.State, refused.Bytes > bytes - 1));
        // the connection is good for more
        Assert.Equal(bytes, (await bench.Store.Load(ContractBench.Org, bytes, CancellationToken.None)).Bytes);
    });

    static string Large(char of) => $"\"{new string(of, (int)Core.Limits.SteleLimits.InlineValueBytes.Value + 1)}\"";

    [Fact]
    public Task Revisions_are_read_whole_and_in_order_at_most_so_many() => Run(async bench =>
    {
        var state = await bench.Create();
        for (var i = 0; i < 5; i++)
            state = await bench.Append(state, ContractBench.Changes(i == 2 ? "reason" : null, ContractBench.Change("a", $"{i}"), ContractBench.Change("b", $"{i}")));
        var page = await bench.Store.Read(ContractBench.Org, 1, 3, CancellationToken.None);
        Assert.Equal([2, 3, 4], page.Select(revision => revision.Revision));
        Assert.All(page, revision => Assert.Equal([0, 1], revision.Events.Select(e => e.Ordinal)));
        Assert.Equal([null, null, "reason"], page.Select(revision => revision.Reason));
        Assert.Equal([5, 6], (await bench.Store.Read(ContractBench.Org, 4, 3, CancellationToken.None)).Select(revision => revision.Revision));
        Assert.Empty(await bench.Store.Read(ContractBench.Org, 6, 3, CancellationToken.None));
    });

    [Fact]
    public Task An_idempotency_key_is_taken_once_and_found_with_its_request() => Run(async bench =>
    {
        var state = await bench.Create();
        var batch = ContractBench.WithKey(await bench.Plan(state, ContractBench.Set("a", "1")), "key", 7);
        Assert.Equal(AppendStatus.Committed, (await bench.Store.Append(batch)).Status);
        var found = await bench.Other.FindOutcome(ContractBench.Org, "root", "key", CancellationToken.None);
        Assert.Equal((batch.After.Revision, batch.Revisions[0].RequestId), (found!.Revision, found.RequestId));
        Assert.Equal(ContractBench.Fingerprint(7), found.Fingerprint);
        Assert.Null(await bench.Store.FindOutcome(ContractBench.Org, "somebody else", "key", CancellationToken.None));
        Assert.Null(await bench.Store.FindOutcome(ContractBench.Org, "root", "another key", CancellationToken.None));

        var again = ContractBench.WithKey(await bench.Plan(batch.After, ContractBench.Set("a", "2"), ContractBench.Set("b", "2")), "key", 7);
        Assert.Equal(AppendStatus.IdempotencyKeyTaken, (await bench.Other.Append(again)).Status);
        Assert.Null(StateEquality.Difference(batch.After, await bench.Load()));
    });

    [Fact]
    public Task Data_that_the_database_refuses_is_bad_and_takes_its_whole_batch_along() => Run(async bench =>
    {
        var state = await bench.Create();
        var batch = await bench.Plan(state, ContractBench.Set("good", "1"), ContractBench.Set("bad", "\"nul \\u0000\""));
        Assert.Equal(AppendStatus.BadData, (await bench.Store.Append(batch)).Status);
        Assert.Null(StateEquality.Difference(state, await bench.Load()));
    });

    [Fact]
    public Task A_request_id_stands_in_a_journal_once() => Run(async bench =>
    {
        var command = ContractBench.Set("a", "1");
        var state = await bench.Append(await bench.Create(), command);
        Assert.NotEqual(AppendStatus.Committed, (await bench.Store.Append(await bench.Plan(state, command))).Status);
        Assert.Null(StateEquality.Difference(state, await bench.Load()));
    });

    [Fact]
    public Task Settling_says_what_landed_and_fences_what_has_not() => Run(async bench =>
    {
        var state = await bench.Create();
        var late = await bench.Plan(state, ContractBench.Set("late", "1"));
        var landed = await bench.Append(state, ContractBench.Set("a", "1"));
        var request = (await bench.Store.Read(ContractBench.Org, 1, 1, CancellationToken.None)).Single().RequestId;
        var straggler = await bench.Plan(landed, ContractBench.Set("a", "2"));
        var answer = await bench.Other.Settle(ContractBench.Org, landed.Fence, [request, late.Revisions[0].RequestId], CancellationToken.None);
        Assert.Equal((request, landed.Revision), (answer.Single().Key, answer.Single().Value));
        Assert.Equal(landed.Fence + 1, (await bench.Head()).Fence);
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.Append(straggler)).Status);
        Assert.Equal(landed.Revision + 1, (await bench.Append(landed with { Fence = landed.Fence + 1 }, ContractBench.Set("a", "3"))).Revision);
    });

    [Fact]
    public Task Settling_raises_the_fence_above_what_a_straggler_carries() => Run(async bench =>
    {
        // as after a fail-over that lost fences: the node believes in a higher one than the head has
        var believed = await bench.Create() with { Fence = 2 };
        var straggler = await bench.Plan(believed, ContractBench.Set("a", "1"));
        Assert.Empty(await bench.Store.Settle(ContractBench.Org, believed.Fence, [straggler.Revisions[0].RequestId], CancellationToken.None));
        Assert.True((await bench.Head()).Fence > believed.Fence);
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.Append(straggler)).Status);
    });

    [Fact]
    public Task Last_at_is_raised_by_compare_and_set_and_never_into_the_future() => Run(async bench =>
    {
        var state = await bench.Create();
        var moment = await bench.Now();
        Assert.Equal(AppendStatus.Committed, (await bench.Store.RaiseLastAt(ContractBench.Org, state.Incarnation, state.Fence, state.Place, moment)).Status);
        Assert.Equal(moment, (await bench.Head()).LastAt);
        Assert.Equal(AppendStatus.Committed, (await bench.Store.RaiseLastAt(ContractBench.Org, state.Incarnation, state.Fence, state.Place, state.LastAt)).Status);
        Assert.Equal(moment, (await bench.Head()).LastAt);
        var future = new Timestamp(moment.Microseconds + 3_600_000_000);
        Assert.Equal(AppendStatus.BadData, (await bench.Store.RaiseLastAt(ContractBench.Org, state.Incarnation, state.Fence, state.Place, future)).Status);
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.RaiseLastAt(ContractBench.Org, state.Incarnation, state.Fence + 1, state.Place, moment)).Status);
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.RaiseLastAt(ContractBench.Org, Guid.NewGuid(), state.Fence, state.Place, moment)).Status);
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.Append(ContractBench.PlanAt(state, state.LastAt, ContractBench.Set("a", "1")))).Status);
    });

    [Fact]
    public Task A_locked_append_is_asked_with_the_head_and_may_give_up() => Run(async bench =>
    {
        var state = await bench.Create();
        Head? seen = null;
        Assert.Equal(AppendStatus.NotWritten, (await bench.Store.AppendLocked(ContractBench.Org, head => { seen = head; return Task.FromResult<AppendBatch?>(null); })).Status);
        Assert.Equal((state.Revision, state.LastAt), (seen!.Revision, seen.LastAt));
        var batch = await bench.Plan(state, ContractBench.Set("a", "1"));
        Assert.Equal(AppendStatus.Committed, (await bench.Store.AppendLocked(ContractBench.Org, _ => Task.FromResult<AppendBatch?>(batch))).Status);
        Assert.Null(StateEquality.Difference(batch.After, await bench.Load()));
    });

    [Fact]
    public Task An_append_waits_for_a_locked_one_and_then_finds_its_head() => Run(async bench =>
    {
        var state = await bench.Create();
        var batch = await bench.Plan(state, ContractBench.Set("a", "1"));
        var rival = await bench.Plan(state, ContractBench.Set("b", "1"));
        Task<AppendAnswer>? waiting = null;
        var answer = await bench.Store.AppendLocked(ContractBench.Org, _ =>
        {
            waiting = bench.Other.Append(rival);
            return Task.FromResult<AppendBatch?>(batch);
        });
        Assert.Equal(AppendStatus.Committed, answer.Status);
        Assert.Equal(AppendStatus.LostRace, (await waiting!).Status);
        Assert.Null(StateEquality.Difference(batch.After, await bench.Load()));
    });

    [Fact]
    public Task A_session_whose_client_is_silent_is_ended_for_whom_it_blocks() => Run(async bench =>
    {
        var state = await bench.Create();
        await bench.Other.Unblock(ContractBench.Org, CancellationToken.None);
        var batch = await bench.Plan(state, ContractBench.Set("a", "1"));
        var asked = new TaskCompletionSource();
        var silent = new TaskCompletionSource<AppendBatch?>();
        var frozen = bench.Store.AppendLocked(ContractBench.Org, _ => { asked.SetResult(); return silent.Task; });
        await asked.Task;
        var append = bench.Other.Append(batch);
        while (!append.IsCompleted)
        {
            await bench.Now();
            await bench.Other.Unblock(ContractBench.Org, CancellationToken.None);
        }
        Assert.Equal(AppendStatus.Committed, (await append).Status);
        silent.SetResult(batch);
        Assert.NotEqual(AppendStatus.Committed, (await frozen).Status);
        Assert.Null(StateEquality.Difference(batch.After, await bench.Load()));
    });

    [Fact]
    public Task A_new_incarnation_begins_once_and_fences_every_org() => Run(async bench =>
    {
        var (one, two) = (await bench.Create(), await bench.Create(new OrgId(2)));
        var (before, next) = (await bench.Cluster(), Guid.NewGuid());
        var stale = await bench.Plan(one, ContractBench.Set("a", "1"));
        Assert.True(await bench.Store.BeginIncarnation(before.Incarnation, next, CancellationToken.None));
        Assert.False(await bench.Other.BeginIncarnation(before.Incarnation, Guid.NewGuid(), CancellationToken.None));
        var after = await bench.Cluster();
        Assert.Equal((next, before.Counter + 1, after.System, after.Timeline), (after.Incarnation, after.Counter, after.RecordedSystem, after.RecordedTimeline));
        foreach (var head in (await bench.Store.Heads([one.Org, two.Org], false, CancellationToken.None)).Heads)
            Assert.Equal((next, 1L, 1L), (head.Incarnation, head.Fence, head.Revision));
        Assert.Equal(AppendStatus.LostRace, (await bench.Store.Append(stale)).Status);
        await bench.Append(await bench.Load(), ContractBench.Set("a", "1"));
    });

    [Fact]
    public Task The_counter_is_raised_once_for_a_promotion_and_fences_nobody() => Run(async bench =>
    {
        var state = await bench.Create();
        var before = await bench.Cluster();
        await bench.Store.RaiseCounter(before.Counter, before.Timeline + 7, CancellationToken.None);
        await bench.Other.RaiseCounter(before.Counter, before.Timeline + 8, CancellationToken.None);
        var after = await bench.Cluster();
        Assert.Equal((before.Incarnation, before.Counter + 1, before.Timeline + 7), (after.Incarnation, after.Counter, after.RecordedTimeline));
        await bench.Append(state, ContractBench.Set("a", "1"));
    });

    [Fact]
    public Task Heads_are_those_that_exist_and_say_who_the_primary_is() => Run(async bench =>
    {
        var state = await bench.Create();
        var answer = await bench.Other.Heads([ContractBench.Org, new OrgId(404)], false, CancellationToken.None);
        Assert.Equal(state.Revision, Assert.Single(answer.Heads).Revision);
        Assert.Equal((answer.Cluster.System, answer.Cluster.Timeline), (answer.Cluster.RecordedSystem, answer.Cluster.RecordedTimeline));
        Assert.True(answer.Now >= state.LastAt);
    });

    [Fact]
    public Task Places_are_those_of_the_revisions_that_are_there() => Run(async bench =>
    {
        var (one, two) = (await bench.Create(), await bench.Create(new OrgId(2)));
        two = await bench.Append(two, ContractBench.Set("a", "2"), ContractBench.Set("b", "2"));
        var (first, last) = (one.Place, (await bench.Append(one, ContractBench.Set("a", "1"), ContractBench.Set("b", "1"))).Place);
        var places = await bench.Other.Places(one.Org, [last.Revision, 0, first.Revision, last.Revision + 1, first.Revision], CancellationToken.None);
        Assert.Equal([first.Revision, last.Revision], places.Select(place => place.Revision));
        Assert.True(places[0].IsSame(first) && places[1].IsSame(last));
        Assert.False(Assert.Single(await bench.Store.Places(two.Org, [last.Revision], CancellationToken.None)).IsSame(last));
        Assert.Empty(await bench.Store.Places(new OrgId(404), [1], CancellationToken.None));
    });

    [Fact]
    public Task Orgs_do_not_mix() => Run(async bench =>
    {
        var (one, two) = (await bench.Create(), await bench.Create(new OrgId(2)));
        one = await bench.Append(one, ContractBench.Set("a", "1"));
        two = await bench.Append(two, ContractBench.Set("a", "2"), ContractBench.Set("b", "2"));
        Assert.Null(StateEquality.Difference(one, await bench.Load()));
        Assert.Null(StateEquality.Difference(two, await bench.Load(two.Org)));
        Assert.Equal(2, (await bench.Store.Read(one.Org, 0, 10, CancellationToken.None)).Count);
        Assert.Empty(await bench.Store.Settle(one.Org, 0, [(await bench.Store.Read(two.Org, 1, 1, CancellationToken.None)).Single().RequestId], CancellationToken.None));
    });
}
