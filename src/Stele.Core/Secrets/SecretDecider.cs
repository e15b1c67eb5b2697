using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>Secrets: set, deleted, brought back, destroyed. What is decided on was encrypted before, so that a decision never sees a value.</summary>
public static class SecretDecider
{
    /// <summary>What a command of secrets alone leads to; null for a command of another feature.</summary>
    public static Outcome<Decision>? TryDecide(OrgState state, Command command) => command switch
    {
        UndeleteSecret undelete => Decide(state, undelete),
        DestroySecret destroy => Decide(state, destroy),
        MoveSecrets move => MoveSecrets.Decide(state, move),
        _ => (Outcome<Decision>?)null,
    };

    /// <summary>The events of a set's changes of secrets, each with its place in the set, and the keys that commit with them.</summary>
    internal static Fault? Decide(OrgState state, ChangeSet command, ChangeRefusals refusals, List<(int Index, JournalEvent Event)> events, List<SideRow> rows)
    {
        var added = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var change in command.Secrets)
        {
            var name = change.Environment?.Text ?? state.DefaultEnvironment;
            if (Authorisation.Check(state.Access, command.Principal, Permission.SecretWrite, name, change.Path.Text) is { } forbidden) return forbidden;
            if (name is null || state.Environment(name) is not { } environment)
            {
                refusals.UnknownEnvironment(change, name);
                continue;
            }
            var ever = environment.Secrets.Ever(change.Path.Text);
            if (!refusals.Preconditions(change, environment, ever)) continue;
            if (Event(change, environment, ever, refusals) is not { } e) continue;
            events.Add((change.Index, e));
            // a value that lies in Vault has none
            if (e is SecretSet && change.Key is { } key) rows.Add(key);
            if (ever is null) added[name] = added.GetValueOrDefault(name) + 1;
        }
        foreach (var (name, count) in added)
            if (state.Environment(name)!.Secrets.Items.Count + count is var total && total > state.ValueOf(SecretLimits.PerEnvironment))
                refusals.Add(FaultCode.QuotaExceeded, 3, Problem.Body("", SecretLimits.PerEnvironment.Name,
                    $"An environment has at most {state.ValueOf(SecretLimits.PerEnvironment)} secrets, deleted ones included (limit {SecretLimits.PerEnvironment.Name}); {name} would have {total}."));
        return null;
    }

    static Outcome<Decision> Decide(OrgState state, UndeleteSecret command)
    {
        if (!Found(state, command, command.Environment, command.Path).TryGet(out var found, out var fault)) return fault;
        var (environment, entry) = found;
        if (!entry.IsDeleted) return Refused(FaultCode.Conflict, "secret.undelete", $"{entry.Path} is not deleted in {environment.Name}.");
        if (entry.IsDestroyed) return Refused(FaultCode.Gone, "secret.destroyed", $"The value that {entry.Path} had in {environment.Name} was destroyed: it cannot come back.");
        List<JournalEvent> events = [new SecretUndeleted(environment.Name, entry.Path, entry.Version + 1, entry.StreamVersion + 1)];
        return SecretReferences.Complete(state, events) is { } refused ? refused : new Decision(events);
    }

    static Outcome<Decision> Decide(OrgState state, DestroySecret command)
    {
        if (!Found(state, command, command.Environment, command.Path).TryGet(out var found, out var fault)) return fault;
        var (environment, entry) = found;
        if (command.AllUpTo is { } last && last != entry.Version)
            return new Fault(FaultCode.Conflict, $"{entry.Path} was changed while this was prepared; ask again.", [Problem.Body("/versions", "destroy.raced", $"{entry.Path} is at version {entry.Version} by now.")]);
        var ids = command.Versions.Select(version => version.ValueId).Distinct().ToList();
        if (ids.Count == 0) return Decision.Nothing;
        return new Decision([new SecretDestroyed(environment.Name, entry.Path, entry.Version, entry.StreamVersion + 1, ids)]) { Rows = [new SecretKeysDestroyed(ids)] };
    }

    static Outcome<(EnvironmentState Environment, SecretEntry Entry)> Found(OrgState state, Command command, EnvironmentName? environment, SecretPath path)
    {
        var name = environment?.Text ?? state.DefaultEnvironment;
        if (Authorisation.Check(state.Access, command.Principal, Permission.SecretWrite, name, path.Text) is { } forbidden) return forbidden;
        if (name is null || state.Environment(name) is not { } there) return ConfigDecider.UnknownEnvironment(name);
        return there.Secrets.Ever(path.Text) is { } entry ? (there, entry) : Unknown(path.Text, there.Name);
    }

    /// <summary>The refusal of a secret in the path that is not there.</summary>
    public static Fault Unknown(string path, string environment) => Refused(FaultCode.NotFound, "secret.unknown", $"{path} does not exist in {environment}.");

    static Fault Refused(FaultCode code, string rule, string message) => new(code, message, [Problem.Path("path", rule, message)]);

    static JournalEvent? Event(SecretChange change, EnvironmentState environment, SecretEntry? ever, ChangeRefusals refusals)
    {
        var (path, version, step) = (change.Path.Text, (ever?.Version ?? 0) + 1, (ever?.StreamVersion ?? 0) + 1);
        switch (change.Op)
        {
            case ChangeOp.Delete when ever is null or { IsDeleted: true }:
                refusals.MissingSecret(change, environment.Name);
                return null;
            case ChangeOp.Delete:
                return new SecretDeleted(environment.Name, path, version, step);
            case ChangeOp.Set:
                var before = ever is { IsDeleted: false } ? ever : null;
                return new SecretSet(environment.Name, path, change.Value!, version, step)
                {
                    ExpiresAt = change.ExpiresAt, Metadata = change.Metadata is { } metadata ? SecretEntry.Shared(metadata) : before?.Metadata ?? SecretEntry.NoMetadata,
                    RotationDays = change.NamesRotation ? change.RotationDays : before?.RotationDays,
                };
            default:
                return null;
        }
    }

    /// <summary>The state after the events of secrets of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        var environments = state.Environments;
        foreach (var e in revision.Events)
        {
            if (Subject(e.Payload) is not var (name, path)) continue;
            if (!environments.TryGetValue(name, out var environment))
                throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{name}', which is not there");
            var entry = Evolve(environment.Secrets.Ever(path), revision, e);
            environments = environments.Set(environment with { Secrets = environment.Secrets.With(entry), ChangedRevision = revision.Revision });
        }
        return ReferenceEquals(environments, state.Environments) ? state : state with { Environments = environments };
    }

    /// <summary>Environment and path that an event is of; null for one of another feature.</summary>
    public static (string Environment, string Path)? Subject(JournalEvent? payload) => payload is SecretEvent e ? (e.Environment, e.Path) : null;

    /// <summary>A secret after an event of it.</summary>
    /// <param name="before">As it was, or null.</param>
    /// <param name="revision">The event's revision.</param>
    /// <param name="e">The event.</param>
    public static SecretEntry Evolve(SecretEntry? before, RevisionRecord revision, EventRecord e)
    {
        switch (e.Payload)
        {
            case SecretSet set:
                return new SecretEntry(before?.Path ?? set.Path, set.Version, set.Step, revision.Revision, revision.At, revision.Actor, set.Value.Id, set.ExpiresAt, set.Metadata, set.RotationDays,
                    set.Value.Ciphertext.Length, before?.Id ?? EventRecord.RowId(revision.Revision, e.Ordinal)) { IsText = set.Value.IsText, ChangedRevision = revision.Revision };
            case SecretDeleted or SecretUndeleted:
                var next = (SecretEvent)e.Payload;
                return before! with { Version = next.Version, StreamVersion = next.Step, Revision = revision.Revision, CreatedAt = revision.At, CreatedBy = revision.Actor, IsDeleted = next is SecretDeleted, ChangedRevision = revision.Revision };
            case SecretDestroyed destroyed:
                return before! with { StreamVersion = destroyed.Step, IsDestroyed = before.IsDestroyed || destroyed.ValueIds.Contains(before.ValueId), ChangedRevision = revision.Revision };
            case SecretMoved moved:
                var current = moved.Values.FirstOrDefault(value => value.Id == before!.ValueId);
                return before! with { StreamVersion = moved.Step, ValueBytes = current?.Ciphertext.Length ?? before.ValueBytes, ChangedRevision = revision.Revision };
            default:
                throw new InvalidOperationException($"{e.Type} is no event of a secret");
        }
    }
}
