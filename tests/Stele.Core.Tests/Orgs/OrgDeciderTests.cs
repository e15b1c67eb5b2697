using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Orgs;

/// <summary>An org's own life, decided and evolved without a database.</summary>
public sealed class OrgDeciderTests
{
    static readonly Principal Admin = Principal.External("oidc:admin", ["admin"]), Editor = Principal.External("oidc:editor", ["editor"]), Owner = Principal.External("oidc:owner", ["owner"]);

    OrgState state;

    public OrgDeciderTests()
    {
        state = OrgState.Empty(new OrgId(7), Guid.Empty);
        Do(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("acme", null), [Named("dev"), Named("prod")]));
    }

    [Fact]
    public void Only_root_makes_renames_and_opens_organizations_and_sets_their_limits()
    {
        foreach (var principal in (Principal[])[Editor, Admin, Owner])
        {
            Refused(FaultCode.Forbidden, new RenameOrg(principal, Guid.CreateVersion7(), OrgName.Parse("other", null), null));
            Refused(FaultCode.Forbidden, new ChangeSettings(principal, Guid.CreateVersion7(), null) { Limits = [(SteleLimits.EnvironmentsPerOrg, 3)] });
            Assert.Equal(FaultCode.Forbidden, Decider.Decide(OrgState.Empty(new OrgId(8), Guid.Empty), new CreateOrg(principal, Guid.CreateVersion7(), OrgName.Parse("x", null), [Named("dev")])).Fault!.Code);
        }
        Refused(FaultCode.Forbidden, new ArchiveOrg(Admin, Guid.CreateVersion7(), true, null));
        Do(new ArchiveOrg(Owner, Guid.CreateVersion7(), true, null));
        Refused(FaultCode.Forbidden, new ArchiveOrg(Owner, Guid.CreateVersion7(), false, null));
        Do(new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), false, null));
        Assert.Null(state.ArchivedAt);
    }

    [Fact]
    public void An_archived_organization_takes_no_command_but_the_one_that_opens_it()
    {
        Do(new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), true, "over"));
        Assert.NotNull(state.ArchivedAt);
        Refused(FaultCode.Gone, Set("dev", Principal.Root, null));
        Refused(FaultCode.Gone, new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), Named("qa"), null, null));
        Refused(FaultCode.Gone, new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("other", null), null));
        Nothing(new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), true, null));
        Do(new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), false, null));
        Do(Set("dev", Principal.Root, null));
    }

    [Fact]
    public void The_organization_of_the_first_start_cannot_be_archived()
    {
        var first = Decider.Decide(state with { Org = OrgId.Default }, new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), true, null));
        Assert.Equal(FaultCode.Conflict, first.Fault!.Code);
    }

    [Fact]
    public void A_write_in_a_protected_environment_needs_its_permission_and_a_reason()
    {
        Do(Protect("prod"));
        Refused(FaultCode.Forbidden, Set("prod", Editor, "why"));
        foreach (var nothing in (string?[])[null, "", "  "])
            Assert.Equal("change_log.required", Refused(FaultCode.Invalid, Set("prod", Admin, nothing)).Problems[0].Rule);
        Do(Set("prod", Admin, "why"));
        Do(Set("dev", Editor, null));
        // with others in one change set, too; what only checks writes nothing
        var both = (ChangeSet)Set("dev", Editor, "why");
        Refused(FaultCode.Forbidden, both with { Changes = [both.Changes[0], ((ChangeSet)Set("prod", Editor, "why")).Changes[0]] });
        Nothing(both with { Changes = [both.Changes[0] with { Op = ChangeOp.Check, Environment = Named("prod"), Value = null }] });
        Refused(FaultCode.Forbidden, new RestoreConfigs(Editor, Guid.CreateVersion7(), "why", Named("prod"), "", new Dictionary<string, RestoredValue>()));
        // nor can who may not write in it take the protection off, or delete it
        Assert.Equal("change_log.required", Refused(FaultCode.Invalid, Protect()).Problems[0].Rule);
        var narrow = Principal.External("oidc:narrow", ["settings"]);
        var role = new Role("settings", null, [Grant.Of(Permission.OrgWrite)], [], 1);
        var narrowed = state with { Access = state.Access with { Roles = state.Access.Roles.Set(role) } };
        var unprotect = new ChangeSettings(narrow, Guid.CreateVersion7(), "why") { Protected = [] };
        Assert.Equal(FaultCode.Forbidden, Decider.Decide(narrowed, unprotect).Fault!.Code);
        Assert.Null(Decider.Decide(narrowed, unprotect with { Protected = [Named("dev"), Named("prod")] }).Fault);
        Assert.Equal("environment.default", Refused(FaultCode.Conflict, Delete("dev")).Problems[0].Rule);
        Assert.Equal("environment.protected", Refused(FaultCode.Conflict, Delete("prod", "prod")).Problems[0].Rule);
        Do(Protect() with { Reason = "off" });
        Do(Delete("prod", "prod"));
    }

    [Fact]
    public void Settings_are_changed_on_the_version_that_was_seen()
    {
        var change = new ChangeSettings(Principal.Root, Guid.CreateVersion7(), null) { DefaultEnvironment = Named("prod"), ExpectedVersion = 1 };
        Do(change);
        Assert.Equal((2, "prod"), (state.Version, state.DefaultEnvironment!));
        Refused(FaultCode.Conflict, change);
        Nothing(change with { ExpectedVersion = 2 });
        Refused(FaultCode.Invalid, change with { DefaultEnvironment = Named("nowhere"), ExpectedVersion = null });
        Refused(FaultCode.Invalid, change with { Protected = [Named("dev"), Named("nowhere")], ExpectedVersion = null });
    }

    [Fact]
    public void An_environment_that_holds_data_needs_its_name_and_what_comes_back_goes_on()
    {
        Do(Set("prod", Principal.Root, null));
        Do(Set("prod", Principal.Root, null));
        Assert.Equal("environment.confirm", Refused(FaultCode.Invalid, Delete("prod")).Problems[0].Rule);
        Refused(FaultCode.Invalid, Delete("prod", "Prod"));
        Refused(FaultCode.Conflict, Delete("prod", "prod") with { ExpectedVersion = 2 });
        Do(Delete("prod", "prod") with { ExpectedVersion = 1 });
        Assert.Null(state.Environment("prod"));
        Assert.Equal((2, 3), (state.EnvironmentEver("prod")!.Version, state.EnvironmentEver("prod")!.LastVersion("k")));
        Refused(FaultCode.NotFound, Set("prod", Principal.Root, null));
        Refused(FaultCode.NotFound, Delete("prod"));
        Do(new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), Named("prod"), "again", null));
        Assert.Equal(3, state.Environment("prod")!.Version);
        Assert.Empty(state.Environment("prod")!.Configs);
        Do(Set("prod", Principal.Root, null));
        Assert.Equal(4, state.Environment("prod")!.Config("k")!.Version);
        Assert.Empty(state.DeletedEnvironments);
        // one without data needs no name, but a wrong one is a mistake
        Do(new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), Named("qa"), null, null));
        Refused(FaultCode.Invalid, Delete("qa", "prod"));
        Do(Delete("qa"));
    }

    [Fact]
    public void More_keys_than_a_change_set_may_delete_are_not_deleted_with_their_environment()
    {
        Change Of(int i) => new() { Op = ChangeOp.Set, Environment = Named("prod"), Key = ConfigKey.Parse($"k{i}", null), Value = "1"u8.ToArray() };
        var most = (int)SteleLimits.ChangeSetChanges.Value;
        Do(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, [.. Enumerable.Range(0, most).Select(Of)]));
        Assert.Null(Decider.Decide(state, Delete("prod", "prod")).Fault);
        Do(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, [Of(most)]));
        Refused(FaultCode.TooLarge, Delete("prod", "prod"));
    }

    [Fact]
    public void An_order_names_every_environment_once()
    {
        Do(new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), Named("qa"), null, null));
        Do(new ReorderEnvironments(Principal.Root, Guid.CreateVersion7(), [Named("qa"), Named("prod"), Named("dev")], null));
        Assert.Equal(["qa", "prod", "dev"], state.Environments.OrderBy(environment => environment.Ordinal).Select(environment => environment.Name));
        Nothing(new ReorderEnvironments(Principal.Root, Guid.CreateVersion7(), [Named("qa"), Named("prod"), Named("dev")], null));
        Refused(FaultCode.Conflict, new ReorderEnvironments(Principal.Root, Guid.CreateVersion7(), [Named("qa"), Named("prod")], null));
        Refused(FaultCode.Conflict, new ReorderEnvironments(Principal.Root, Guid.CreateVersion7(), [Named("qa"), Named("prod"), Named("dev"), Named("x")], null));
    }

    [Fact]
    public void An_organization_has_so_many_names_in_its_life_and_not_one_more()
    {
        for (var i = 2; i <= SteleLimits.OrgNames.Value; i++) Do(new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse($"name-{i}", null), null));
        Refused(FaultCode.QuotaExceeded, new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("one-more", null), null));
        Do(new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("acme", null), null));
        Assert.Equal(SteleLimits.OrgNames.Value - 1, state.FormerNames.Count);
        Nothing(new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("acme", null), null));
    }

    [Fact]
    public void An_organization_has_so_many_environments_and_so_many_names_of_them()
    {
        Do(new ChangeSettings(Principal.Root, Guid.CreateVersion7(), null) { Limits = [(SteleLimits.EnvironmentsPerOrg, 3)] });
        Do(Create("e0"));
        Assert.Equal("environments.count", Refused(FaultCode.QuotaExceeded, Create("e1")).Problems[0].Rule);
        Do(Delete("e0"));
        for (var i = 1; i <= SteleLimits.EnvironmentNames.Value - 3; i++)
        {
            Do(Create($"e{i}"));
            Do(Delete($"e{i}"));
        }
        Assert.Equal("environments.names", Refused(FaultCode.QuotaExceeded, Create("one-more")).Problems[0].Rule);
        Do(Create("e0"));
        Do(new ChangeSettings(Principal.Root, Guid.CreateVersion7(), null) { Limits = [(SteleLimits.EnvironmentsPerOrg, null)] });
        Assert.Empty(state.Settings!.Limits);
    }

    [Fact]
    public void What_is_new_waits_for_the_format_in_which_it_may_be_written()
    {
        state = state with { Format = JournalFormat.Oldest };
        Refused(FaultCode.Unavailable, new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("other", null), null));
        Refused(FaultCode.Unavailable, Protect("prod"));
        Refused(FaultCode.Unavailable, Delete("prod"));
        Do(Create("qa"));
    }

    [Theory]
    [MemberData(nameof(Events))]
    public void Events_come_back_from_their_bytes(JournalEvent e)
    {
        var again = EventCodec.Decode(e.Type, e.Encode());
        Assert.Equal(Encoding.UTF8.GetString(e.Encode()), Encoding.UTF8.GetString(again.Encode()));
        Assert.Equal((e.Stream, e.StreamVersion, e.Format), (again.Stream, again.StreamVersion, again.Format));
        Assert.Throws<UnknownEventException>(() => EventCodec.Decode(e.Type, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(e.Encode())[..^1] + ",\"more\":1}")));
    }

    public static TheoryData<JournalEvent> Events => new((JournalEvent[])
    [
        new OrgRenamed("acme", 2), new OrgArchived(3), new OrgUnarchived(4), new OrgSettingsChanged(new OrgSettings("dev", ["a", "b"], [new LimitOverride("environments.count", 5)]), 5),
        new EnvironmentChanged("dev", "zß水🍌", 3, 2), new EnvironmentChanged("dev", null, 0, 3), new EnvironmentDeleted("dev", 4),
    ]);

    static EnvironmentName Named(string name) => EnvironmentName.Parse(name, null);

    static CreateEnvironment Create(string name) => new(Principal.Root, Guid.CreateVersion7(), Named(name), null, null);

    static DeleteEnvironment Delete(string name, string? confirm = null) => new(Principal.Root, Guid.CreateVersion7(), Named(name), confirm, null);

    static ChangeSettings Protect(params string[] names) => new(Principal.Root, Guid.CreateVersion7(), null) { Protected = [.. names.Select(Named)] };

    static Command Set(string environment, Principal principal, string? reason) => new ChangeSet(principal, Guid.CreateVersion7(), reason,
        [new Change { Op = ChangeOp.Set, Environment = Named(environment), Key = ConfigKey.Parse("k", null), Value = "1"u8.ToArray() }]);

    void Do(Command command)
    {
        var decided = Decider.Decide(state, command);
        Assert.True(decided.Fault is null, decided.Fault?.Detail);
        state = Decider.Apply(state, command, decided.Value, new Timestamp(state.LastAt.Microseconds + 1)).State;
    }

    void Nothing(Command command) => Assert.Empty(Decider.Decide(state, command).Value.Events);

    Fault Refused(FaultCode code, Command command)
    {
        var fault = Decider.Decide(state, command).Fault;
        Assert.Equal(code, fault?.Code);
        return fault!;
    }
}
