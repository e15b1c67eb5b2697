using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Secrets;

/// <summary>A wrap, as the table has it.</summary>
/// <param name="Environment">Of which environment.</param>
/// <param name="Path">Of which secret.</param>
/// <param name="Version">Of which version.</param>
/// <param name="EndsAt">Until when it can be opened.</param>
/// <param name="HasEnded">Whether that is past, by the database's clock.</param>
/// <param name="OpenedAt">When it was opened; null: it was not.</param>
/// <param name="OpenedBy">By whom.</param>
internal sealed record SecretWrap(string Environment, string Path, int Version, Timestamp EndsAt, bool HasEnded, Timestamp? OpenedAt, string? OpenedBy)
{
    /// <summary>As entries of the audit log name what it is of.</summary>
    public string Target => $"secret/{Environment}/{Path}";
}

/// <summary>Wraps, and how often it was asked whether a value was ever here. What happens once happens once for all nodes, by one row.</summary>
internal sealed class SecretWraps(DatabaseConnections database, StatementTimer statements)
{
    const string Prefix = "stelewrap_";
    const int TokenBytes = 32;

    /// <summary>A new token; it is shown once, and only its hash is kept.</summary>
    public static string NewToken() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));

    /// <summary>What is kept of a token; null: this never was one.</summary>
    public static byte[]? HashOf(string token) =>
        token.StartsWith(Prefix, StringComparison.Ordinal) && token.Length == Prefix.Length + Base64Url.GetEncodedLength(TokenBytes) ? SHA256.HashData(Encoding.UTF8.GetBytes(token)) : null;

    /// <summary>Adds a wrap; until when it can be opened. Null: the org has as many open ones as it may.</summary>
    public async Task<Timestamp?> Add(OrgId org, byte[] hash, string environment, SecretEntry entry, string by, int seconds, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_wrap");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(AddSql, org.Value, hash, environment, entry.Path, (long)entry.Version, by, seconds, SecretLimits.OpenWraps.Value));
        batch.BatchCommands.Add(PostgresParameters.Command(SweepSql, org.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await reader.ReadAsync(cancellation) ? Timestamp.From(reader.GetDateTime(0)) : null;
    }

    const string AddSql = """
        INSERT INTO stele.secret_wrap (org_id, token_hash, environment, path, version, created_by, ends_at)
        SELECT $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
        WHERE (SELECT count(*) FROM stele.secret_wrap o WHERE o.org_id = $1 AND o.ends_at > now() AND o.opened_at IS NULL) < $8
        RETURNING ends_at
        """;

    // an attempt to open one again is known as such for a week after its end
    const string SweepSql = """
        DELETE FROM stele.secret_wrap WHERE org_id = $1 AND token_hash IN (SELECT o.token_hash FROM stele.secret_wrap o WHERE o.org_id = $1 AND o.ends_at < now() - interval '7 days' LIMIT 100)
        """;

    /// <summary>A wrap by what is kept of its token; null: there is none, or it ended more than a week ago.</summary>
    public async Task<SecretWrap?> Find(OrgId org, byte[] hash, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_wrap_find");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(FindSql, org.Value, hash));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        if (!await reader.ReadAsync(cancellation)) return null;
        return new SecretWrap(reader.GetString(0), reader.GetString(1), (int)reader.GetInt64(2), Timestamp.From(reader.GetDateTime(3)), reader.GetBoolean(4),
            await reader.IsDBNullAsync(5, cancellation) ? null : Timestamp.From(reader.GetDateTime(5)), await reader.IsDBNullAsync(6, cancellation) ? null : reader.GetString(6));
    }

    const string FindSql = """
        SELECT environment, path, version, ends_at, ends_at <= now(), opened_at, opened_by FROM stele.secret_wrap WHERE org_id = $1 AND token_hash = $2
        """;

    /// <summary>Uses a wrap up; false: somebody was faster, or it ended.</summary>
    public async Task<bool> Open(OrgId org, byte[] hash, string by, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_wrap_open");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        var command = PostgresParameters.Command(OpenSql, org.Value, hash, by);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
        return command.RecordsAffected == 1;
    }

    const string OpenSql = """
        UPDATE stele.secret_wrap SET opened_at = now(), opened_by = $3 WHERE org_id = $1 AND token_hash = $2 AND opened_at IS NULL AND ends_at > now()
        """;

    /// <summary>Counts a search; false: there were as many in this minute as may be.</summary>
    public async Task<bool> CountSearch(OrgId org, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_search");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        var command = PostgresParameters.Command(CountSearchSql, org.Value, SecretLimits.SearchesPerMinute.Value);
        await using var batch = JournalQueries.InOrg(connection, org, command);
        await batch.ExecuteNonQueryAsync(cancellation);
        return command.RecordsAffected == 1;
    }

    const string CountSearchSql = """
        INSERT INTO stele.secret_search AS s (org_id, minute, searches) VALUES ($1, date_trunc('minute', now()), 1)
        ON CONFLICT (org_id) DO UPDATE SET minute = excluded.minute, searches = CASE WHEN s.minute = excluded.minute THEN s.searches + 1 ELSE 1 END
        WHERE s.minute <> excluded.minute OR s.searches < $2
        """;

    /// <summary>Where a value was set, by its keyed hash, the newest first; with one more than is asked for if there are more.</summary>
    public async Task<List<FoundValue>> Search(OrgId org, byte[] digest, int limit, CancellationToken cancellation)
    {
        using var timing = statements.Start("secret_search_values");
        await using var connection = await database.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(SearchSql, org.Value, digest, limit + 1));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var found = new List<FoundValue>();
        while (await reader.ReadAsync(cancellation))
            found.Add(new FoundValue(reader.GetString(0), reader.GetString(1), (int)reader.GetInt64(2), Timestamp.From(reader.GetDateTime(3)), reader.GetBoolean(4)));
        return found;
    }

    const string SearchSql = """
        SELECT environment, path, version, at, ciphertext IS NULL FROM stele.secret_value WHERE org_id = $1 AND digest = $2 ORDER BY id DESC LIMIT $3
        """;
}

/// <summary>Where a value was set.</summary>
internal sealed record FoundValue(string Environment, string Path, int Version, Timestamp At, bool IsDestroyed);
