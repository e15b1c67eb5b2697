using System.Buffers.Binary;
using System.Collections.Concurrent;
using Npgsql;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Limits;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>A token that was found: whose requests it brings.</summary>
internal sealed class KnownToken(ReadOnlySpan<byte> hash, OrgId org, Principal principal, DateTime? expiresAt) : AllowanceHolder
{
    // beside the rest of it: ten thousand tokens in turn are as many misses of the processor's cache for each object that one is made of
    readonly UInt128 upper = BinaryPrimitives.ReadUInt128BigEndian(hash), lower = BinaryPrimitives.ReadUInt128BigEndian(hash[16..]);
    bool used;
    long checkedAt;

    /// <summary>Whether this is its SHA-256; takes the same time whatever differs.</summary>
    public bool HasHash(ReadOnlySpan<byte> other) => ((upper ^ BinaryPrimitives.ReadUInt128BigEndian(other)) | (lower ^ BinaryPrimitives.ReadUInt128BigEndian(other[16..]))) == UInt128.Zero;

    public OrgId Org => org;

    public Principal Principal => principal;

    public DateTime? ExpiresAt => expiresAt;

    /// <summary>TimeProvider timestamp of when the database last had it.</summary>
    public long CheckedAt
    {
        get => Volatile.Read(ref checkedAt);
        set => Volatile.Write(ref checkedAt, value);
    }

    /// <summary>Notes that it is used; a write only where it changes something, since many requests may bring it at once.</summary>
    public void Use()
    {
        if (!Volatile.Read(ref used)) Volatile.Write(ref used, true);
    }

    /// <summary>Whether it was used since this was last asked.</summary>
    public bool TakeUse()
    {
        if (!Volatile.Read(ref used)) return false;
        Volatile.Write(ref used, false);
        return true;
    }
}

/// <summary>What became of a look for a token.</summary>
internal enum TokenVerdict
{
    Good,
    /// <summary>Only the database can say.</summary>
    Ask,
    Unknown,
    Expired,
    Suspended,
    /// <summary>Too many look at once.</summary>
    Busy,
}

/// <summary>
/// Tokens by their SHA-256, found once in the table <c>token_lookup</c> and then kept, so that a request costs no query. What
/// is kept is never trusted for long: while the org is in memory its state says whether the token still is, which is so at
/// once on the node that revoked it and within a second on the others; else the table is asked again after a second.
/// A token that was never made loads no org.
/// </summary>
internal sealed class KnownTokens(DatabaseConnections pools, JournalNode journal, StatementTimer statements, TimeProvider time) : IDisposable
{
    static readonly TimeSpan Trusted = TimeSpan.FromSeconds(1);
    const int LooksAtOnce = 4, LooksWaiting = 512, SecondsForLook = 2;

    // two generations: the older one goes when the younger is full, so that those in use stay
    readonly SemaphoreSlim looks = new(LooksAtOnce);
    ConcurrentDictionary<UInt128, KnownToken> young = new(), old = new();
    int waiting;

    /// <summary>What is known of a token without asking anybody.</summary>
    public TokenVerdict Find(ReadOnlySpan<byte> hash, out KnownToken? token)
    {
        var key = BinaryPrimitives.ReadUInt128BigEndian(hash);
        if (!Volatile.Read(ref young).TryGetValue(key, out token))
        {
            if (!Volatile.Read(ref old).TryGetValue(key, out token)) return TokenVerdict.Ask;
            Keep(key, token);
        }
        return token.HasHash(hash) ? Judge(token) : TokenVerdict.Ask;
    }

    /// <summary>What the database says of a token.</summary>
    public async Task<(TokenVerdict Verdict, KnownToken? Token)> Look(byte[] hash)
    {
        if (Interlocked.Increment(ref waiting) > LooksWaiting)
        {
            Interlocked.Decrement(ref waiting);
            return (TokenVerdict.Busy, null);
        }
        await looks.WaitAsync();
        try
        {
            // another request may have brought it meanwhile
            if (Find(hash, out var known) is var verdict && verdict != TokenVerdict.Ask) return (verdict, known);
            var key = BinaryPrimitives.ReadUInt128BigEndian(hash);
            if (await Query(hash) is not { } found)
            {
                Forget(key);
                return (TokenVerdict.Unknown, null);
            }
            // the same object for as long as it is the same token: what was worked out for it is kept by it
            var token = known is not null && known.Principal.Equals(found.Principal) && known.ExpiresAt == found.ExpiresAt ? known : found;
            token.CheckedAt = time.GetTimestamp();
            Keep(key, token);
            if (IsOver(token)) return (TokenVerdict.Expired, token);
            // a state that does not know it yet is behind, and who decides waits for it
            return (Status(token) == RightsStatus.Suspended ? TokenVerdict.Suspended : TokenVerdict.Good, token);
        }
        finally
        {
            looks.Release();
            Interlocked.Decrement(ref waiting);
        }
    }

    /// <summary>Those that were used since this was last asked.</summary>
    public IEnumerable<KnownToken> TakeUsed() => Volatile.Read(ref young).Concat(Volatile.Read(ref old)).Select(pair => pair.Value).Where(token => token.TakeUse());

    /// <inheritdoc/>
    public void Dispose() => looks.Dispose();

    TokenVerdict Judge(KnownToken token)
    {
        if (IsOver(token)) return TokenVerdict.Expired;
        return Status(token) switch
        {
            RightsStatus.Ruled => TokenVerdict.Good,
            RightsStatus.Suspended => TokenVerdict.Suspended,
            null when time.GetElapsedTime(token.CheckedAt) < Trusted => TokenVerdict.Good,
            _ => TokenVerdict.Ask,
        };
    }

    // null: the org is not in memory
    RightsStatus? Status(KnownToken token) => journal.Peek(token.Org)?.State.Access.RightsOf(token.Principal).Status;

    bool IsOver(KnownToken token) => token.ExpiresAt is { } end && time.GetUtcNow().UtcDateTime >= end;

    void Keep(UInt128 key, KnownToken token)
    {
        var into = Volatile.Read(ref young);
        if (into.Count >= SteleLimits.KnownTokens.Value / 2)
        {
            Volatile.Write(ref old, into);
            Volatile.Write(ref young, into = new());
        }
        into[key] = token;
    }

    void Forget(UInt128 key)
    {
        Volatile.Read(ref young).TryRemove(key, out _);
        Volatile.Read(ref old).TryRemove(key, out _);
    }

    async Task<KnownToken?> Query(byte[] hash)
    {
        using var timing = statements.Start("token_lookup");
        await using var connection = await pools.Tail.OpenConnectionAsync();
        await using var command = PostgresParameters.Command(connection, FindSql, hash);
        command.CommandTimeout = SecondsForLook;
        await using var reader = await command.ExecuteReaderAsync();
        if (!await reader.ReadAsync()) return null;
        var principal = Principal.Token(reader.GetGuid(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3));
        return new KnownToken(hash, new OrgId(reader.GetInt32(0)), principal, reader.IsDBNull(4) ? null : reader.GetDateTime(4));
    }

    const string FindSql = """
        SELECT org_id, token_id, owner, environment, expires_at FROM stele.token_lookup WHERE hash = $1 AND org_id IS NOT NULL
        """;
}
