using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>A session that was found.</summary>
internal sealed record KnownSession(OrgId Org, Principal Principal, long CheckedAt);

/// <summary>
/// Who is signed in, for pages: a cookie <c>ORG.RANDOM</c> of which only the SHA-256 is kept. A session ends an hour after its
/// last use, twelve hours after it began, when its user signs out, is suspended, removed or given a password. It is looked
/// for in its org's own table, and trusted for a second.
/// </summary>
internal sealed class Sessions(DatabaseConnections pools, FollowedSessions followed, StatementTimer statements, TimeProvider time)
{
    /// <summary>The cookie's name.</summary>
    public const string CookieName = "stele_session";

    /// <summary>The header in which what changes something carries the session's CSRF token.</summary>
    public const string CsrfHeader = "Stele-Csrf";

    const int RandomBytes = 32, KnownMax = 10_000;

    static readonly TimeSpan Trusted = TimeSpan.FromSeconds(1);

    ConcurrentDictionary<UInt128, KnownSession> known = new();

    /// <summary>The session's cookie of a request, or null.</summary>
    public static string? CookieOf(HttpRequest request) => request.Headers.Cookie.Count > 0 && request.Cookies.TryGetValue(CookieName, out var cookie) ? cookie : null;

    /// <summary>What a page sends back in the header: from the cookie, which a page of somebody else's cannot read.</summary>
    public static string CsrfOf(string cookie) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes("stele csrf\n" + cookie)));

    /// <summary>Whether a header is the CSRF token of a cookie.</summary>
    public static bool IsCsrf(string header, string cookie) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(CsrfOf(cookie)));

    /// <summary>The session of a cookie, or null.</summary>
    public async Task<KnownSession?> Find(string cookie)
    {
        if (!TryParse(cookie, out var org, out var hash)) return null;
        var key = BinaryPrimitives.ReadUInt128BigEndian(hash);
        var sessions = Volatile.Read(ref known);
        if (sessions.TryGetValue(key, out var found) && time.GetElapsedTime(found.CheckedAt) < Trusted) return found;
        found = await Query(org, hash);
        if (found is null) sessions.TryRemove(key, out _);
        else if (sessions.Count < KnownMax) sessions[key] = found;
        else Volatile.Write(ref known, new() { [key] = found });
        return found;
    }

    async Task<KnownSession?> Query(OrgId org, byte[] hash)
    {
        using var timing = statements.Start("session");
        await using var connection = await pools.App.OpenConnectionAsync();
        await using var batch = JournalQueries.InOrg(connection, org,
            PostgresParameters.Command(UseSql, org.Value, hash, (double)SteleLimits.SessionIdleMinutes.Value, (double)SteleLimits.SessionHours.Value));
        batch.BatchCommands.Add(PostgresParameters.Command(FindSql, org.Value, hash));
        await using var reader = await batch.ExecuteReaderAsync();
        await reader.NextResultAsync();
        return await reader.ReadAsync() ? new KnownSession(org, Principal.User(reader.GetGuid(0)), time.GetTimestamp()) : null;
    }

    // at most once a minute a session: it is not worth a write a request
    const string UseSql = """
        UPDATE stele.session SET used_at = now(), expires_at = least(now() + make_interval(mins => 1) * $3, created_at + make_interval(hours => 1) * $4)
        WHERE org_id = $1 AND hash = $2 AND expires_at > now() AND used_at < now() - interval '1 minute'
        """;

    const string FindSql = """
        SELECT user_id FROM stele.session WHERE org_id = $1 AND hash = $2 AND expires_at > now()
        """;

    /// <summary>Begins a session; its cookie, and until when it lasts at least.</summary>
    public async Task<(string Cookie, DateTime ExpiresAt)> Begin(OrgId org, Guid user, CancellationToken cancellation)
    {
        var cookie = string.Create(CultureInfo.InvariantCulture, $"{org.Value}.{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes))}");
        using var timing = statements.Start("session_begin");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org,
            PostgresParameters.Command(BeginSql, org.Value, Hash(cookie), user, (double)SteleLimits.SessionIdleMinutes.Value));
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (cookie, reader.GetDateTime(0));
    }

    const string BeginSql = """
        INSERT INTO stele.session (org_id, hash, user_id, created_at, used_at, expires_at)
        VALUES ($1, $2, $3, now(), now(), now() + make_interval(mins => 1) * $4) RETURNING expires_at
        """;

    /// <summary>What tells again and again whether the session of a cookie still is: for streams, which last longer than a request.</summary>
    public Func<bool> Standing(string cookie) => TryParse(cookie, out var org, out var hash) ? followed.Standing(org, BinaryPrimitives.ReadUInt128BigEndian(hash), hash) : static () => false;

    /// <summary>Ends the session of a cookie: at once on this node, within a second on the others. So do its streams.</summary>
    public async Task End(string cookie, CancellationToken cancellation)
    {
        if (!TryParse(cookie, out var org, out var hash)) return;
        Forget(hash);
        using var timing = statements.Start("session_end");
        await using var connection = await pools.App.OpenConnectionAsync(cancellation);
        await using var batch = JournalQueries.InOrg(connection, org, PostgresParameters.Command(EndSql, org.Value, hash));
        await batch.ExecuteNonQueryAsync(cancellation);
        // a request that came in between may have found it still
        Forget(hash);
        followed.End(BinaryPrimitives.ReadUInt128BigEndian(hash));
    }

    const string EndSql = """
        DELETE FROM stele.session WHERE org_id = $1 AND hash = $2
        """;

    void Forget(byte[] hash) => Volatile.Read(ref known).TryRemove(BinaryPrimitives.ReadUInt128BigEndian(hash), out _);

    static byte[] Hash(string cookie) => SHA256.HashData(Encoding.UTF8.GetBytes(cookie));

    static bool TryParse(string cookie, out OrgId org, out byte[] hash)
    {
        (org, hash) = (default, []);
        var dot = cookie.IndexOf('.', StringComparison.Ordinal);
        if (dot < 1 || cookie.Length > 100 || !int.TryParse(cookie.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        (org, hash) = (new OrgId(number), Hash(cookie));
        return true;
    }
}
