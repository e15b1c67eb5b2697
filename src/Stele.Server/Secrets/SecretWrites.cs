using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Configs;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Secrets;

/// <summary>Makes changes of secrets ready to be decided: their environment is found, who may not is refused before anything is encrypted, and values are encrypted.</summary>
internal sealed class SecretWrites(JournalNode journal, SecretSealer sealer)
{
    /// <summary>
    /// The changes, encrypted; and the request's idempotency record with a fingerprint that nobody can try values against. What is refused
    /// here would be refused by their decision, too.
    /// </summary>
    public async ValueTask<Outcome<IReadOnlyList<SecretChange>>> Prepare(WriteRequest request, IReadOnlyList<PlainChange> changes, CancellationToken cancellation)
    {
        if (changes.Count == 0) return new Outcome<IReadOnlyList<SecretChange>>([]);
        var caller = request.Caller;
        var read = await journal.Read(caller.Org, new ReadOptions(Consistency.Local, null, request.Parameters.MinCursor), cancellation);
        if (!read.TryGet(out var snapshot, out var fault)) return fault;
        if (Refused(snapshot.State, caller.Principal, changes) is not null)
        {
            // what this node holds may be old: who was given the right a moment ago has it
            read = await journal.Read(caller.Org, new ReadOptions(Consistency.Strong, null, null), cancellation);
            if (!read.TryGet(out snapshot, out fault)) return fault;
            if (Refused(snapshot.State, caller.Principal, changes) is { } forbidden) return forbidden;
        }
        var named = new List<PlainChange>(changes.Count);
        foreach (var change in changes)
        {
            if (change.Change.Environment is not null || change.Value is null)
            {
                named.Add(change);
                continue;
            }
            // a value is bound to its environment, so it is settled here which one that is
            if (!ConfigView.Environment(snapshot.State, null).TryGet(out var environment, out fault)) return fault;
            named.Add(change with { Change = change.Change with { Environment = EnvironmentName.Parse(environment.Name, null) } });
        }
        if (request.Idempotency is not null && named.Exists(change => change.Value is not null))
        {
            if (!(await sealer.Keyed(caller.Org, request.Idempotency, cancellation)).TryGet(out var keyed, out fault)) return fault;
            request.Idempotency = keyed;
        }
        return (await sealer.Seal(caller.Org, named, cancellation)).TryGet(out var sealedChanges, out fault) ? sealedChanges : fault;
    }

    static Fault? Refused(OrgState state, Principal principal, IReadOnlyList<PlainChange> changes)
    {
        foreach (var change in changes)
            if (Authorisation.Check(state.Access, principal, Permission.SecretWrite, change.Change.Environment?.Text ?? state.DefaultEnvironment, change.Change.Path.Text) is { } forbidden) return forbidden;
        return null;
    }
}
