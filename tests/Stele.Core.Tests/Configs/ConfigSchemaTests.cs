using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Configs;

/// <summary>Schemas in the decider: which is in force, and that a check worked out before is taken only where it still holds.</summary>
public sealed class ConfigSchemaTests
{
    static readonly EnvironmentName Environment = Parsed();
    OrgState state = Created();
    long counter = 1;

    [Fact]
    public void A_check_of_before_is_not_taken_for_another_schema()
    {
        Assert.Null(Set("1", """{"maximum":5}"""));
        var stale = (ChangeSet)Command("7", null, sets: false).Prepare(state);
        Assert.NotEmpty(stale.Changes[0].Check!.Errors);
        Assert.Null(Set("2", """{"maximum":9}"""));
        // decided on a state whose schema allows it
        Assert.Null(Decider.Decide(state, stale).Fault);
        var allowed = (ChangeSet)Command("8", null, sets: false).Prepare(state);
        Assert.Empty(allowed.Changes[0].Check!.Errors);
        Assert.Null(Set("2", """{"maximum":5}"""));
        Assert.Equal(FaultCode.SchemaViolation, Decider.Decide(state, allowed).Fault!.Code);
    }

    [Fact]
    public void A_check_of_before_is_what_is_decided_with_where_it_holds()
    {
        Assert.Null(Set("1", """{"maximum":5}"""));
        var prepared = (ChangeSet)Command("3", null, sets: false).Prepare(state);
        var made = prepared.Changes[0].Check! with { Errors = [new("", "", "made up")] };
        Assert.Contains("made up", Decider.Decide(state, prepared with { Changes = [prepared.Changes[0] with { Check = made }] }).Fault!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Schemas_count_as_memory_and_equal_ones_are_kept_once()
    {
        var before = state.MemoryBytes;
        Assert.Null(Set("1", """{"maximum":5}"""));
        var first = state.Environment("e")!.Schema("k");
        Assert.True(state.MemoryBytes > before);
        Assert.Null(Set("2", """{"maximum":5}"""));
        Assert.Same(first, state.Environment("e")!.Schema("k"));
        Assert.Null(Set("3", null));
        Assert.Null(state.Environment("e")!.Schema("k"));
        Assert.Equal(0, state.Environment("e")!.SchemaBytes);
    }

    [Fact]
    public void More_compiled_schemas_than_are_kept_are_compiled_again()
    {
        var names = string.Join(",", Enumerable.Range(0, 4_000).Select(i => $"\"p{i}\":{{}}"));
        var schemas = Enumerable.Range(0, 60).Select(i => ConfigSchema.Stored(Encoding.UTF8.GetBytes($$$"""{"properties":{{{{names}}}},"maximum":{{{i}}}}"""))).ToList();
        foreach (var pass in (int[])[1, 2])
            foreach (var (i, schema) in schemas.Index())
            {
                Assert.Empty(schema.Check(Encoding.UTF8.GetBytes($"{i}")).Errors);
                Assert.Single(schema.Check(Encoding.UTF8.GetBytes($"{i + pass}")).Errors);
            }
    }

    Fault? Set(string value, string? schema)
    {
        var command = Command(value, schema, sets: true);
        var decided = Decider.Decide(state, command);
        if (decided.Fault is null) state = Decider.Apply(state, command, decided.Value, new Timestamp(counter++)).State;
        return decided.Fault;
    }

    static ChangeSet Command(string value, string? schema, bool sets) => new(Principal.Root, Guid.CreateVersion7(), null,
    [
        new Change
        {
            Op = ChangeOp.Set, Environment = Environment, Key = Key(), Value = Encoding.UTF8.GetBytes(value), SetsSchema = sets,
            Schema = schema is null ? null : ConfigSchema.Stored(Encoding.UTF8.GetBytes(schema)),
        },
    ]);

    static ConfigKey Key()
    {
        Assert.True(ConfigKey.TryParse("k", out var key, out _, out _));
        return key;
    }

    static EnvironmentName Parsed()
    {
        Assert.True(EnvironmentName.TryParse("e", out var name));
        return name;
    }

    static OrgState Created() => OrgState.Empty(new OrgId(1), Guid.Empty) with
    {
        Settings = OrgSettings.First("e"),
        Environments = Core.Collections.SortedMap<EnvironmentState>.Empty.Set(new EnvironmentState("e", null, 0, 1, Timestamp.Epoch, 0)),
    };
}
