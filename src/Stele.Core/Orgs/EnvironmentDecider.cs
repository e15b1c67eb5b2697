using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Secrets;

namespace Stele.Core.Orgs;

/// <summary>The environments of an org: made, described, put in order, deleted.</summary>
public static class EnvironmentDecider
{
    /// <summary>Refused if the environment exists, or the org has as many as it may. One of the name of a deleted one goes on with its versions.</summary>
    public static Outcome<Decision> Decide(OrgState state, CreateEnvironment command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        if (state.Environment(command.Name.Text) is not null)
            return new Fault(FaultCode.Conflict, $"Environment '{command.Name}' exists already.",
                [Problem.Body("/name", "environment.exists", $"'{command.Name}' is in use.")]);
        if (state.Environments.Count >= state.ValueOf(SteleLimits.EnvironmentsPerOrg)) return TooMany(SteleLimits.EnvironmentsPerOrg, state, state.Environments.Count, "environments");
        var before = state.EnvironmentEver(command.Name.Text);
        var names = state.Environments.Count + state.DeletedEnvironments.Count;
        if (before is null && names >= SteleLimits.EnvironmentNames.Value) return TooMany(SteleLimits.EnvironmentNames, state, names, "names of environments in its life");
        var ordinal = 0;
        foreach (var environment in state.Environments) ordinal = Math.Max(ordinal, environment.Ordinal + 1);
        return new Decision([new EnvironmentCreated(command.Name.Text, command.Description, ordinal, (before?.Version ?? 0) + 1)]);
    }

    /// <summary>Nothing if it says so already.</summary>
    public static Outcome<Decision> Decide(OrgState state, DescribeEnvironment command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        if (state.Environment(command.Name.Text) is not { } environment) return Unknown(command.Name.Text);
        if (OrgDecider.Stale(command.ExpectedVersion, environment.Version) is { } stale) return stale;
        return environment.Description == command.Description ? Decision.Nothing
            : new Decision([new EnvironmentChanged(environment.Name, command.Description, environment.Ordinal, environment.Version + 1)]);
    }

    /// <summary>Refused if the order does not name every environment once: one may have been made meanwhile.</summary>
    public static Outcome<Decision> Decide(OrgState state, ReorderEnvironments command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        var named = command.Order.Select(name => name.Text).ToHashSet(StringComparer.Ordinal);
        var problems = command.Order.Index().Where(item => state.Environment(item.Item.Text) is null)
            .Select(item => Problem.Body($"/order/{item.Index}", "environment.unknown", $"There is no environment '{item.Item}'.")).ToList();
        foreach (var environment in state.Environments)
            if (!named.Contains(environment.Name)) problems.Add(Problem.Body("/order", "order.incomplete", $"'{environment.Name}' is missing."));
        if (problems.Count > 0) return new Fault(FaultCode.Conflict, "The order names every environment once.", problems);
        var events = new List<JournalEvent>();
        foreach (var (ordinal, name) in command.Order.Index())
            if (state.Environment(name.Text) is { } environment && environment.Ordinal != ordinal)
                events.Add(new EnvironmentChanged(environment.Name, environment.Description, ordinal, environment.Version + 1));
        return new Decision(events);
    }

    /// <summary>
    /// The deletion of each key, flag and secret, then the environment's. Refused for the default one, for one that is protected, for one that holds
    /// data unless its name is confirmed, and for one that holds more than a change set may delete.
    /// </summary>
    public static Outcome<Decision> Decide(OrgState state, DeleteEnvironment command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        if (state.Environment(command.Name.Text) is not { } environment) return Unknown(command.Name.Text);
        if (OrgDecider.Stale(command.ExpectedVersion, environment.Version) is { } stale) return stale;
        if (environment.Name == state.DefaultEnvironment) return Kept(environment, "environment.default", "is the default environment: make another one the default first");
        if (state.Settings!.Protects(environment.Name)) return Kept(environment, "environment.protected", "is protected: take the protection off first");
        var keys = environment.Configs.Count + environment.Flags.Items.Count + environment.Secrets.Live;
        if (command.Confirm is not null ? command.Confirm != environment.Name : keys > 0)
            return Fault.Invalid(Problem.Query("confirm", "environment.confirm", $"'{environment.Name}' holds {keys} keys, flags and secrets: to delete it with them, send its name in confirm."));
        if (keys > SteleLimits.ChangeSetChanges.Value)
            return new Fault(FaultCode.TooLarge, $"This would delete {keys} keys, flags and secrets; one change is at most {SteleLimits.ChangeSetChanges.Value}. Delete keys first.");
        var events = new List<JournalEvent>(keys + 1);
        foreach (var entry in environment.Configs) events.Add(new ConfigDeleted(environment.Name, entry.Key, entry.Version + 1));
        foreach (var entry in environment.Flags.Items) events.Add(new FlagDeleted(environment.Name, entry.Key, entry.Version + 1));
        foreach (var entry in environment.Secrets.Items)
            if (!entry.IsDeleted) events.Add(new SecretDeleted(environment.Name, entry.Path, entry.Version + 1, entry.StreamVersion + 1));
        events.Add(new EnvironmentDeleted(environment.Name, environment.Version + 1));
        return new Decision(events);
    }

    /// <summary>The refusal of an environment in the path that is not there.</summary>
    public static Fault Unknown(string name) => new(FaultCode.NotFound, $"There is no environment '{name}'.", [Problem.Path("name", "environment.unknown", $"There is no environment '{name}'.")]);

    /// <summary>The state after an environment was made or changed.</summary>
    internal static OrgState Evolve(OrgState state, RevisionRecord revision, JournalEvent e) => e switch
    {
        EnvironmentCreated created => state with
        {
            Environments = state.Environments.Set(new EnvironmentState(created.Name, created.Description, created.Ordinal, created.Version, revision.At, revision.Revision)
            {
                Deleted = state.DeletedEnvironments.TryGetValue(created.Name, out var before) ? before.Deleted : Tombstones.None,
                Flags = before?.Flags ?? EnvironmentFlags.Empty, Secrets = before?.Secrets ?? EnvironmentSecrets.Empty,
            }),
            DeletedEnvironments = state.DeletedEnvironments.Remove(created.Name),
        },
        EnvironmentChanged changed => state with
        {
            Environments = state.Environments.Set(Named(state, revision, changed.Name) with
            {
                Description = changed.Description, Ordinal = changed.Ordinal, Version = changed.Version, ChangedRevision = revision.Revision,
            }),
        },
        _ => state,
    };

    /// <summary>The state without the environments that a revision deleted, after what was in them is gone.</summary>
    public static OrgState EvolveDeleted(OrgState state, RevisionRecord revision)
    {
        foreach (var e in revision.Events)
            if (e.Payload is EnvironmentDeleted deleted)
                state = state with
                {
                    Environments = state.Environments.Remove(deleted.Name),
                    DeletedEnvironments = state.DeletedEnvironments.Set(Left(Named(state, revision, deleted.Name), deleted, revision.Revision)),
                };
        return state;
    }

    static EnvironmentState Left(EnvironmentState environment, EnvironmentDeleted deleted, long revision) =>
        new(environment.Name, null, 0, deleted.Version, environment.CreatedAt, revision) { Deleted = environment.Deleted, Flags = environment.Flags.OnlyDeleted(), Secrets = environment.Secrets };

    static EnvironmentState Named(OrgState state, RevisionRecord revision, string name) => state.Environment(name)
        ?? throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{name}', which is not there");

    static Fault Kept(EnvironmentState environment, string rule, string why) =>
        new(FaultCode.Conflict, $"'{environment.Name}' {why}.", [Problem.Path("name", rule, $"'{environment.Name}' {why}.")]);

    static Fault TooMany(Limit limit, OrgState state, int count, string what) => new(FaultCode.QuotaExceeded, $"An organization has at most {state.ValueOf(limit)} {what} (limit {limit.Name}).",
        [Problem.Body("/name", limit.Name, $"This would be number {count + 1}.")]);
}
