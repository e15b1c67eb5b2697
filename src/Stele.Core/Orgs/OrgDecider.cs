using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>An org's own life: its creation, its names, its settings, its end; and what these mean for every other command.</summary>
public static class OrgDecider
{
    /// <summary>Refused if the org exists. That its name is free, the directory says: names are over all orgs.</summary>
    public static Outcome<Decision> Decide(OrgState state, CreateOrg command)
    {
        // nobody has rights in an org that is not there yet
        if (!command.Principal.IsRoot) return new Fault(FaultCode.Forbidden, "Only a root token makes organizations.");
        if (state.Name is { } name)
            return new Fault(FaultCode.Conflict, $"The organization exists already, as '{name}'.", [Problem.Body("/name", "org.exists", $"'{command.Name}' is in use.")]);
        if (command.Environments.Count > SteleLimits.EnvironmentsPerOrg.Value)
            return new Fault(FaultCode.QuotaExceeded, $"An organization has at most {SteleLimits.EnvironmentsPerOrg.Value} environments (limit environments.count).",
                [Problem.Body("/environments", SteleLimits.EnvironmentsPerOrg.Name, $"These are {command.Environments.Count}.")]);
        var events = new List<JournalEvent> { new OrgCreated(command.Name.Text, (command.DefaultEnvironment ?? command.Environments[0]).Text, 1) };
        foreach (var (ordinal, environment) in command.Environments.Index())
            events.Add(new EnvironmentCreated(environment.Text, null, ordinal, 1));
        if (command.Token is null) return new Decision(events);
        var (token, row) = TokenDecider.OfOrg(command.Token);
        return new Decision([.. events, token]) { Rows = [row] };
    }

    /// <summary>Nothing if it is called so. Names are the operator's: they are over all orgs, and a refusal tells of another one.</summary>
    public static Outcome<Decision> Decide(OrgState state, RenameOrg command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.Operate, null, null) is { } forbidden) return forbidden;
        if (state.Name == command.Name.Text) return Decision.Nothing;
        if (!state.FormerNames.Contains(command.Name.Text) && state.FormerNames.Count + 1 >= SteleLimits.OrgNames.Value)
            return new Fault(FaultCode.QuotaExceeded, $"An organization has at most {SteleLimits.OrgNames.Value} names in its life (limit org.names); it can have one of those again.",
                [Problem.Body("/name", SteleLimits.OrgNames.Name, $"This would be number {state.FormerNames.Count + 2}.")]);
        return new Decision([new OrgRenamed(command.Name.Text, state.Version + 1)]);
    }

    /// <summary>Nothing if it is so already. The org that the first start makes cannot be archived: nodes look at it to see whether they can serve.</summary>
    public static Outcome<Decision> Decide(OrgState state, ArchiveOrg command)
    {
        if (Authorisation.Check(state.Access, command.Principal, command.Archived ? Permission.OrgArchive : Permission.Operate, null, null) is { } forbidden) return forbidden;
        if (command.Archived == state.ArchivedAt.HasValue) return Decision.Nothing;
        if (state.Org == OrgId.Default) return new Fault(FaultCode.Conflict, $"'{state.Name}' is the organization that the server itself needs; it cannot be archived.");
        return new Decision([command.Archived ? new OrgArchived(state.Version + 1) : new OrgUnarchived(state.Version + 1)]);
    }

    /// <summary>Nothing if all is as it was.</summary>
    public static Outcome<Decision> Decide(OrgState state, ChangeSettings command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        // what a tenant may use is not his to say
        if (command.Limits.Count > 0 && Authorisation.Check(state.Access, command.Principal, Permission.Operate, null, null) is { } limited) return limited;
        if (state.Settings is not { } before) return new Fault(FaultCode.NotFound, $"There is no organization {state.Org}.");
        if (Stale(command.ExpectedVersion, state.Version) is { } stale) return stale;
        var settings = new OrgSettings(command.DefaultEnvironment?.Text ?? before.DefaultEnvironment,
            command.Protected is null ? before.Protected : [.. command.Protected.Select(name => name.Text).Order(StringComparer.Ordinal)], Merged(before.Limits, command.Limits));
        if (settings.Is(before)) return Decision.Nothing;
        if (Unknown(state, command) is { Count: > 0 } unknown) return Fault.Invalid(unknown);
        // to take the protection off is the first step of a write in it
        foreach (var name in before.Protected)
            if (!settings.Protects(name) && Guard(state, command, name, null) is { } guarded) return guarded;
        return new Decision([new OrgSettingsChanged(settings, state.Version + 1)]);
    }

    /// <summary>The refusal of a name that another org has or had: the directory's, since no org's journal knows of the others.</summary>
    public static readonly Fault NameTaken = new(FaultCode.Conflict, "This name is, or was, another organization's; names are not given twice.",
        [Problem.Body("/name", "org.name_taken", "This name is, or was, another organization's.")]);

    /// <summary>
    /// What an archived org says to every command but the one that opens it, and to every read; null for one that is open.
    /// </summary>
    public static Fault? Closed(OrgState state) => state.ArchivedAt is not { } at ? null
        : new Fault(FaultCode.Gone, $"Organization '{state.Name}' is archived since {at}. An operator can bring it back: POST /v1/orgs/{state.Name}/unarchive.");

    /// <summary>Whether a command may have its way where it writes in an environment that is protected: with the permission for it, and a reason.</summary>
    public static Fault? Guard(OrgState state, Command command, Decision decision)
    {
        if (state.Settings is not { Protected.Count: > 0 } settings) return null;
        foreach (var e in decision.Events)
            if (StreamSubject.Of(e.Stream) is { Environment: { } environment, Key: var key } && settings.Protects(environment) && Guard(state, command, environment, key) is { } guarded) return guarded;
        return null;
    }

    /// <summary>The state after the org's own events of a revision, but for the deletion of environments, which comes last of all.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        foreach (var e in revision.Events)
            state = e.Payload switch
            {
                OrgCreated created => state with { Name = created.Name, Settings = OrgSettings.First(created.DefaultEnvironment), Version = created.Version, CreatedAt = revision.At },
                OrgRenamed renamed => state with
                {
                    Name = renamed.Name, Version = renamed.Version,
                    FormerNames = [.. state.FormerNames.Append(state.Name!).Where(name => name != renamed.Name).Order(StringComparer.Ordinal)],
                },
                OrgArchived archived => state with { ArchivedAt = revision.At, Version = archived.Version },
                OrgUnarchived unarchived => state with { ArchivedAt = null, Version = unarchived.Version },
                OrgSettingsChanged changed => state with { Settings = changed.Settings, Version = changed.Version },
                EnvironmentCreated or EnvironmentChanged => EnvironmentDecider.Evolve(state, revision, e.Payload),
                _ => state,
            };
        return state;
    }

    /// <summary>The fault of an expected version that another change has passed; null when it is as expected, or nothing is.</summary>
    internal static Fault? Stale(int? expected, int version) => expected is null || expected == version ? null
        : new Fault(FaultCode.Conflict, $"It is at version {version}, not {expected}.", [Problem.Body("/expected_version", "expected_version", $"It is at version {version}, not {expected}.")]);

    static Fault? Guard(OrgState state, Command command, string environment, string? key)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.ProtectedWrite, environment, key) is { } forbidden) return forbidden;
        if (!string.IsNullOrWhiteSpace(command.Reason)) return null;
        var message = $"'{environment}' is protected: a change in it says why, in change_log.";
        return Fault.Invalid(Problem.Body("/change_log", "change_log.required", message));
    }

    static List<Problem> Unknown(OrgState state, ChangeSettings command)
    {
        var problems = new List<Problem>();
        if (command.DefaultEnvironment is { } name && state.Environment(name.Text) is null)
            problems.Add(Problem.Body("/default_environment", "environment.unknown", $"There is no environment '{name}'."));
        foreach (var (index, environment) in (command.Protected ?? []).Index())
            if (state.Environment(environment.Text) is null)
                problems.Add(Problem.Body($"/protected_environments/{index}", "environment.unknown", $"There is no environment '{environment}'."));
        return problems;
    }

    static IReadOnlyList<LimitOverride> Merged(IReadOnlyList<LimitOverride> before, IReadOnlyList<(Limit Limit, long? Value)> changes)
    {
        if (changes.Count == 0) return before;
        var merged = new SortedDictionary<string, long>(before.ToDictionary(limit => limit.Name, limit => limit.Value), StringComparer.Ordinal);
        foreach (var (limit, value) in changes)
            if (value is null) merged.Remove(limit.Name);
            else merged[limit.Name] = value.Value;
        return [.. merged.Select(limit => new LimitOverride(limit.Key, limit.Value))];
    }
}
