using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Xunit;

namespace Stele.Core.Tests.Orgs;

public sealed class OrgQuotaTests
{
    static readonly Timestamp noon = Timestamp.From(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));

    OrgState state = Limited(new LimitOverride("org.keys", 3), new LimitOverride("org.mib", 1), new LimitOverride("org.writes_per_day", 5));

    [Fact]
    public void Keys_at_their_number_and_one_past_it()
    {
        Assert.Null(Write(Set("a", 1), Set("b", 1), Set("c", 1)));
        Refused("org.keys", Set("d", 1));
        Refused("org.keys", Delete("a"), Set("d", 1), Set("e", 1));
        Assert.Null(Write(Set("a", 2)));
        Assert.Null(Write(Delete("a"), Set("d", 1)));
        Assert.Equal(3, state.Environment("production")!.Configs.Count);
    }

    [Fact]
    public void Keys_of_all_environments_count_together()
    {
        Assert.Null(Write(Set("a", 1), Set("b", 1), Set("a", 1, "staging")));
        Refused("org.keys", Set("b", 1, "staging"));
    }

    [Fact]
    public void Bytes_at_their_number_and_one_past_it()
    {
        Assert.Null(Write(Set("a", 500_000), Set("b", (1 << 20) - 500_000)));
        Assert.Equal(1 << 20, state.Environment("production")!.ValueBytes);
        Refused("org.mib", Set("c", 1));
        Refused("org.mib", Set("a", 500_001));
        Assert.Null(Write(Set("a", 499_999)));
        Assert.Null(Write(Set("c", 1)));
        Refused("org.mib", Set("b", (1 << 20) - 499_999));
    }

    [Fact]
    public void The_bytes_of_a_value_that_is_kept_by_reference_are_those_of_its_text()
    {
        var most = (int)SteleLimits.InlineValueBytes.Value;
        foreach (var size in (int[])[most - 1, most, most + 1, most + 2, most + 3])
        {
            var canonical = Encoding.UTF8.GetBytes($"\"{new string('x', size - 2)}\"");
            var entry = new ConfigEntry("k", canonical, ConfigValueType.String, 1, 1, noon, "root", null, noon, 1).ForState();
            Assert.Equal(entry.ValueBytes, ConfigEntry.CountedBytes(canonical, ConfigValueType.String));
        }
    }

    [Fact]
    public void Past_a_quota_that_was_made_smaller_what_takes_no_more_than_before_is_written()
    {
        Assert.Null(Write(Set("a", 1_000), Set("b", 1_000), Set("c", 1_000)));
        state = state with { Settings = state.Settings! with { Limits = [new LimitOverride("org.keys", 1)] } };
        Assert.Null(Write(Set("a", 2_000)));
        Assert.Null(Write(Delete("a")));
        Refused("org.keys", Set("d", 1));
    }

    [Fact]
    public void Writes_of_a_day_at_their_number_and_one_past_it_and_root_may_write_on()
    {
        var member = Principal.User(Guid.NewGuid());
        // two revisions made the org and its second environment
        for (var i = 2; i < 5; i++)
        {
            Assert.Null(OrgQuota.CheckWrites(state, member, noon));
            Assert.Null(Write(Set("a", i)));
        }
        var refused = OrgQuota.CheckWrites(state, member, noon)!;
        Assert.Equal((FaultCode.QuotaExceeded, 12 * 3_600), (refused.Code, refused.RetryAfterSeconds));
        Assert.Equal("org.writes_per_day", Assert.Single(refused.Problems).Rule);
        Assert.Null(OrgQuota.CheckWrites(state, Principal.Root, noon));
        var midnight = new Timestamp(noon.Microseconds + 12 * 3_600_000_000L);
        Assert.NotNull(OrgQuota.CheckWrites(state, member, new Timestamp(midnight.Microseconds - 1)));
        Assert.Equal(1, OrgQuota.CheckWrites(state, member, new Timestamp(midnight.Microseconds - 1))!.RetryAfterSeconds);
        Assert.Null(OrgQuota.CheckWrites(state, member, midnight));
        Assert.Null(Write(midnight, Set("a", 9)));
        Assert.Equal((1, 5), (state.Today.Writes(state.Revision, midnight), state.Today.Before));
    }

    void Refused(string limit, params Change[] changes)
    {
        var before = state;
        var fault = Write(changes)!;
        Assert.Equal(FaultCode.QuotaExceeded, fault.Code);
        Assert.Equal(limit, Assert.Single(fault.Problems).Rule);
        Assert.Contains($"(limit {limit})", fault.Detail, StringComparison.Ordinal);
        Assert.Same(before, state);
    }

    Fault? Write(params Change[] changes) => Write(noon, changes);

    Fault? Write(Timestamp at, params Change[] changes)
    {
        var command = new ChangeSet(Principal.Root, Guid.CreateVersion7(), null, changes) { IsList = true };
        if (!Decider.Decide(state, command).TryGet(out var decision, out var fault)) return fault;
        state = Decider.Apply(state, command, decision, at).State;
        return null;
    }

    static Change Set(string key, int bytes, string environment = "production") => new()
    {
        Op = ChangeOp.Set, Environment = EnvironmentName.Parse(environment, null), Key = ConfigKey.Parse(key, null), Value = Value(bytes),
    };

    // canonical JSON of so many bytes, short or long
    static byte[] Value(int bytes) => Encoding.UTF8.GetBytes(bytes < 10 ? new string('7', bytes) : $"[\"{new string('x', bytes - 4)}\"]");

    static Change Delete(string key) => new() { Op = ChangeOp.Delete, Environment = EnvironmentName.Parse("production", null), Key = ConfigKey.Parse(key, null) };

    static OrgState Limited(params LimitOverride[] limits)
    {
        var empty = OrgState.Empty(new OrgId(7), Guid.NewGuid());
        var create = new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("seven", null), [EnvironmentName.Parse("production", null)]);
        var made = Decider.Apply(empty, create, Decider.Decide(empty, create).Value, noon).State;
        var second = new CreateEnvironment(Principal.Root, Guid.CreateVersion7(), EnvironmentName.Parse("staging", null), null, null);
        made = Decider.Apply(made, second, Decider.Decide(made, second).Value, noon).State;
        return made with { Settings = made.Settings! with { Limits = limits } };
    }
}
