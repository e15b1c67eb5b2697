using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;

namespace Stele.Core.Orgs;

/// <summary>Makes an org: the first command of every journal.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name in the directory.</param>
/// <param name="Environments">Its first environments, at least one; the first is the default one.</param>
public sealed record CreateOrg(Principal Principal, Guid RequestId, string Name, IReadOnlyList<EnvironmentName> Environments)
    : Command(Principal, RequestId, null);

/// <summary>Makes an environment.</summary>
/// <param name="Principal">Who.</param>
/// <param name="RequestId">The request.</param>
/// <param name="Name">Its name, not in use.</param>
/// <param name="Description">What it is for, or null.</param>
/// <param name="Reason">The change log, or null.</param>
public sealed record CreateEnvironment(Principal Principal, Guid RequestId, EnvironmentName Name, string? Description, string? Reason)
    : Command(Principal, RequestId, Reason);

/// <summary>An org's own life: its creation and its environments.</summary>
public static class OrgDecider
{
    /// <summary>Refused if the org exists.</summary>
    public static Outcome<Decision> Decide(OrgState state, CreateOrg command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.Operate, null, null) is { } forbidden) return forbidden;
        if (state.Name is not null) return new Fault(FaultCode.Conflict, $"The organization exists already, as '{state.Name}'.");
        var events = new List<JournalEvent> { new OrgCreated(command.Name, command.Environments[0].Text, 1) };
        foreach (var (ordinal, name) in command.Environments.Index())
            events.Add(new EnvironmentCreated(name.Text, null, ordinal, 1));
        return new Decision(events);
    }

    /// <summary>Refused if the environment exists, or the org has as many as it may.</summary>
    public static Outcome<Decision> Decide(OrgState state, CreateEnvironment command)
    {
        if (Authorisation.Check(state.Access, command.Principal, Permission.OrgWrite, null, null) is { } forbidden) return forbidden;
        if (state.Environment(command.Name.Text) is not null)
            return new Fault(FaultCode.Conflict, $"Environment '{command.Name}' exists already.",
                [Problem.Body("/name", "environment.exists", $"'{command.Name}' is in use.")]);
        if (state.Environments.Count >= SteleLimits.EnvironmentsPerOrg.Value)
            return new Fault(FaultCode.QuotaExceeded, $"An organization has at most {SteleLimits.EnvironmentsPerOrg.Value} environments.",
                [Problem.Body("/name", SteleLimits.EnvironmentsPerOrg.Name, $"This would be number {state.Environments.Count + 1}.")]);
        var ordinal = 0;
        foreach (var environment in state.Environments) ordinal = Math.Max(ordinal, environment.Ordinal + 1);
        return new Decision([new EnvironmentCreated(command.Name.Text, command.Description, ordinal, 1)]);
    }

    /// <summary>The state after the org's own events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        foreach (var e in revision.Events)
            state = e.Payload switch
            {
                OrgCreated created => state with { Name = created.Name, DefaultEnvironment = created.DefaultEnvironment, Version = created.Version },
                EnvironmentCreated created => state with
                {
                    Environments = state.Environments.Set(new EnvironmentState(created.Name, created.Description, created.Ordinal,
                        created.Version, revision.At, revision.Revision)),
                },
                _ => state,
            };
        return state;
    }
}
