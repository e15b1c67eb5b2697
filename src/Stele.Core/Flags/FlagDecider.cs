using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Core.Orgs;

namespace Stele.Core.Flags;

/// <summary>Versioned flags: defined, put away, deleted; with the rules that they share, in change sets of their own or together with configuration.</summary>
static class FlagDecider
{
    /// <summary>
    /// The events of a set's changes of flags, each with its place in the set. What a definition says by itself was checked when it was
    /// parsed; here is checked what it refers to, in the set of flags as all changes together leave it.
    /// </summary>
    public static Fault? Decide(OrgState state, ChangeSet command, ChangeRefusals refusals, List<(int Index, JournalEvent Event)> events)
    {
        var touched = new Dictionary<string, Working>(StringComparer.Ordinal);
        foreach (var change in command.Flags)
        {
            var name = change.Environment?.Text ?? state.DefaultEnvironment;
            if (Authorisation.Check(state.Access, command.Principal, Permission.FlagWrite, name, change.Key.Text) is { } forbidden) return forbidden;
            if (name is null || state.Environment(name) is not { } environment)
            {
                refusals.UnknownEnvironment(change, name);
                continue;
            }
            if (!touched.TryGetValue(name, out var working)) touched.Add(name, working = new Working(environment));
            var entry = environment.Flags.Item(change.Key.Text);
            if (!refusals.Preconditions(change, environment, entry)) continue;
            if (Event(change, environment, entry, refusals) is not { } e) continue;
            working.Apply(change, e, entry);
            events.Add((change.Index, e));
        }
        if (command.Replaces is { } replaces && Replace(state, command, replaces, touched, refusals, events) is { } refused) return refused;
        foreach (var working in touched.Values) working.Check(state, refusals);
        return null;
    }

    /// <summary>What a replacement does not name goes; the kill switch is no part of what is replaced.</summary>
    static Fault? Replace(OrgState state, ChangeSet command, FlagReplacement replaces, Dictionary<string, Working> touched, ChangeRefusals refusals, List<(int Index, JournalEvent Event)> events)
    {
        var name = replaces.Environment?.Text ?? state.DefaultEnvironment;
        if (name is null || state.Environment(name) is not { } environment) return ConfigDecider.UnknownEnvironment(name);
        if (!touched.TryGetValue(name, out var working)) touched.Add(name, working = new Working(environment));
        var named = command.Flags.Select(change => change.Key.Text).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in environment.Flags.Items)
        {
            if (entry.Kind == FlagItemKind.KillSwitch || named.Contains(entry.Key)) continue;
            if (Authorisation.Check(state.Access, command.Principal, Permission.FlagWrite, name, entry.Key) is { } forbidden) return forbidden;
            var change = new FlagChange { Op = ChangeOp.Delete, Environment = replaces.Environment, Key = FlagKey.Stored(entry.Key), MayDangle = true, Index = int.MaxValue };
            var gone = new FlagDeleted(name, entry.Key, entry.Version + 1);
            working.Apply(change, gone, entry);
            events.Add((change.Index, gone));
        }
        if (events.Count > SteleLimits.ChangeSetChanges.Value)
            refusals.Add(FaultCode.TooLarge, 3, Problem.Body("", "changes.count", $"This would change {events.Count} flags; one change is at most {SteleLimits.ChangeSetChanges.Value}."));
        return null;
    }

    /// <summary>Puts the flags under a prefix back as they were, but for kill switches, which were meant to be where they are; the refusal, or null.</summary>
    public static Fault? Restore(OrgState state, RestoreConfigs command, EnvironmentState environment, List<JournalEvent> events)
    {
        var changes = new List<FlagChange>();
        foreach (var item in environment.Flags.Items.StartingWith(command.Prefix))
            if (item.Kind != FlagItemKind.KillSwitch && command.FlagsThen!.Item(item.Key) is null) changes.Add(Change(item.Key) with { Op = ChangeOp.Delete, MayDangle = false });
        foreach (var then in command.FlagsThen!.Items.StartingWith(command.Prefix))
        {
            var now = environment.Flags.Item(then.Key);
            if (then.Kind == FlagItemKind.KillSwitch || (now is not null && now.Archived == then.Archived && now.Text.AsSpan().SequenceEqual(then.Text))) continue;
            // what was put away then and is gone now was of no use to anybody
            if (!then.Archived) changes.Add(Change(then.Key) with { Content = FlagContent.Stored(then.Text!) });
            else if (now is { Archived: false }) changes.Add(Change(then.Key) with { Archived = true });
        }
        var set = new ChangeSet(command.Principal, command.RequestId, command.Reason, []) { Flags = changes };
        var (refusals, flags) = (new ChangeRefusals(set), new List<(int, JournalEvent Event)>());
        if (Decide(state, set, refusals, flags) is { } forbidden)
            // without naming it: he may not know that it is there
            return forbidden.Code != FaultCode.Forbidden ? forbidden : new Fault(FaultCode.Forbidden, $"{command.Principal.ActorId} may not {Permissions.Name(Permission.FlagWrite)} all of what would change in {environment.Name}. Roll back by narrower prefixes, or the kind config alone.");
        if (refusals.Fault is { } fault) return fault;
        events.AddRange(flags.Select(flag => flag.Event));
        return null;

        FlagChange Change(string key) => new() { Op = ChangeOp.Set, Environment = command.Environment, Key = FlagKey.Stored(key), Pointer = "/revision", DefinitionPointer = "/revision" };
    }

    /// <summary>The state after the flag events of a revision.</summary>
    public static OrgState Evolve(OrgState state, RevisionRecord revision)
    {
        var environments = state.Environments;
        foreach (var e in revision.Events)
        {
            if (e.Payload is not (FlagDefined or FlagArchived or FlagDeleted)) continue;
            var (name, key) = e.Payload switch
            {
                FlagDefined set => (set.Environment, set.Name),
                FlagArchived archived => (archived.Environment, archived.Name),
                _ => (((FlagDeleted)e.Payload).Environment, ((FlagDeleted)e.Payload).Name),
            };
            if (!environments.TryGetValue(name, out var environment))
                throw new InvalidOperationException($"revision {revision.Revision} of org {state.Org} names environment '{name}', which is not there");
            environments = environments.Set(environment with { Flags = Evolve(environment.Flags, key, revision, e), ChangedRevision = revision.Revision });
        }
        return ReferenceEquals(environments, state.Environments) ? state : state with { Environments = environments };
    }

    static EnvironmentFlags Evolve(EnvironmentFlags flags, string key, RevisionRecord revision, EventRecord e)
    {
        var before = flags.Item(key);
        var id = before?.Id ?? flags.Deleted.Find(key)?.Id ?? EventRecord.RowId(revision.Revision, e.Ordinal);
        if (e.Payload is FlagDeleted) return flags.Without(key, new Tombstone((int)e.StreamVersion, revision.Revision, id));
        var set = e.Payload as FlagDefined;
        return flags.With(new FlagEntry(before?.Key ?? key, set?.Definition ?? before!.Text, (int)e.StreamVersion, revision.Revision, revision.At, revision.Actor, revision.Reason,
            before?.CreatedAt ?? revision.At, id) { Killed = set?.Killed ?? before!.Killed, Archived = set is null });
    }

    static JournalEvent? Event(FlagChange change, EnvironmentState environment, FlagEntry? entry, ChangeRefusals refusals)
    {
        if (change.Op == ChangeOp.Check) return null;
        var key = change.Key.Text;
        var version = environment.Flags.LastVersion(key) + 1;
        if (entry is null && (change.Op == ChangeOp.Delete || change.Content is null))
        {
            refusals.MissingFlag(change, environment.Name);
            return null;
        }
        if (change.Op == ChangeOp.Delete) return new FlagDeleted(environment.Name, key, version);
        var archived = change.Archived ?? (change.Content is null && entry!.Archived);
        if (archived && change.Killed is not null)
        {
            refusals.Add(FaultCode.Conflict, 3, Problem.Body($"{change.Pointer}/killed", "flag.archived", $"{key} is archived in {environment.Name}: nothing evaluates it. Bring it back first, with archived: false."));
            return null;
        }
        var killed = change.Killed ?? (entry?.Killed ?? false);
        var text = change.Content?.Text ?? entry!.Text!;
        if (change.SkipsEqual && entry is not null && entry.Archived == archived && entry.Killed == killed && entry.Text.AsSpan().SequenceEqual(text)) return null;
        return archived ? new FlagArchived(environment.Name, key, version) : new FlagDefined(environment.Name, key, text, version) { Killed = killed };
    }

    /// <summary>An environment's flags as the changes of a set leave them.</summary>
    sealed class Working(EnvironmentState environment)
    {
        readonly List<(FlagChange Change, JournalEvent Event)> changes = [];
        FlagSet set = environment.Flags.Set;
        HashSet<string>? read;
        int added;

        /// <summary>Whether something in the set as it is in the end reads an item. Asked for each change: a set of ten thousand is looked through once.</summary>
        bool IsRead(FlagKey key) => (read ??= FlagChecks.ReadKeys(set)).Contains(key.Text);

        public void Apply(FlagChange change, JournalEvent e, FlagEntry? before)
        {
            changes.Add((change, e));
            var name = change.Key.Name;
            var there = e is FlagDefined;
            if (change.Key.Kind == FlagItemKind.Rule)
                set = set with { Rules = there ? set.Rules.Set(change.Content?.RuleOf(name) ?? SharedRule.Stored(name, before!.Text!)) : set.Rules.Remove(name) };
            else if (change.Key.Kind == FlagItemKind.Flag)
                set = set with { Flags = e is FlagDefined defined ? set.Flags.Set((change.Content ?? FlagContent.Stored(before!.Text!)).FlagOf(name, defined.Killed)) : set.Flags.Remove(name) };
            added += (e is FlagDeleted ? 0 : 1) - (before is null ? 0 : 1);
        }

        public void Check(OrgState state, ChangeRefusals refusals)
        {
            var most = state.ValueOf(SteleLimits.FlagsPerEnvironment);
            if (added > 0 && environment.Flags.Items.Count + added > most)
                refusals.Add(FaultCode.QuotaExceeded, 3, Problem.Body(changes[^1].Change.Pointer, SteleLimits.FlagsPerEnvironment.Name,
                    $"An environment has at most {most} flags and shared rules (limit {SteleLimits.FlagsPerEnvironment.Name}); {environment.Name} would have {environment.Flags.Items.Count + added}."));
            foreach (var (change, e) in changes)
                if (e is FlagDefined) CheckReferences(change, refusals);
                else CheckReferrers(change, refusals);
        }

        void CheckReferences(FlagChange change, ChangeRefusals refusals)
        {
            // what changes only a switch or comes back refers to what it referred to: but that may be gone
            var problems = new List<Problem>();
            if (change.Key.Kind == FlagItemKind.Rule) FlagChecks.Refuse(set, set.Rules.TryGetValue(change.Key.Name, out var rule) ? rule : throw new InvalidOperationException(), change.DefinitionPointer, problems, IsRead(change.Key));
            else if (change.Key.Kind == FlagItemKind.Flag) FlagChecks.Refuse(set, set.Flags.TryGetValue(change.Key.Name, out var flag) ? flag : throw new InvalidOperationException(), change.DefinitionPointer, problems, IsRead(change.Key));
            foreach (var problem in problems)
                if (!(change.MayDangle && problem.Rule == "flag.reference")) refusals.Add(FaultCode.Invalid, 3, problem);
        }

        /// <summary>What is to go is not read by anything that stays.</summary>
        void CheckReferrers(FlagChange change, ChangeRefusals refusals)
        {
            if (change.Key.Kind is not (FlagItemKind.Flag or FlagItemKind.Rule) || change.MayDangle || !IsRead(change.Key)) return;
            var readers = FlagChecks.Readers(set, change.Key.Name, isRule: change.Key.Kind == FlagItemKind.Rule).Take(5).ToList();
            if (readers.Count == 0) return;
            refusals.Add(FaultCode.Conflict, 3, Problem.Body(change.Pointer, "flag.referenced", $"{change.Key} in {environment.Name} is read by {string.Join(", ", readers)}: change what reads it first, or in the same change."));
        }
    }
}
