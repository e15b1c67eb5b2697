using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;
using Stele.Simulation.Workload;

namespace Stele.Simulation.Checking;

/// <summary>
/// Holds what is given out of secrets against what was written, destroyed and recorded: a read gives the value of its version or none, what is destroyed is
/// never read again, and no value leaves before its reading is on record.
/// </summary>
internal sealed class SecretJudge(SimulatedScheduler scheduler, SimulatedDatabase database, Judge judge)
{
    readonly Dictionary<Guid, string> plain = [];
    readonly List<(OrgId Org, Guid Request)> given = [];

    /// <summary>What is known when somebody asks for a value.</summary>
    /// <param name="At">When.</param>
    /// <param name="Losses">How often commits had been lost.</param>
    /// <param name="Destroyed">The values of the org that were destroyed.</param>
    internal sealed record Ask(long At, int Losses, IReadOnlySet<Guid> Destroyed);

    /// <summary>How many values were given out.</summary>
    public int Given => given.Count;

    /// <summary>A value is about to be written.</summary>
    public void Made(Guid id, string value) => plain[id] = value;

    /// <summary>What a value is.</summary>
    public string Plain(Guid id) => plain[id];

    public Ask Asked(OrgId org) => new(scheduler.Now, database.Losses, Values(org).Where(row => row.Ciphertext is null).Select(row => row.Id).ToHashSet());

    public void Returned(Ask ask, OrgId org, Guid request, string environment, string path, int? version, SecretRead read)
    {
        // what is lost in between may be found neither way
        var lost = ask.Losses != database.Losses;
        if (read.Fault is { } fault)
        {
            if (!lost) Refused(ask, org, environment, path, version, fault);
            return;
        }
        var what = $"version {read.Version} of {path} in {environment} of org {org}";
        if (judge.History(org).Find(read.State!.Place.Chain) is not { } place)
        {
            judge.Report("answers show committed state", $"secret: {read.State.Place.CursorText} was never committed");
            return;
        }
        if (!judge.History(org).Between(ask.At, scheduler.Now).Contains(place)) judge.Report("strong reads are linearizable", $"{what} was answered at {read.State.Place.CursorText}");
        if (!lost && (Written(org, place, environment, path, read.Version) != read.ValueId || plain.GetValueOrDefault(read.ValueId) != read.Value))
            judge.Report("a read of a secret gives the value of its version", $"{what} was given as '{read.Value}', value {read.ValueId}");
        if (!lost && ask.Destroyed.Contains(read.ValueId)) judge.Report("what is destroyed is never read again", $"{what}, value {read.ValueId}");
        if (!lost && !database.Current.Org(org)!.SecretKeys.Records.Contains(request)) judge.Report("no value leaves before its reading is on record", $"{what}, request {request}");
        given.Add((org, request));
    }

    /// <summary>At the end: what is destroyed has no key, what is not can be read, and what was given out is on record.</summary>
    public void Finish()
    {
        foreach (var rows in database.Current.Orgs.Values)
            foreach (var row in rows.Tables.Secrets.Values.Values)
            {
                var what = $"value {row.Id} of {row.Environment}/{row.Path} in org {rows.Head.Org}";
                var key = rows.SecretKeys.Keys.GetValueOrDefault(row.Id);
                if (row.Ciphertext is null)
                {
                    if (key is not null) judge.Report("what is destroyed has no key", what);
                    continue;
                }
                if (key is null || SecretMaker.Unwrap(rows.Head.Org, key) is not { } dataKey || SecretMaker.Open(dataKey, rows.Head.Org, row.Environment, row.Path, row.Id, row.Ciphertext) != plain[row.Id])
                    judge.Report("what is not destroyed can be read", what);
            }
        if (database.Losses > 0) return;
        foreach (var (org, request) in given.Where(read => !database.Current.Org(read.Org)!.SecretKeys.Records.Contains(read.Request))) judge.Report("a reading stays on record", $"org {org}, request {request}");
    }

    void Refused(Ask ask, OrgId org, string environment, string path, int? version, Fault fault)
    {
        if (fault.Code == FaultCode.Integrity)
        {
            judge.Report("what is not destroyed can be read", $"{path} in {environment} of org {org}: {fault.Detail}");
            return;
        }
        if (version is not null || fault.Code is not (FaultCode.NotFound or FaultCode.Gone)) return;
        var was = judge.History(org).Between(ask.At, scheduler.Now).Select(place => place.State.Environment(environment)?.Secrets.Ever(path));
        if (!was.Any(entry => fault.Code == FaultCode.Gone ? entry is { IsDestroyed: true } : entry is null or { IsDeleted: true }))
            judge.Report("a secret is refused for a reason", $"{path} in {environment} of org {org}: {fault.Detail}");
    }

    // which value stands at a version in the history of a place: that of the last one up to it that brought one
    Guid? Written(OrgId org, OrgHistory.Place place, string environment, string path, int version)
    {
        for (OrgHistory.Place? at = place; at?.Record is { } record; at = judge.History(org).Find(at.Before))
            foreach (var e in record.Events.Reverse())
                if (e.Payload is SecretSet set && set.Environment == environment && set.Path == path && set.Version <= version) return set.Value.Id;
        return null;
    }

    IEnumerable<SecretValueRow> Values(OrgId org) => (database.Current.Org(org)?.Tables ?? ConfigurationTables.Empty).Secrets.Values.Values;
}
