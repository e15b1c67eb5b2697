using System.Globalization;
using System.Text;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>Makes what one client writes. Every value is unique and names its org, so that a row of another org is known where it is seen.</summary>
internal sealed class CommandMaker
{
    readonly int number;
    readonly Dice dice;
    readonly Dictionary<string, int> versions = [];
    int counter;

    public CommandMaker(int number, Dice dice)
    {
        (this.number, this.dice) = (number, dice);
        Flags = new FlagMaker(dice, Unique);
    }

    public static readonly string[] Keys = ["a.x", "a.y", "b", "b.c.d", "svc.timeout", "svc.name"];
    public static readonly string[] Environments = ["development", "production"];

    public FlagMaker Flags { get; }

    /// <summary>The org that the next commands are for.</summary>
    public OrgId Org { get; set; }

    /// <summary>Who asks.</summary>
    public Principal Principal { get; set; } = Principal.Root;

    public ChangeSet Changes(IReadOnlyList<Change> changes) => new(Principal, dice.Id(), dice.Chance(0.3) ? "why" : null, changes) { IsList = changes.Count > 1 };

    /// <summary>Changes of flags, perhaps together with configuration.</summary>
    public ChangeSet FlagChanges()
    {
        var changes = new List<Core.Flags.FlagChange>();
        for (var i = dice.Between(1, 2); i > 0; i--)
        {
            var environment = AnEnvironment();
            var change = Flags.Change(environment, key => versions.GetValueOrDefault($"{Org}/{environment?.Text ?? Environments[0]}/{key}")) with { Index = changes.Count, Pointer = $"/changes/{changes.Count}", DefinitionPointer = $"/changes/{changes.Count}/definition" };
            if (!changes.Exists(other => other.Key == change.Key && Same(other.Environment, change.Environment))) changes.Add(change);
        }
        return Changes(dice.Chance(0.2) ? [Set() with { Index = changes.Count }] : []) with { Flags = changes, IsList = true };
    }

    /// <summary>The flags that an org has in the beginning.</summary>
    public ChangeSet FirstFlags() => Changes([]) with
    {
        Flags = [.. Flags.Beginning().Select((change, index) => change with { Index = index, Pointer = $"/changes/{index}", DefinitionPointer = $"/changes/{index}/definition" })], IsList = true,
    };

    // of nine writes one brings a schema and one clears it
    public Change Set() => new()
    {
        SetsSchema = counter % 9 is 2 or 5, Schema = counter % 9 == 2 ? ConfigSchema.Stored(Encoding.UTF8.GetBytes($$"""{"type":"string","$comment":"{{number}}"}""")) : null,
        Op = ChangeOp.Set, Environment = AnEnvironment(), Key = AKey(), ValueType = ConfigValueType.Json, Value = Encoding.UTF8.GetBytes($"\"{Unique()}\""),
    };

    public Change Conditional()
    {
        var change = Set();
        return change with { ExpectedVersion = dice.Chance(0.8) ? versions.GetValueOrDefault($"{Org}/{change.Environment?.Text ?? Environments[0]}/{change.Key}") : dice.Next(4) };
    }

    public Change Delete() => new() { Op = ChangeOp.Delete, Environment = AnEnvironment(), Key = AKey() };

    public List<Change> Several()
    {
        var changes = new List<Change>();
        var some = dice.Between(1, 4);
        for (var i = 0; i < some; i++)
        {
            var change = dice.Next(5) switch
            {
                0 => Conditional(),
                1 => Conditional() with { Op = ChangeOp.Check, Value = null, ValueType = null, Schema = null, SetsSchema = false },
                _ => Set(),
            };
            // whoever parses a change set refuses one that touches a key twice
            if (!changes.Exists(other => Same(other.Environment, change.Environment) && other.Key == change.Key)) changes.Add(change);
        }
        return changes;
    }

    /// <summary>Puts the default environment back to what a node holds of it.</summary>
    public RestoreConfigs Restore(OrgState? held)
    {
        var then = new Dictionary<string, RestoredValue>();
        if (held?.Environment(Environments[0]) is { } environment)
            foreach (var entry in environment.Configs)
                if (dice.Chance(0.9)) then[entry.Key] = entry.Value is { } value ? new RestoredValue(value, entry.ValueType) : new RestoredValue(null, entry.ValueType, entry.Version);
        return new RestoreConfigs(Principal, dice.Id(), "back", EnvironmentName.Parse(Environments[0], null), "", then) { FlagsThen = dice.Chance(0.5) ? held?.Environment(Environments[0])?.Flags : null };
    }

    /// <summary>Something of the org's own life.</summary>
    public Command OwnLife()
    {
        var (id, name) = (dice.Id(), EnvironmentName.Parse($"env{dice.Next(5)}", null));
        return dice.Next(5) switch
        {
            0 => new DeleteEnvironment(Principal, id, name, name.Text, "over"),
            1 => new DescribeEnvironment(Principal, id, name, Unique(), null),
            2 => new ChangeSettings(Principal, id, "why") { Protected = dice.Chance(0.5) ? [name] : [] },
            _ => new CreateEnvironment(Principal, id, name, null, null),
        };
    }

    public Idempotency Key() => new($"{number}-{counter++}", [1, (byte)number]);

    public ConfigKey AKey() => ConfigKey.Parse(dice.Pick(Keys), null);

    public EnvironmentName? AnEnvironment() => dice.Chance(0.1) ? null : EnvironmentName.Parse(dice.Pick(Environments), null);

    /// <summary>The version of something that was shown last; 0: none was.</summary>
    public int VersionOf(string environment, string key) => versions.GetValueOrDefault($"{Org}/{environment}/{key}");

    /// <summary>Takes note of the versions that were shown.</summary>
    public void Remember(OrgState state)
    {
        foreach (var environment in state.Environments)
        {
            foreach (var key in Keys) versions[$"{state.Org}/{environment.Name}/{key}"] = environment.Config(key)?.Version ?? 0;
            foreach (var secret in environment.Secrets.Items) versions[$"{state.Org}/{environment.Name}/{secret.Path}"] = secret.Version;
            foreach (var item in FlagMaker.Items) versions[$"{state.Org}/{environment.Name}/{item}"] = environment.Flags.Item(item)?.Version ?? 0;
        }
    }

    /// <summary>A value that nobody else writes, and that names its org.</summary>
    public string Unique() => string.Create(CultureInfo.InvariantCulture, $"{Org}/{number}.{counter++}");

    static bool Same(EnvironmentName? a, EnvironmentName? b) => (a?.Text ?? Environments[0]) == (b?.Text ?? Environments[0]);
}
