using Stele.Core.Configs;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;

namespace Stele.Core.Secrets;

/// <summary>
/// What a decision says of references, so that who watches is told from the journal alone, however late: a key that refers to a secret is
/// set with the version that the secret has, and a secret that has another version names the keys that refer to it.
/// </summary>
static class SecretReferences
{
    /// <summary>Completes the events of a decision, in place. Refused: more keys than may refer to one secret.</summary>
    public static Fault? Complete(OrgState state, List<JournalEvent> events)
    {
        var (secrets, uses) = (false, false);
        foreach (var e in events)
        {
            secrets |= e is SecretEvent;
            uses |= e is ConfigSet set && SecretReference.Of(set.Value) is not null;
        }
        if (!secrets && !uses) return null;
        Dictionary<(string, string), int?> versions = [];
        HashSet<(string, string)> keys = [];
        foreach (var e in events)
            if (e is SecretEvent secret) versions[(secret.Environment, secret.Path)] = secret is SecretDeleted ? null : secret.Version;
            else if (Key(e) is { } key) keys.Add(key);
        var added = new Dictionary<(string, string), int>();
        for (var i = 0; i < events.Count; i++)
            if (events[i] is SecretSet or SecretDeleted or SecretUndeleted)
            {
                var secret = (SecretEvent)events[i];
                events[i] = secret with { Referrers = Referrers(state, secret, keys) };
            }
            else if (events[i] is ConfigSet set && SecretReference.Of(set.Value) is { Version: null } reference)
            {
                var to = (set.Environment, reference.Path);
                events[i] = set with { SecretVersion = versions.TryGetValue(to, out var version) ? version : state.Environment(set.Environment)!.Secrets.Item(reference.Path)?.Version };
                if (!Refers(state, set, reference)) added[to] = added.GetValueOrDefault(to) + 1;
            }
        foreach (var ((environment, path), count) in added)
            if (state.Environment(environment)!.SecretUses.StartingWith(SecretUse.Before(path)).Count() + count is var total && total > SecretLimits.Referrers.Value)
                return new Fault(FaultCode.QuotaExceeded, $"At most {SecretLimits.Referrers.Value} keys refer to one secret (limit {SecretLimits.Referrers.Name}).",
                    [Problem.Body("", SecretLimits.Referrers.Name, $"{path} in {environment} would be referred to by {total}.")]);
        return null;
    }

    // keys that this very decision changes say so themselves
    static List<SecretReferrer> Referrers(OrgState state, SecretEvent secret, HashSet<(string, string)> changed)
    {
        var environment = state.Environment(secret.Environment)!;
        var referrers = new List<SecretReferrer>();
        foreach (var use in environment.SecretUses.StartingWith(SecretUse.Before(secret.Path)))
            if (!changed.Contains((secret.Environment, use.ConfigKey))) referrers.Add(new SecretReferrer(use.ConfigKey, environment.Config(use.ConfigKey)!.Version));
        return referrers;
    }

    static bool Refers(OrgState state, ConfigSet set, SecretReference reference) => state.Environment(set.Environment)!.SecretUses.TryGetValue(SecretUse.Before(reference.Path) + set.Key, out _);

    static (string, string)? Key(JournalEvent e) => e switch
    {
        ConfigSet set => (set.Environment, set.Key),
        ConfigDeleted deleted => (deleted.Environment, deleted.Key),
        _ => null,
    };
}
