using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;
using Stele.Core.Schemas;
using Stele.Core.Secrets;

namespace Stele.Core.Configs;

/// <summary>Versioned configuration: set, delete, check, restore.</summary>
public static class ConfigDecider
{
    /// <summary>
    /// All changes or none. Refusals are merged by kind, in this order: forbidden, unknown environment, stale expectation,
    /// missing key, type, schema; the first kind that occurs is the answer, with every problem of that kind.
    /// </summary>
    public static Outcome<Decision> Decide(OrgState state, ChangeSet command)
    {
        var refusals = new ChangeRefusals(command);
        if (command.ExpectedRevision > state.Revision)
            return Fault.Invalid(Problem.Body("/expected_revision", "revision.future", $"Revision {command.ExpectedRevision} is not there yet; the last is {state.Revision}."));
        var events = new List<JournalEvent>(command.Changes.Count);
        for (var i = 0; i < command.Changes.Count; i++)
        {
            var change = command.Changes[i];
            var name = change.Environment?.Text ?? state.DefaultEnvironment;
            if (Authorisation.Check(state.Access, command.Principal, change.Permission, name, change.Key.Text) is { } forbidden) return forbidden;
            var environment = name is null ? null : state.Environment(name);
            if (environment is null)
            {
                refusals.UnknownEnvironment(i, name);
                continue;
            }
            var entry = environment.Config(change.Key.Text);
            if (!refusals.Preconditions(i, environment, entry)) continue;
            if (Event(change, environment, entry, i, refusals) is { } e) events.Add(e);
        }
        if (command.Flags.Count > 0 || command.Secrets.Count > 0 || command.Replaces is not null) return WithOthers(state, command, refusals, events);
        return (refusals.Fault ?? SecretReferences.Complete(state, events)) is { } fault ? fault : new Decision(events);
    }

    static Outcome<Decision> WithOthers(OrgState state, ChangeSet command, ChangeRefusals refusals, List<JournalEvent> configs)
    {
        var places = command.Changes.Where(change => change.Op != ChangeOp.Check).Select((change, at) => change.Index ?? at).ToList();
        // refused changes have no event, but then there is a fault
        var events = configs.Zip(places, (e, at) => (at, e)).ToList();
        if (FlagDecider.Decide(state, command, refusals, events) is { } forbidden) return forbidden;
        var rows = new List<SideRow>();
        if (SecretDecider.Decide(state, command, refusals, events, rows) is { } refused) return refused;
        List<JournalEvent> ordered = [.. events.OrderBy(item => item.Item1).Select(item => item.Item2)];
        return (refusals.Fault ?? SecretReferences.Complete(state, ordered)) is { } fault ? fault : new Decision(ordered) { Rows = rows };
    }

    /// <summary>Sets what differs, deletes what was not there; nothing if all is equal.</summary>
    public static Outcome<Decision> Decide(OrgState state, RestoreConfigs command)
    {
        var name = command.Environment?.Text ?? state.DefaultEnvironment;
        if (Authorisation.CheckSome(state.Access, command.Principal, command.Then is null ? Permission.FlagWrite : Permission.ConfigRollback, name) is { } forbidden) return forbidden;
        if (name is null || state.Environment(name) is not { } environment) return UnknownEnvironment(name);
        if (!Configs(state, command, environment).TryGet(out var events, out var fault)) return fault;
        if (command.FlagsThen is not null && FlagDecider.Restore(state, command, environment, events) is { } refused) return refused;
        if (events.Count > SteleLimits.ChangeSetChanges.Value)
            return new Fault(FaultCode.TooLarge, $"This would change {events.Count} keys and flags; one change is at most {SteleLimits.ChangeSetChanges.Value}. Roll back by narrower prefixes.");
        return SecretReferences.Complete(state, events) is { } tooMany ? tooMany : new Decision(events);
    }

    /// <summary>What a restore does to configuration.</summary>
    static Outcome<List<JournalEvent>> Configs(OrgState state, RestoreConfigs command, EnvironmentState environment)
    {
        var (name, events) = (environment.Name, new List<JournalEvent>());
        if (command.Then is null) return events;
        var broken = new List<Problem>();
        foreach (var entry in environment.Configs.StartingWith(command.Prefix))
            if (!command.Then.ContainsKey(entry.Key))
                events.Add(new ConfigDeleted(name, entry.Key, entry.Version + 1));
        foreach (var (key, then) in command.Then.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var entry = environment.Config(key);
            if (then.Value is not { } value)
            {
                // it was left out because it was the current one, and someone was faster
                if (entry?.Version != then.UnchangedSince) return Raced(key, then.UnchangedSince, name);
                continue;
            }
            if (entry?.Holds(value, then.ValueType) == true) continue;
            var schema = then.SchemaInForce(environment, key);
            if (schema is not null && Errors(schema, value, then.Check) is { Count: > 0 } errors) broken.AddRange(ChangeRefusals.Restored(key, errors));
            events.Add(new ConfigSet(name, key, value, then.ValueType, environment.LastVersion(key) + 1) { Schema = schema });
        }
        var rights = state.Access.RightsOf(command.Principal);
        foreach (var e in events)
            // without naming it: he may not know that it is there
            if (!rights.Allows(Permission.ConfigRollback, name, e is ConfigSet set ? set.Key : ((ConfigDeleted)e).Key))
                return new Fault(FaultCode.Forbidden, $"{command.Principal.ActorId} may not {Permissions.Name(Permission.ConfigRollback)} all of what would change in {name}. Roll back by narrower prefixes.");
        if (broken.Count > 0) return new Fault(FaultCode.SchemaViolation, "Values of then do not keep to the schemas that their keys have today; nothing was restored.", broken);
        return events;
    }

    /// <summary>The refusal of an environment that is not there.</summary>
    public static Fault UnknownEnvironment(string? name) => new(FaultCode.NotFound, $"There is no environment '{name}'.",
        [Problem.Query("env", "environment.unknown", $"There is no environment '{name}'.")]);

    static Fault Raced(string key, int version, string environment) => new(FaultCode.Conflict, $"{key} was changed while this was prepared; ask again.",
        [Problem.Body("/revision", "rollback.raced", $"{key} in {environment} is not at version {version} any more.")]);

    /// <summary>The state after the configuration events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        if (revision.Events.Count == 1 && revision.Events[0].Payload is ConfigSet single) return EvolveOne(state, revision, single);
        var environments = state.Environments;
        foreach (var group in revision.Events.Where(IsConfig).GroupBy(EnvironmentOf))
        {
            var environment = Named(state, revision, group.Key);
            var (bytes, valueBytes) = (environment.ConfigBytes, environment.ValueBytes);
            var (configs, deleted) = (environment.Configs.ToBuilder(), environment.Deleted.ToBuilder());
            foreach (var e in group)
            {
                var key = KeyOf(e);
                var before = environment.Config(key);
                bytes -= before?.MemoryBytes ?? 0;
                valueBytes -= before?.ValueBytes ?? 0;
                if (e.Type == ConfigDeleted.TypeName)
                {
                    configs.Remove(key);
                    environment = environment.WithSchema(key, null).WithSecretUse(before, null);
                    deleted.Add(key, new Tombstone((int)e.StreamVersion, revision.Revision, IdOf(environment, key, before, revision, e)));
                    continue;
                }
                var entry = Entry(environment, key, before, revision, e);
                if (before is null) deleted.Remove(key);
                configs.Set(entry);
                environment = environment.WithSchema(key, (e.Payload as ConfigSet)?.Schema).WithSecretUse(before, entry);
                bytes += entry.MemoryBytes;
                valueBytes += entry.ValueBytes;
            }
            environments = environments.Set(environment with
            {
                Configs = configs.ToMap(), Deleted = deleted.ToTombstones(), ConfigBytes = bytes, ValueBytes = valueBytes, ChangedRevision = revision.Revision,
            });
        }
        return ReferenceEquals(environments, state.Environments) ? state : state with { Environments = environments };
    }

    // the common case, one key that is there: no grouping, no builders
    static OrgState EvolveOne(OrgState state, RevisionRecord revision, ConfigSet set)
    {
        var environment = Named(state, revision, set.Environment);
        var before = environment.Config(set.Key);
        var entry = Entry(environment, set.Key, before, revision, revision.Events[0]);
        var deleted = environment.Deleted;
        if (before is null && deleted.Find(set.Key) is not null)
        {
            var builder = deleted.ToBuilder();
            builder.Remove(set.Key);
            deleted = builder.ToTombstones();
        }
        return state with
        {
            Environments = state.Environments.Set(environment.WithSchema(set.Key, set.Schema).WithSecretUse(before, entry) with
            {
                Configs = environment.Configs.Set(entry), Deleted = deleted,
                ConfigBytes = environment.ConfigBytes + entry.MemoryBytes - (before?.MemoryBytes ?? 0),
                ValueBytes = environment.ValueBytes + entry.ValueBytes - (before?.ValueBytes ?? 0), ChangedRevision = revision.Revision,
            }),
        };
    }

    static EnvironmentState Named(OrgState state, RevisionRecord revision, string name) => state.Environment(name)
        ?? throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{name}', which is not there");

    static JournalEvent? Event(Change change, EnvironmentState environment, ConfigEntry? entry, int index, ChangeRefusals refusals)
    {
        switch (change.Op)
        {
            case ChangeOp.Delete when entry is null:
                refusals.MissingKey(index, environment.Name);
                return null;
            case ChangeOp.Delete:
                return new ConfigDeleted(environment.Name, change.Key.Text, entry.Version + 1);
            case ChangeOp.Set:
                var type = change.ValueType ?? entry?.ValueType ?? ConfigValueTypes.Of(change.Value);
                if (!type.Fits(change.Value))
                {
                    refusals.WrongType(index, type);
                    return null;
                }
                var schema = change.SchemaInForce(environment);
                if (schema is not null && Errors(schema, change.Value!, change.Check) is { Count: > 0 } errors) refusals.BrokenSchema(index, errors);
                return new ConfigSet(environment.Name, change.Key.Text, change.Value!, type, environment.LastVersion(change.Key.Text) + 1) { Schema = schema };
            default:
                return null;
        }
    }

    // what was worked out before holds if it was for this schema and this value
    static IReadOnlyList<SchemaError> Errors(ConfigSchema schema, byte[] value, SchemaCheck? check) =>
        check is not null && check.Schema.Is(schema) && ReferenceEquals(check.Value, value) ? check.Errors : schema.Check(value).Errors;

    static bool IsConfig(EventRecord e) => e.Payload is ConfigSet or ConfigDeleted || (e.Payload is null && e.Stream.StartsWith("config/", StringComparison.Ordinal));

    static string EnvironmentOf(EventRecord e) => e.Payload switch
    {
        ConfigSet set => set.Environment,
        ConfigDeleted deleted => deleted.Environment,
        _ => e.Stream.Split('/', 3)[1],
    };

    static string KeyOf(EventRecord e) => e.Payload switch
    {
        ConfigSet set => set.Key,
        ConfigDeleted deleted => deleted.Key,
        _ => e.Stream.Split('/', 3)[2],
    };

    static ConfigEntry Entry(EnvironmentState environment, string key, ConfigEntry? before, RevisionRecord revision, EventRecord e)
    {
        // a redacted value is never the current one: a later event of the same stream replaces this
        var (value, type) = e.Payload is ConfigSet set ? (set.Value, set.ValueType) : ("null"u8.ToArray(), ConfigValueType.Json);
        return new ConfigEntry(before?.Key ?? key, value, type, (int)e.StreamVersion, revision.Revision, revision.At, revision.Actor, revision.Reason,
            before?.CreatedAt ?? revision.At, IdOf(environment, key, before, revision, e)).ForState();
    }

    static long IdOf(EnvironmentState environment, string key, ConfigEntry? before, RevisionRecord revision, EventRecord e) =>
        before?.Id ?? environment.Deleted.Find(key)?.Id ?? EventRecord.RowId(revision.Revision, e.Ordinal);
}
