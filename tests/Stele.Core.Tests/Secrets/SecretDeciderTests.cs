using System.Globalization;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Xunit;

namespace Stele.Core.Tests.Secrets;

/// <summary>What changes of secrets lead to, and what they are refused for.</summary>
public sealed class SecretDeciderTests
{
    OrgState state = OrgState.Empty(OrgId.Default, Guid.Empty);

    public SecretDeciderTests() => Do(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null), [Production]));

    static EnvironmentName Production => EnvironmentName.Parse("production", null);

    EnvironmentSecrets Secrets => state.Environment("production")!.Secrets;

    [Fact]
    public void An_environment_has_as_many_secrets_as_it_may_those_that_were_deleted_included_and_not_one_more()
    {
        var most = (int)SecretLimits.PerEnvironment.Value;
        Done(Set("a"));
        Done(Set("deleted"));
        Done(new SecretChange { Op = ChangeOp.Delete, Environment = Production, Path = Path("deleted") });
        List<SecretEntry> many = [.. Secrets.Items.Concat(Enumerable.Range(0, most - 3).Select(i => Secrets.Ever("a")! with { Path = string.Create(CultureInfo.InvariantCulture, $"m/{i:000000}") }))];
        var environment = state.Environment("production")!;
        state = state with { Environments = state.Environments.Set(environment with { Secrets = EnvironmentSecrets.Of([.. many.OrderBy(entry => entry.Path, StringComparer.Ordinal)]) }) };
        Refused(FaultCode.QuotaExceeded, "secret.count", Set("last"), Set("past") with { Index = 1 });
        Done(Set("last"));
        Assert.Equal(most, Secrets.Items.Count);
        Refused(FaultCode.QuotaExceeded, "secret.count", Set("past"));
        // what is there already is no more, and neither is what comes back
        Done(Set("a"), Set("deleted") with { Index = 1 });
        Assert.Equal(most, Secrets.Items.Count);
    }

    [Fact]
    public void Who_destroys_all_versions_is_refused_when_there_is_one_that_he_did_not_see()
    {
        Done(Set("a"));
        var seen = Secrets.Ever("a")!;
        Done(Set("a"));
        var destroy = new DestroySecret(Principal.Root, Guid.CreateVersion7(), null, Production, Path("a"), [(1, seen.ValueId)]);
        Assert.Equal((FaultCode.Conflict, "destroy.raced"), Decided(destroy with { AllUpTo = 1 }).Fault is { } fault ? (fault.Code, fault.Problems[0].Rule) : default);
        Do(destroy);
        Assert.False(Secrets.Ever("a")!.IsDestroyed);
        Do(destroy with { AllUpTo = 2, Versions = [(1, seen.ValueId), (2, Secrets.Ever("a")!.ValueId)] });
        Assert.True(Secrets.Ever("a")!.IsDestroyed);
    }

    [Fact]
    public void A_destroyed_value_does_not_come_back_with_its_secret_and_versions_go_on()
    {
        Done(Set("a"));
        Do(new DestroySecret(Principal.Root, Guid.CreateVersion7(), null, Production, Path("a"), [(1, Secrets.Ever("a")!.ValueId)]));
        Done(new SecretChange { Op = ChangeOp.Delete, Environment = Production, Path = Path("a") });
        Assert.Equal(FaultCode.Gone, Decided(new UndeleteSecret(Principal.Root, Guid.CreateVersion7(), null, Production, Path("a"))).Fault?.Code);
        Done(Set("a"));
        Assert.Equal((3, false, false), (Secrets.Ever("a")!.Version, Secrets.Ever("a")!.IsDeleted, Secrets.Ever("a")!.IsDestroyed));
    }

    [Fact]
    public void A_copy_takes_its_place_only_while_its_secret_is_as_it_was_copied()
    {
        Done(Set("a"), Set("b") with { Index = 1 });
        var (a, b) = (Secrets.Ever("a")!, Secrets.Ever("b")!);
        Done(Set("a"));
        var move = new MoveSecrets(Principal.Root, Guid.CreateVersion7(), [Moved(a), Moved(b)]);
        var decided = Decided(move).Value;
        Assert.Equal(["b"], decided.Events.Select(e => ((SecretMoved)e).Path));
        Assert.Equal([b.ValueId], Assert.IsType<SecretKeysDestroyed>(Assert.Single(decided.Rows)).Ids);
        // a move makes no version
        Do(move);
        Assert.Equal((1, b.StreamVersion + 1), (Secrets.Ever("b")!.Version, Secrets.Ever("b")!.StreamVersion));
        Assert.Empty(Decided(move).Value.Events);
    }

    static SecretMove Moved(SecretEntry entry) => new("production", entry.Path, entry.StreamVersion, [new SealedValue(entry.ValueId, new byte[60], new byte[32], true) { VaultId = Guid.NewGuid() }], []);

    static SecretPath Path(string text) => SecretPath.Parse(text, null);

    static SecretChange Set(string path)
    {
        var id = Guid.NewGuid();
        return new SecretChange { Op = ChangeOp.Set, Environment = Production, Path = Path(path), Value = new SealedValue(id, new byte[32], new byte[32], true), Key = new SecretKeyRow(id, 1, new byte[60]) };
    }

    Outcome<Decision> Decided(Command command) => Decider.Decide(state, command);

    void Do(Command command) => state = Decider.Apply(state, command, Decided(command).Value, new Timestamp(1)).State;

    void Done(params SecretChange[] changes) => Do(Command(changes));

    void Refused(FaultCode code, string rule, params SecretChange[] changes)
    {
        var fault = Decided(Command(changes)).Fault;
        Assert.Equal((code, rule), (fault?.Code, fault?.Problems[0].Rule));
    }

    static ChangeSet Command(SecretChange[] changes) => new(Principal.Root, Guid.CreateVersion7(), null, []) { Secrets = changes };
}
