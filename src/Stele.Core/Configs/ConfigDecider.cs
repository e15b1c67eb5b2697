using Stele.Core.Access;
using Stele.Core.Collections;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Configs;

/// <summary>Versioned configuration: set, delete, check, restore.</summary>
public static class ConfigDecider
{
    /// <summary>
    /// All changes or none. Refusals are merged by kind, in this order: forbidden, unknown environment, stale expectation,
    /// missing key, type; the first kind that occurs is the answer, with every problem of that kind.
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
            if (Authorisation.Check(command.Principal, change.Permission, name, change.Key.Text) is { } forbidden) return forbidden;
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
        return refusals.Fault is { } fault ? fault : new Decision(events);
    }

    /// <summary>Sets what differs, deletes what was not there; nothing if all is equal.</summary>
    public static Outcome<Decision> Decide(OrgState state, RestoreConfigs command)
    {
        var name = command.Environment?.Text ?? state.DefaultEnvironment;
        if (name is null || state.Environment(name) is not { } environment) return UnknownEnvironment(name);
        var events = new List<JournalEvent>();
        foreach (var entry in environment.Configs.StartingWith(command.Prefix))
            if (!entry.Deleted && !command.Then.ContainsKey(entry.Key))
                events.Add(new ConfigDeleted(name, entry.Key, entry.Version + 1));
        foreach (var (key, then) in command.Then.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            var entry = environment.Config(key);
            if (entry is { Deleted: false } && entry.ValueType == then.ValueType && entry.Value.AsSpan().SequenceEqual(then.Value)) continue;
            events.Add(new ConfigSet(name, key, then.Value, then.ValueType, (entry?.Version ?? 0) + 1));
        }
        foreach (var e in events)
            if (Authorisation.Check(command.Principal, Permission.ConfigRollback, name, e is ConfigSet set ? set.Key : ((ConfigDeleted)e).Key) is { } forbidden)
                return forbidden;
        if (events.Count > SteleLimits.ChangeSetChanges.Value)
            return new Fault(FaultCode.TooLarge, $"This would change {events.Count} keys; one change is at most {SteleLimits.ChangeSetChanges.Value}. Roll back by narrower prefixes.");
        return new Decision(events);
    }

    /// <summary>The refusal of an environment that is not there.</summary>
    public static Fault UnknownEnvironment(string? name) => new(FaultCode.NotFound, $"There is no environment '{name}'.",
        [Problem.Query("env", "environment.unknown", $"There is no environment '{name}'.")]);

    /// <summary>The state after the configuration events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        if (revision.Events.Count == 1 && revision.Events[0].Payload is ConfigSet single) return EvolveOne(state, revision, single);
        var environments = state.Environments;
        foreach (var group in revision.Events.Where(IsConfig).GroupBy(EnvironmentOf))
        {
            if (!environments.TryGetValue(group.Key, out var environment))
                throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{group.Key}', which is not there");
            var (live, bytes) = (environment.LiveConfigs, environment.ValueBytes);
            var builder = environment.Configs.ToBuilder();
            foreach (var e in group)
            {
                var entry = Entry(environment.Config, revision, e);
                var before = environment.Config(entry.Key);
                live += Live(entry) - Live(before);
                bytes += Bytes(entry) - Bytes(before);
                builder.Set(entry);
            }
            environments = environments.Set(environment with { Configs = builder.ToMap(), LiveConfigs = live, ValueBytes = bytes, ChangedRevision = revision.Revision });
        }
        return ReferenceEquals(environments, state.Environments) ? state : state with { Environments = environments };
    }

    // the common case, one key: no grouping, no builder
    static OrgState EvolveOne(OrgState state, RevisionRecord revision, ConfigSet set)
    {
        var environment = state.Environment(set.Environment)
            ?? throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{set.Environment}', which is not there");
        var entry = Entry(environment.Config, revision, revision.Events[0]);
        var before = environment.Config(set.Key);
        var changed = environment with
        {
            Configs = environment.Configs.Set(entry),
            LiveConfigs = environment.LiveConfigs + 1 - Live(before),
            ValueBytes = environment.ValueBytes + Bytes(entry) - Bytes(before),
            ChangedRevision = revision.Revision,
        };
        return state with { Environments = state.Environments.Set(changed) };
    }

    static JournalEvent? Event(Change change, EnvironmentState environment, ConfigEntry? entry, int index, ChangeRefusals refusals)
    {
        var version = (entry?.Version ?? 0) + 1;
        switch (change.Op)
        {
            case ChangeOp.Delete when entry is null or { Deleted: true }:
                refusals.MissingKey(index, environment.Name);
                return null;
            case ChangeOp.Delete:
                return new ConfigDeleted(environment.Name, change.Key.Text, version);
            case ChangeOp.Set:
                var type = change.ValueType ?? (entry is { Deleted: false } ? entry.ValueType : ConfigValueTypes.Of(change.Value));
                if (type.Fits(change.Value)) return new ConfigSet(environment.Name, change.Key.Text, change.Value!, type, version);
                refusals.WrongType(index, type);
                return null;
            default:
                return null;
        }
    }

    static bool IsConfig(EventRecord e) => e.Payload is ConfigSet or ConfigDeleted || (e.Payload is null && e.Stream.StartsWith("config/", StringComparison.Ordinal));

    static string EnvironmentOf(EventRecord e) => e.Payload switch
    {
        ConfigSet set => set.Environment,
        ConfigDeleted deleted => deleted.Environment,
        _ => e.Stream.Split('/', 3)[1],
    };

    static ConfigEntry Entry(Func<string, ConfigEntry?> find, RevisionRecord revision, EventRecord e)
    {
        var (key, value, type) = e.Payload switch
        {
            ConfigSet set => (set.Key, set.Value, set.ValueType),
            ConfigDeleted deleted => (deleted.Key, null, find(deleted.Key)?.ValueType ?? ConfigValueType.Json),
            // a redacted value is never the current one: a later event of the same stream replaces this
            _ => (e.Stream.Split('/', 3)[2], "null"u8.ToArray(), ConfigValueType.Json),
        };
        var before = find(key);
        return new ConfigEntry(key, value, type, (int)e.StreamVersion, revision.Revision, revision.At, revision.Actor, revision.Reason,
            before is { Deleted: false } ? before.CreatedAt : revision.At, before?.Id ?? EventRecord.RowId(revision.Revision, e.Ordinal));
    }

    static long Bytes(ConfigEntry? entry) => entry?.Value?.Length ?? 0;

    static int Live(ConfigEntry? entry) => entry is { Deleted: false } ? 1 : 0;
}
