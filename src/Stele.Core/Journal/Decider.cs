using System.Security.Cryptography;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Core.Webhooks;

namespace Stele.Core.Journal;

/// <summary>
/// The state machine that every node is: Decide and Evolve, dispatched to the features by kind. Pure: no clock, no
/// randomness, no I/O, so that two nodes that read the same journal are in the same state.
/// </summary>
public static class Decider
{
    /// <summary>What a command leads to on a state, or why it is refused.</summary>
    public static Outcome<Decision> Decide(OrgState state, Command command)
    {
        if (command is not ArchiveOrg && OrgDecider.Closed(state) is { } closed) return closed;
        var outcome = Dispatch(state, command);
        if (!outcome.TryGet(out var decision, out _)) return outcome;
        foreach (var e in decision.Events)
            if (e.Format > state.Format)
                return Fault.Unavailable($"This needs journal format {e.Format}, and organization {state.Org} is written in format {state.Format}, which older servers can read. "
                    + "When none of them runs any more, an operator allows it with 'stele upgrade finalize'.");
        return (OrgDecider.Guard(state, command, decision) ?? OrgQuota.Check(state, decision)) is { } refused ? refused : outcome;
    }

    static Outcome<Decision> Dispatch(OrgState state, Command command) => command switch
    {
        ChangeSet changes => ConfigDecider.Decide(state, changes),
        RestoreConfigs restore => ConfigDecider.Decide(state, restore),
        CreateOrg create => OrgDecider.Decide(state, create),
        RenameOrg rename => OrgDecider.Decide(state, rename),
        ArchiveOrg archive => OrgDecider.Decide(state, archive),
        ChangeSettings change => OrgDecider.Decide(state, change),
        CreateEnvironment create => EnvironmentDecider.Decide(state, create),
        DescribeEnvironment describe => EnvironmentDecider.Decide(state, describe),
        ReorderEnvironments reorder => EnvironmentDecider.Decide(state, reorder),
        DeleteEnvironment delete => EnvironmentDecider.Decide(state, delete),
        _ => AccessDecider.TryDecide(state, command) ?? WebhookDecider.TryDecide(state, command) ?? SecretDecider.TryDecide(state, command) ?? throw new InvalidOperationException($"no decider for {command.GetType().Name}"),
    };

    /// <summary>The revision that a decision on a state makes at a moment, with its chain, and the state after it.</summary>
    public static Applied Apply(OrgState state, Command command, Decision decision, Timestamp at)
    {
        if (decision.Events.Count == 0) return new Applied(state, null);
        var events = new EventRecord[decision.Events.Count];
        for (var i = 0; i < events.Length; i++)
        {
            var payload = decision.Events[i];
            var data = payload.Encode();
            events[i] = new EventRecord(i, command.EventId(i), payload, payload.Type, payload.Stream, payload.StreamVersion, data, SHA256.HashData(data));
        }
        var unchained = new RevisionRecord(state.Org, state.Revision + 1, at, command.Principal.ActorId, command.Reason, command.RequestId, [], events);
        var record = unchained with { Chain = RevisionChain.Next(state.Place.Chain, unchained) };
        return new Applied(Evolve(state, record), record);
    }

    /// <summary>The state after a revision that stands in the journal. Its number must be the next one.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        if (revision.Revision != state.Revision + 1)
            throw new InvalidOperationException($"org {state.Org} is at revision {state.Revision}; {revision.Revision} is not the next");
        var next = EnvironmentDecider.EvolveDeleted(SecretDecider.Evolve(FlagDecider.Evolve(ConfigDecider.Evolve(WebhookDecider.Evolve(AccessDecider.Evolve(OrgDecider.Evolve(state, revision), revision), revision), revision), revision), revision), revision);
        return next with
        {
            Place = new JournalPlace(revision.Revision, revision.Chain),
            LastAt = Timestamp.Later(state.LastAt, revision.At),
            Today = state.Today.After(revision.At, revision.Revision),
        };
    }
}
