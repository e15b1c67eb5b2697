using Npgsql;
using NpgsqlTypes;

namespace Stele.Server.Journal;

/// <summary>The last statements of every append: the idempotency records, and the function that moves the head.</summary>
internal static class AppendStatement
{
    /// <summary>Arrays of one element per revision and per event, in the function's order.</summary>
    public static void Write(NpgsqlBatch batch, AppendBatch append)
    {
        var revisions = append.Revisions;
        var events = revisions.Sum(revision => revision.Events.Count);
        var (chain, at, actor) = (new byte[revisions.Count][], new DateTime[revisions.Count], new string[revisions.Count]);
        var (reason, request) = (new string?[revisions.Count], new Guid[revisions.Count]);
        var (number, ordinal, id, stream) = (new long[events], new int[events], new Guid[events], new string[events]);
        var (version, type, data, hash) = (new long[events], new string[events], new byte[events][], new byte[events][]);
        var next = 0;
        for (var i = 0; i < revisions.Count; i++)
        {
            var revision = revisions[i];
            (chain[i], at[i], actor[i], reason[i], request[i]) = (revision.Chain, revision.At.ToDateTime(), revision.Actor, revision.Reason, revision.RequestId);
            foreach (var e in revision.Events)
            {
                (number[next], ordinal[next], id[next], stream[next]) = (revision.Revision, e.Ordinal, e.EventId, e.Stream);
                (version[next], type[next], data[next], hash[next]) = (e.StreamVersion, e.Type, e.Data!, e.DataHash);
                next++;
            }
        }
        var command = PostgresParameters.Command(AppendSql, append.Org.Value, append.Before.Incarnation, append.Before.Fence, append.Before.Revision,
            append.Before.Place.Chain, append.Before.Format, chain);
        var p = command.Parameters;
        p.Add(new NpgsqlParameter<DateTime[]> { TypedValue = at, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = actor });
        p.Add(new NpgsqlParameter<string?[]> { TypedValue = reason });
        p.Add(new NpgsqlParameter<Guid[]> { TypedValue = request });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = number });
        p.Add(new NpgsqlParameter<int[]> { TypedValue = ordinal });
        p.Add(new NpgsqlParameter<Guid[]> { TypedValue = id });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = stream });
        p.Add(new NpgsqlParameter<long[]> { TypedValue = version });
        p.Add(new NpgsqlParameter<string[]> { TypedValue = type });
        p.Add(new NpgsqlParameter<byte[][]> { TypedValue = data });
        p.Add(new NpgsqlParameter<byte[][]> { TypedValue = hash });
        batch.BatchCommands.Add(command);
    }

    const string AppendSql = """
        SELECT stele.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
        """;

    /// <summary>Records of a batch's idempotency keys; one that is taken breaks the primary key, and the batch with it.</summary>
    public static void WriteIdempotency(NpgsqlBatch batch, AppendBatch append)
    {
        var rows = append.Idempotency;
        var principals = rows.Select(row => row.Principal).ToArray();
        var keys = rows.Select(row => row.Key).ToArray();
        batch.BatchCommands.Add(PostgresParameters.Command(ForgetOldKeysSql, append.Org.Value, principals, keys));
        batch.BatchCommands.Add(PostgresParameters.Command(InsertKeysSql, append.Org.Value, principals, keys,
            rows.Select(row => row.Fingerprint).ToArray(), rows.Select(row => row.Revision).ToArray()));
    }

    const string ForgetOldKeysSql = """
        DELETE FROM stele.idempotency i USING unnest($2::text[], $3::text[]) AS n (principal, key)
        WHERE i.org_id = $1 AND i.principal = n.principal AND i.key = n.key AND i.created_at < now() - interval '24 hours'
        """;

    const string InsertKeysSql = """
        INSERT INTO stele.idempotency (org_id, principal, key, fingerprint, revision, created_at)
        SELECT $1, n.principal, n.key, n.fingerprint, n.revision, now()
        FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[]) AS n (principal, key, fingerprint, revision)
        """;
}
