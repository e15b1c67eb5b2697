using System.Security.Cryptography;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Core.Secrets;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;
using Stele.Server.Options;

namespace Stele.Server.Secrets.Store;

/// <summary>A value that lies in the other store.</summary>
internal sealed record MovableValue(Guid ValueId, string Environment, string Path, int Version, byte[] Digest, bool IsText);

/// <summary>What a step of a move came to.</summary>
/// <param name="Moved">Values that lie elsewhere from now on.</param>
/// <param name="Skipped">Those that were left where they are, and why.</param>
/// <param name="Next">After which value the next step goes on; null: this one saw the last.</param>
internal sealed record MoveStep(int Moved, IReadOnlyList<(MovableValue Value, string Why)> Skipped, Guid? Next);

/// <summary>
/// Moves values to the store that new ones go to, some at a time: each is read and checked, copied, read again from where it was copied to and compared, and takes its new place by one event of the journal, in which the
/// old place ends. Who changes, deletes or destroys a secret meanwhile is not overruled: his is then copied by the next step. A step that dies leaves copies behind that nothing names, which are cleared away.
/// </summary>
internal sealed class StoreMoves(JournalNode journal, SecretValues values, SecretSealer sealer, VaultValues vault, SteleOptions options, DatabaseConnections database, StatementTimer statements)
{
    const int StepBytesMax = 2 << 20;

    /// <summary>Moves some values of an org.</summary>
    public async ValueTask<Outcome<MoveStep>> Step(OrgId org, Principal principal, Guid requestId, Guid after, int limit, CancellationToken cancellation)
    {
        if (!(await journal.Read(org, new ReadOptions(Consistency.Strong, null, null), cancellation)).TryGet(out var snapshot, out var fault)) return fault;
        var page = await Movable(org, after, limit, cancellation);
        var (moves, skipped, bytes, last) = (new Dictionary<(string, string), SecretMove>(), new List<(MovableValue, string)>(), 0, after);
        foreach (var value in page)
        {
            if (bytes > StepBytesMax) break;
            last = value.ValueId;
            // it has been destroyed since, or its environment is gone
            if (snapshot.State.Environment(value.Environment)?.Secrets.Ever(value.Path) is not { } entry) continue;
            var copied = await Copy(org, value, cancellation);
            if (copied.Fault is { Code: FaultCode.Unavailable } away) return away;
            if (copied.Fault is { } refused)
            {
                if (refused.Code != FaultCode.Gone) skipped.Add((value, refused.Detail));
                continue;
            }
            var (sealedValue, key) = copied.Value;
            bytes += sealedValue.Ciphertext.Length;
            var move = moves.GetValueOrDefault((value.Environment, value.Path)) ?? new SecretMove(value.Environment, value.Path, entry.StreamVersion, [], []);
            moves[(value.Environment, value.Path)] = move with { Values = [.. move.Values, sealedValue], Keys = key is null ? move.Keys : [.. move.Keys, key] };
        }
        var moved = 0;
        if (moves.Count > 0)
        {
            if (!(await journal.Append(org, new MoveSecrets(principal, requestId, [.. moves.Values]), null, CancellationToken.None)).TryGet(out var applied, out fault)) return fault;
            moved = applied.Record?.Events.Sum(e => e.Payload is SecretMoved one ? one.Values.Count : 0) ?? 0;
        }
        return new MoveStep(moved, skipped, page.Count == limit || last != (page.Count == 0 ? after : page[^1].ValueId) ? last : null);
    }

    /// <summary>How many values lie here, how many in Vault, and how many copies in Vault are to be brought level.</summary>
    public async Task<(long Database, long Vault, long Pending)> Counts(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_store_counts");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(CountsSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    const string CountsSql = """
        SELECT count(*) FILTER (WHERE vault_id IS NULL), count(*) FILTER (WHERE vault_id IS NOT NULL), (SELECT count(*) FROM stele.secret_copy WHERE org_id = $1 AND due_at <= now())
        FROM stele.secret_value WHERE org_id = $1 AND ciphertext IS NOT NULL
        """;

    async Task<List<MovableValue>> Movable(OrgId org, Guid after, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_movable");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(MovableSql, org.Value, after, !options.SecretsInVault, limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new List<MovableValue>();
        while (await reader.ReadAsync(cancellation))
            found.Add(new MovableValue(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), (int)reader.GetInt64(3), (byte[])reader[4], reader.GetBoolean(5)));
        return found;
    }

    const string MovableSql = """
        SELECT b.value_id, b.environment, b.path, b.version, b.digest, v.is_text
        FROM stele.secret_value b JOIN stele.secret_version v ON v.org_id = $1 AND v.environment = b.environment AND v.path = b.path AND v.version = b.version
        WHERE b.org_id = $1 AND b.value_id > $2 AND b.ciphertext IS NOT NULL AND (b.vault_id IS NOT NULL) = $3 ORDER BY b.value_id LIMIT $4
        """;

    async ValueTask<Outcome<(SealedValue Value, SecretKeyRow? Key)>> Copy(OrgId org, MovableValue value, CancellationToken cancellation)
    {
        if (!(await values.Open(org, value.Environment, value.Path, value.Version, value.ValueId, cancellation)).TryGet(out var plain, out var fault)) return fault;
        using (plain)
        {
            if (!(await sealer.Digest(org, plain, cancellation)).TryGet(out var digest, out fault)) return fault;
            if (!CryptographicOperations.FixedTimeEquals(digest, value.Digest)) return SecretCipher.Broken("A value is not the one that its hash was made of.");
            if (options.SecretsInVault && plain.Length > SecretLimits.VaultBytes.Value) return new Fault(FaultCode.TooLarge, $"It has {plain.Length} bytes, and Vault takes {SecretLimits.VaultBytes.Value}.");
            var write = new VaultWrite(value.Environment, value.Path, value.ValueId, plain, value.IsText);
            var put = options.SecretsInVault ? await sealer.ToVault(org, [write], cancellation) : await sealer.ToDatabase(org, [write], cancellation);
            if (!put.TryGet(out var made, out fault)) return fault;
            return await Differs(org, write, made[0], cancellation) is { } differs ? differs : made[0];
        }
    }

    /// <summary>Reads a copy of where it lies, and compares it byte by byte; null: it is the same.</summary>
    async ValueTask<Fault?> Differs(OrgId org, VaultWrite write, (SealedValue Value, SecretKeyRow? Key) made, CancellationToken cancellation)
    {
        var read = made.Value.VaultId is { } id
            ? await vault.Open(org, write.Environment, write.Path, write.ValueId, id, made.Value.Ciphertext, isLive: false, cancellation)
            : await sealer.Open(org, write.Environment, write.Path, made.Value, made.Key!, cancellation);
        if (!read.TryGet(out var again, out var fault)) return fault;
        using (again) return CryptographicOperations.FixedTimeEquals(again.Span, write.Value.Span) ? null : SecretCipher.Broken("A copy is not the value that was copied.");
    }
}
