using System.Globalization;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;

namespace Stele.Simulation.Contract;

/// <summary>A fresh database, the stores of two nodes on it, and what a test of the contract needs to write.</summary>
internal sealed class ContractBench(IJournalStore store, IJournalStore other)
{
    public static readonly OrgId Org = new(1);
    static readonly EnvironmentName Development = EnvironmentName.Parse("development", null);
    static readonly EnvironmentName Production = EnvironmentName.Parse("production", null);

    public IJournalStore Store => store;

    public IJournalStore Other => other;

    public async Task<ClusterIdentity> Cluster() => (await store.Heads([], false, CancellationToken.None)).Cluster;

    public async Task<Head> Head() => (await store.Heads([Org], false, CancellationToken.None)).Heads.Single();

    public async Task<Timestamp> Now() => (await store.Heads([], false, CancellationToken.None)).Now;

    public async Task<OrgState> Load(OrgId? org = null) =>
        (await store.Load(org ?? Org, long.MaxValue, CancellationToken.None)).State ?? throw new InvalidOperationException("the org is not there");

    /// <summary>Makes the org and returns its state.</summary>
    public async Task<OrgState> Create(OrgId? org = null)
    {
        var id = org ?? Org;
        var before = OrgState.Empty(id, (await Cluster()).Incarnation);
        var batch = await Plan(before, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse($"org-{id}", null), [Development, Production]));
        var answer = await store.Append(batch);
        return answer.Status == AppendStatus.Committed ? batch.After : throw new InvalidOperationException($"{answer}");
    }

    /// <summary>What a node would send: commands decided on a state, at the database's time.</summary>
    public async Task<AppendBatch> Plan(OrgState before, params Command[] commands) => PlanAt(before, await Now(), commands);

    public static AppendBatch PlanAt(OrgState before, Timestamp now, params Command[] commands)
    {
        var at = Timestamp.Later(now, new Timestamp(before.LastAt.Microseconds + 1));
        var revisions = new List<RevisionRecord>();
        var state = before;
        foreach (var command in commands)
        {
            var applied = Decider.Apply(state, command, Decider.Decide(state, command).Value, at);
            revisions.Add(applied.Record!);
            state = applied.State;
        }
        return new AppendBatch(before, state, revisions, []);
    }

    /// <summary>Appends commands, each as a revision, and returns the state after them.</summary>
    public async Task<OrgState> Append(OrgState before, params Command[] commands)
    {
        var batch = await Plan(before, commands);
        var answer = await store.Append(batch);
        return answer.Status == AppendStatus.Committed ? batch.After : throw new InvalidOperationException($"{answer}");
    }

    /// <summary>The batch with a key on its first revision.</summary>
    public static AppendBatch WithKey(AppendBatch batch, string key, byte mark) => batch with
    {
        Idempotency = [new IdempotencyRow(batch.Revisions[0].Actor, key, Fingerprint(mark), batch.Revisions[0].Revision)],
    };

    public static byte[] Fingerprint(byte mark) => [.. Enumerable.Repeat(mark, 32)];

    public static ChangeSet Set(string key, string json, string? reason = null, bool production = false) => Changes(reason, Change(key, json, production));

    public static ChangeSet Changes(string? reason, params Change[] changes) => new(Principal.Root, Guid.CreateVersion7(), reason, changes);

    public static Change Change(string key, string json, bool production = false) => new()
    {
        Op = ChangeOp.Set, Environment = production ? Production : Development, Key = ConfigKey.Parse(key, CultureInfo.InvariantCulture),
        Value = Encoding.UTF8.GetBytes(json), ValueType = ConfigValueTypes.Of(Encoding.UTF8.GetBytes(json)),
    };

    /// <summary>Changes of flags in development.</summary>
    public static ChangeSet Flags(params FlagChange[] changes) => Changes(null) with
    {
        Flags = [.. changes.Select((change, index) => change with { Environment = Development, Index = index, Pointer = $"/changes/{index}", DefinitionPointer = $"/changes/{index}/definition" })],
    };

    /// <summary>An item of the flags is to be so; without a definition only its switches change.</summary>
    public static FlagChange Flag(string key, string? definition = null)
    {
        var problems = new List<Core.Faults.Problem>();
        return new FlagChange
        {
            Op = ChangeOp.Set, Environment = Development, Key = FlagKey.Stored(key),
            Content = definition is null ? null : FlagContent.Parse(FlagKey.Stored(key), Encoding.UTF8.GetBytes(definition), "", problems) ?? throw new ArgumentException(problems[0].Message),
        };
    }

    public static ChangeSet Delete(string key) => Changes(null,
        new Change { Op = ChangeOp.Delete, Environment = Development, Key = ConfigKey.Parse(key, CultureInfo.InvariantCulture) });
}
