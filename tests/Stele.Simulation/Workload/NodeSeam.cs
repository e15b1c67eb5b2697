using System.Reflection;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Simulation.Database;

namespace Stele.Simulation.Workload;

/// <summary>
/// What stands between a node and those who ask it, as the endpoints do: it passes commands and reads on, has rights looked at on
/// the state that answers, and evaluates flags on it. Here those deliberate bugs are made that an endpoint could have.
/// </summary>
internal sealed class NodeSeam(Mutant mutant, SecretMaker secrets)
{
    readonly Dictionary<(OrgId, Principal), Rights> known = [];
    readonly Dictionary<(OrgId, string, string, int), FlagSet> compiled = [];

    /// <summary>A read on its way to the node.</summary>
    public ReadOptions Pass(ReadOptions options) => mutant == Mutant.SkipTheHeadCheck ? options with { Consistency = Consistency.Local } : options;

    /// <summary>A write on its way to the node.</summary>
    public Command Pass(OrgId org, Command command) => (mutant, command) switch
    {
        (Mutant.IgnoreTheExpectedVersionOfSecrets, ChangeSet { Secrets.Count: > 0 } set) => set with { Secrets = [.. set.Secrets.Select(change => change with { ExpectedVersion = null })] },
        (Mutant.WrapForAnotherOrg, ChangeSet { Secrets.Count: > 0 } set) => set with { Secrets = [.. set.Secrets.Select(change => change.Key is { } key ? change with { Key = Elsewhere(org, key) } : change)] },
        (Mutant.IgnoreTheExpectedVersion, ChangeSet set) => set with { Changes = [.. set.Changes.Select(change => change with { ExpectedVersion = null })] },
        (Mutant.ForgetTheCycleCheck, ChangeSet { Flags.Count: > 0 } set) => set with { Flags = [.. set.Flags.Select(Unread)] },
        _ => command,
    };

    /// <summary>Its key.</summary>
    public Idempotency? Pass(Idempotency? key) => mutant == Mutant.RetryWithoutTheKey ? null : key;

    /// <summary>Whether somebody may have what he asked for: null when he may.</summary>
    /// <param name="before">The access that the node knew when he asked, if it knew any.</param>
    /// <param name="answering">The state that answers.</param>
    /// <param name="asked">What he asked for.</param>
    public Fault? Authorise(AccessState? before, OrgState answering, AccessAsked asked)
    {
        var access = mutant == Mutant.CheckRightsBeforeTheWait && before is not null ? before : answering.Access;
        if (mutant != Mutant.StaleRights) return Authorisation.Check(access, asked.Principal, asked.Permission, asked.Environment, asked.Key);
        if (!known.TryGetValue((answering.Org, asked.Principal), out var rights)) known[(answering.Org, asked.Principal)] = rights = access.RightsOf(asked.Principal);
        return rights.Allows(asked.Permission, asked.Environment, asked.Key) ? null : Authorisation.NotKnown;
    }

    /// <summary>What a flag answers.</summary>
    public FlagAnswer Evaluate(OrgState state, string environment, string flag, FlagContext context, Timestamp at)
    {
        var flags = state.Environment(environment)?.Flags ?? EnvironmentFlags.Empty;
        if (mutant != Mutant.StaleCompiledEvaluation || flags.Item(flag) is not { } item) return flags.Set.Evaluate(flag, context, at);
        if (!compiled.TryGetValue((state.Org, environment, flag, item.Version), out var set)) compiled[(state.Org, environment, flag, item.Version)] = set = flags.Set;
        return set.Evaluate(flag, context, at);
    }

    Core.Secrets.SecretKeyRow Elsewhere(OrgId org, Core.Secrets.SecretKeyRow key) => secrets.Wrap(new OrgId(org.Value + 1), key.KeyVersion, key.Id, SecretMaker.Unwrap(org, key)!);

    // decided as if it referred to nothing, and written as it is
    static FlagChange Unread(FlagChange change)
    {
        if (change.Content is not { } content || change.Key.Kind is not (FlagItemKind.Flag or FlagItemKind.Rule)) return change;
        var flag = change.Key.Kind == FlagItemKind.Flag ? new Flag(change.Key.Name, FlagMaker.Plain) : null;
        var rule = flag is null ? SharedRule.Stored(change.Key.Name, "true"u8.ToArray()) : null;
        return change with { Content = (FlagContent)Activator.CreateInstance(typeof(FlagContent), BindingFlags.Instance | BindingFlags.NonPublic, null, [content.Text, flag, rule], null)! };
    }
}

/// <summary>What somebody asks to be allowed.</summary>
internal sealed record AccessAsked(Principal Principal, Permission Permission, string Environment, string Key);
