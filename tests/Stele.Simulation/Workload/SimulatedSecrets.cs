using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Journal;
using Stele.Server.Secrets;
using Stele.Simulation.Database;
using Stele.Simulation.Scheduling;

namespace Stele.Simulation.Workload;

/// <summary>A value that was given out, and by which state; or why not.</summary>
internal readonly record struct SecretRead(Fault? Fault, OrgState? State, int Version, Guid ValueId, string? Value);

/// <summary>
/// What a node does for those who ask for secrets, in the order in which its endpoints do it: the head, rights, the value's row, its key, the record, and only then the value. The
/// deliberate bugs of secrets are made here and in the tables.
/// </summary>
internal sealed class SimulatedSecrets(SimulatedDatabase database, DatabaseLink link, SecretMaker maker, Mutant mutant)
{
    const int RewrapSome = 4;

    /// <summary>Gives a value out: the current one, or that of a version.</summary>
    public async Task<SecretRead> Read(JournalNode journal, OrgId org, Principal principal, Guid request, string environment, string path, int? asked)
    {
        try
        {
            var read = await journal.Read(org, new ReadOptions(Consistency.Strong, null, null), CancellationToken.None);
            if (!read.TryGet(out var snapshot, out var fault)) return new SecretRead(fault, null, 0, default, null);
            var state = snapshot.State;
            if (Authorisation.Check(state.Access, principal, Permission.SecretRead, environment, path) is { } forbidden) return await Refuse(forbidden);
            if (state.Environment(environment)?.Secrets.Ever(path) is not { IsDeleted: false } entry || asked > entry.Version) return await Refuse(SecretDecider.Unknown(path, environment));
            var version = asked ?? entry.Version;
            if (version == entry.Version && entry.IsDestroyed) return await Refuse(Gone(path));
            var (row, key) = await link.Ask("secret value", CancellationToken.None, _ =>
            {
                var found = database.Current.Org(org)?.Tables.Secrets.Value(environment, path, mutant == Mutant.ServeTheNewestSecret ? int.MaxValue : version);
                return Task.FromResult((found, found is null ? null : Keys(org).Keys.GetValueOrDefault(found.Id)));
            });
            if (row is null || (version == entry.Version && row.Id != entry.ValueId && mutant != Mutant.ServeTheNewestSecret)) return await Refuse(SecretCipher.Broken("It is not where the journal says."));
            if (row.Ciphertext is null && key is null) return await Refuse(Gone(path));
            var dataKey = row.Ciphertext is null || key is null ? null : SecretMaker.Unwrap(org, key);
            if (dataKey is null || SecretMaker.Open(dataKey, org, environment, path, row.Id, row.Ciphertext!) is not { } value) return await Refuse(SecretCipher.Broken("It fails its check."));
            var recording = Record(org, request);
            if (mutant != Mutant.ReleaseBeforeTheRecord) await recording;
            return new SecretRead(null, state, version, row.Id, value);

            // a refusal is on record as well
            async Task<SecretRead> Refuse(Fault why)
            {
                await Record(org, request);
                return new SecretRead(why, state, 0, default, null);
            }
        }
        catch (StoreUnavailableException)
        {
            return new SecretRead(Fault.Unavailable("PostgreSQL is not reached."), null, 0, default, null);
        }
    }

    /// <summary>The values of a secret that are not destroyed, by the versions that brought them; null: they could not be read.</summary>
    public async Task<IReadOnlyList<(int Version, Guid ValueId)>?> Versions(OrgId org, string environment, string path)
    {
        try
        {
            return await link.Ask<IReadOnlyList<(int, Guid)>>("secret versions", CancellationToken.None, _ => Task.FromResult<IReadOnlyList<(int, Guid)>>(
                [.. (database.Current.Org(org)?.Tables ?? ConfigurationTables.Empty).Secrets.Values.Values.Where(row => row.Environment == environment && row.Path == path && row.Ciphertext is not null).OrderBy(row => row.Version).Select(row => (row.Version, row.Id))]));
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    /// <summary>Makes a new version of an org's key, and wraps some data keys anew by it.</summary>
    public async Task<bool> Rotate(OrgId org)
    {
        try
        {
            var newest = await link.Ask("rotate", CancellationToken.None, session => Change(session, org, keys => keys with { Newest = keys.Newest + 1 }));
            var behind = await link.Ask("behind", CancellationToken.None, _ => Task.FromResult(Keys(org).Keys.Values.Where(key => key.KeyVersion < newest.Newest).OrderBy(key => key.Id).Take(RewrapSome).ToList()));
            var moved = behind.Select(key => (From: key, To: maker.Wrap(org, newest.Newest, key.Id, SecretMaker.Unwrap(org, key)!))).ToList();
            await link.Ask("replace", CancellationToken.None, session => Change(session, org, keys => keys with
            {
                // what was destroyed or moved meanwhile stays as it is
                Keys = keys.Keys.SetItems(moved.Where(pair => mutant == Mutant.RewrapOverADestruction || keys.Keys.GetValueOrDefault(pair.From.Id)?.KeyVersion == pair.From.KeyVersion)
                    .Select(pair => KeyValuePair.Create(pair.To.Id, pair.To))),
            }));
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    Task<bool> Record(OrgId org, Guid request) => link.Ask("record", CancellationToken.None, async session =>
    {
        await Change(session, org, keys => keys with { Records = keys.Records.Add(request) });
        return true;
    });

    // outside the journal: it moves no revision
    async Task<SecretKeys> Change(Session session, OrgId org, Func<SecretKeys, SecretKeys> change)
    {
        var after = SecretKeys.Empty;
        var replicated = await link.Commit(session, () =>
        {
            if (database.Current.Org(org) is not { } rows) return;
            after = change(rows.SecretKeys);
            database.Commit(database.Current.With(rows with { SecretKeys = after }));
        });
        return replicated ? after : throw new StoreUnavailableException("canceling wait for synchronous replication");
    }

    SecretKeys Keys(OrgId org) => database.Current.Org(org)?.SecretKeys ?? SecretKeys.Empty;

    static Fault Gone(string path) => new(FaultCode.Gone, $"This value of {path} was destroyed.", []);
}
