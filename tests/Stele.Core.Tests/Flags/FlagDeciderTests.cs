using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>What changes of flags lead to, and what they are refused for: on the set as all changes of one command leave it.</summary>
public sealed class FlagDeciderTests
{
    OrgState state = OrgState.Empty(OrgId.Default, Guid.Empty);

    public FlagDeciderTests() => Do(new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("default", null), [Production]));

    static EnvironmentName Production => EnvironmentName.Parse("production", null);

    [Fact]
    public void A_rule_and_the_flag_that_needs_it_come_and_go_together()
    {
        const string flag = """{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"r"},"on"]}}""";
        Refused(FaultCode.Invalid, "flag.reference", Set("f", flag));
        Done(Set("f", flag), Set("$evaluators/r", """{"var":"x"}""") with { Index = 1 });
        Refused(FaultCode.Conflict, "flag.referenced", Delete("$evaluators/r"));
        Refused(FaultCode.Conflict, "flag.referenced", Delete("$evaluators/r"), Set("g", flag) with { Index = 1 }, Delete("f") with { Index = 2 });
        Done(Delete("$evaluators/r"), Delete("f") with { Index = 1 });
        Assert.Empty(Flags.Items);
        Assert.Equal((2, 2), (Flags.LastVersion("f"), Flags.LastVersion("$evaluators/r")));
    }

    [Fact]
    public void What_others_read_is_neither_archived_nor_deleted()
    {
        Done(Set("a", """{"enabled":true}"""));
        Done(Set("b", """{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"flag":["a"]},"on"]}}"""));
        Refused(FaultCode.Conflict, "flag.referenced", new FlagChange { Op = ChangeOp.Set, Environment = null, Key = Key("a"), Archived = true });
        Refused(FaultCode.Invalid, "flag.cycle", Set("a", """{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"flag":["b"]},"on"]}}"""));
        Done(new FlagChange { Op = ChangeOp.Set, Environment = null, Key = Key("b"), Archived = true });
        Done(new FlagChange { Op = ChangeOp.Set, Environment = null, Key = Key("a"), Archived = true });
        Assert.Equal((2, 0), (Flags.Items.Count, Flags.Set.Flags.Count));
        // it comes back only when what it reads is there
        Refused(FaultCode.Invalid, "flag.prerequisite", new FlagChange { Op = ChangeOp.Set, Environment = null, Key = Key("b"), Archived = false });
    }

    [Fact]
    public void A_replacement_leaves_the_kill_switch_and_what_is_equal()
    {
        Done(Set("a", """{"enabled":true}"""), Set("b", """{"enabled":true}""") with { Index = 1 }, Set("$kill_switch", "true") with { Index = 2 });
        var replaced = Decided(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, []) { Flags = [Set("a", """{"enabled":true}""") with { SkipsEqual = true }], Replaces = new FlagReplacement(null) });
        Assert.Equal(["flag/production/b"], replaced.Value.Events.Select(e => e.Stream));
        Assert.True(Flags.Set.Killed);
    }

    [Fact]
    public void Ten_thousand_flags_that_share_a_rule_are_decided_in_bounded_time()
    {
        var flag = """{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"r"},"on"]}}""";
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Done([Set("$evaluators/r", """{"var":"x"}"""), .. Enumerable.Range(1, 9_999).Select(i => Set($"f{i}", flag) with { Index = i })]);
        Assert.Equal(9_999, Flags.Set.Flags.Count);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10);
    }

    [Fact]
    public void Events_are_read_as_they_were_written()
    {
        foreach (var e in (JournalEvent[])[new FlagDefined("production", "a/b", """{"enabled":true}"""u8.ToArray(), 3) { Killed = true }, new FlagArchived("production", "a", 4), new FlagDeleted("production", "$evaluators/x", 5)])
        {
            var read = EventCodec.Decode(e.Type, e.Encode());
            Assert.Equal((e.Stream, e.StreamVersion, e.Format), (read.Stream, read.StreamVersion, read.Format));
            Assert.Equal(e.Encode(), read.Encode());
            if (read is FlagDefined defined) Assert.Equal((true, """{"enabled":true}"""), (defined.Killed, Encoding.UTF8.GetString(defined.Definition)));
        }
        Assert.Throws<UnknownEventException>(() => EventCodec.Decode(FlagDefined.TypeName, """{"environment":"e","name":"n","definition":1,"other":1,"version":1}"""u8));
    }

    EnvironmentFlags Flags => state.Environment("production")!.Flags;

    static FlagKey Key(string text) => FlagKey.TryParse(text, out var key, out _, out var message) ? key : throw new FormatException(message);

    static FlagChange Set(string key, string text) => new() { Op = ChangeOp.Set, Environment = null, Key = Key(key), Content = FlagContent.Parse(Key(key), Encoding.UTF8.GetBytes(text), "", []) };

    static FlagChange Delete(string key) => new() { Op = ChangeOp.Delete, Environment = null, Key = Key(key) };

    Outcome<Decision> Decided(Command command) => Decider.Decide(state, command);

    void Do(Command command) => state = Decider.Apply(state, command, Decided(command).Value, new Timestamp(1)).State;

    void Done(params FlagChange[] changes) => Do(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, []) { Flags = changes });

    void Refused(FaultCode code, string rule, params FlagChange[] changes)
    {
        var fault = Decided(new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, []) { Flags = changes }).Fault;
        Assert.Equal((code, rule), (fault?.Code, fault?.Problems[0].Rule));
    }
}
