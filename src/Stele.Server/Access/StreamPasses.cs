using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>
/// What lets a browser's EventSource in, which can send no header: a pass in the address, made for whoever came with a token, good for a day or
/// two and for one address only. It names the token and is signed with that token's SHA-256, which every node finds in <c>token_lookup</c>: so
/// it needs no secret of its own, every node takes it, and it ends with the token.
/// </summary>
internal sealed class StreamPasses(RootTokens roots, DatabaseConnections pools, StatementTimer statements, TimeProvider time) : IDisposable
{
    /// <summary>The one path that a pass is good for.</summary>
    public const string Path = "/ofrep/v1/events";

    /// <summary>The query parameter that carries it.</summary>
    public const string Parameter = "pass";

    const byte Format = 1;
    const int OrgAt = 1, TokenAt = 5, WindowAt = 21, MacAt = 25, MacBytes = 16, Bytes = MacAt + MacBytes;
    const int LooksAtOnce = 4, SecondsForLook = 2;

    static readonly TimeSpan Window = TimeSpan.FromDays(1);

    readonly SemaphoreSlim looks = new(LooksAtOnce);

    /// <summary>The number of the day: passes of one window are alike, so that an address does not change with each answer.</summary>
    public int WindowNow => (int)(time.GetUtcNow().UtcTicks / Window.Ticks);

    /// <summary>The pass of whoever came with a token; null for one who came by other means.</summary>
    /// <param name="principal">Whose.</param>
    /// <param name="org">Where.</param>
    /// <param name="token">The token as it was sent.</param>
    public string? Make(Principal principal, OrgId org, ReadOnlySpan<char> token)
    {
        Span<byte> key = stackalloc byte[SHA256.HashSizeInBytes];
        if (principal.Kind is not (PrincipalKind.Root or PrincipalKind.Token) || !RootTokens.TryHash(token, key)) return null;
        Span<byte> pass = stackalloc byte[Bytes];
        Write(pass, org, principal.Id, WindowNow, key);
        return Base64Url.EncodeToString(pass);
    }

    /// <summary>The pass of a request, if its path takes one.</summary>
    public static string? Of(HttpRequest request) => request.Path.Value == Path && request.Query.TryGetValue(Parameter, out var pass) && pass is [{ Length: > 0 } text] ? text : null;

    /// <summary>Who holds a pass, or null: it is none, it is too old, or its token is gone.</summary>
    public async Task<(OrgId Org, Principal Principal)?> Find(string text)
    {
        if (Read(text) is not { } pass) return null;
        var org = new OrgId(BinaryPrimitives.ReadInt32BigEndian(pass.AsSpan(OrgAt)));
        var token = new Guid(pass.AsSpan(TokenAt, 16), bigEndian: true);
        var window = BinaryPrimitives.ReadInt32BigEndian(pass.AsSpan(WindowAt));
        if (WindowNow - window is < 0 or > 1) return null;
        if (token == Guid.Empty) return IsOfRoot(pass) ? (org, Principal.Root) : null;
        return await Query(org, token) is { } found && IsSigned(pass, org, token, window, found.Hash) ? (org, found.Principal) : null;
    }

    /// <summary>Whether a pass is of a root token that still is one.</summary>
    public bool IsOfRoot(string text) => Read(text) is { } pass && IsOfRoot(pass);

    /// <inheritdoc/>
    public void Dispose() => looks.Dispose();

    bool IsOfRoot(byte[] pass)
    {
        var (org, window) = (new OrgId(BinaryPrimitives.ReadInt32BigEndian(pass.AsSpan(OrgAt))), BinaryPrimitives.ReadInt32BigEndian(pass.AsSpan(WindowAt)));
        return roots.Any(hash => IsSigned(pass, org, Guid.Empty, window, hash));
    }

    static byte[]? Read(string text)
    {
        var pass = new byte[Bytes];
        // the way that does not throw at what is none
        return Base64Url.DecodeFromChars(text, pass, out _, out var written) == OperationStatus.Done && written == Bytes && pass[0] == Format ? pass : null;
    }

    static bool IsSigned(byte[] pass, OrgId org, Guid token, int window, byte[] hash)
    {
        Span<byte> expected = stackalloc byte[Bytes];
        Write(expected, org, token, window, hash);
        return CryptographicOperations.FixedTimeEquals(expected, pass);
    }

    static void Write(Span<byte> pass, OrgId org, Guid token, int window, ReadOnlySpan<byte> key)
    {
        pass[0] = Format;
        BinaryPrimitives.WriteInt32BigEndian(pass[OrgAt..], org.Value);
        token.TryWriteBytes(pass[TokenAt..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt32BigEndian(pass[WindowAt..], window);
        Span<byte> signed = stackalloc byte[MacAt + Path.Length];
        pass[..MacAt].CopyTo(signed);
        System.Text.Encoding.ASCII.GetBytes(Path, signed[MacAt..]);
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, signed, mac);
        mac[..MacBytes].CopyTo(pass[MacAt..]);
    }

    async Task<(byte[] Hash, Principal Principal)?> Query(OrgId org, Guid token)
    {
        await looks.WaitAsync();
        try
        {
            using var timing = statements.Start("token_of_pass");
            await using var connection = await pools.Tail.OpenConnectionAsync();
            await using var command = PostgresParameters.Command(connection, FindSql, org.Value, token);
            command.CommandTimeout = SecondsForLook;
            await using var reader = await command.ExecuteReaderAsync();
            if (!await reader.ReadAsync()) return null;
            if (!reader.IsDBNull(3) && reader.GetDateTime(3) <= time.GetUtcNow().UtcDateTime) return null;
            return (reader.GetFieldValue<byte[]>(0), Principal.Token(token, reader.IsDBNull(1) ? null : reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2)));
        }
        finally
        {
            looks.Release();
        }
    }

    const string FindSql = """
        SELECT hash, owner, environment, expires_at FROM stele.token_lookup WHERE org_id = $1 AND token_id = $2
        """;
}
