using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// The connection strings of stele_app and stele_tail: those given, or else logins made through the owner's, with
/// passwords derived from the owner's password and the system identifier, so that every node derives the same ones and
/// nothing needs to be stored. Logging in is tried first; the role is altered only if that fails, because nodes that start
/// together would otherwise write the same catalogue row at once. PostgreSQL gets a SCRAM verifier, never the password,
/// which so cannot reach its log.
/// </summary>
internal static class DatabaseLogins
{
    const int AttemptsMax = 20;
    const int ScramIterations = 4096;  // PostgreSQL's own default; the password has 256 random bits, so more would add nothing
    const int ScramSaltBytes = 16;

    /// <summary>Both connection strings, usable now.</summary>
    public static async Task<(string App, string Tail)> Ensure(string? owner, string? app, string? tail, ILogger log, CancellationToken cancellation)
    {
        if (app is not null && tail is not null)
            return (app, tail);
        if (owner is null)
            throw new DatabaseSetupException("Without STELE_POSTGRES, both STELE_POSTGRES_APP and STELE_POSTGRES_TAIL must be set.");
        var password = new NpgsqlConnectionStringBuilder(owner).Password;
        if (string.IsNullOrEmpty(password))
            throw new DatabaseSetupException("STELE_POSTGRES has no password, from which those of stele_app and stele_tail could be derived. " +
                "Make the two logins by hand (ALTER ROLE stele_app LOGIN …), and set STELE_POSTGRES_APP and STELE_POSTGRES_TAIL.");
        var system = await SystemIdentifier(owner, cancellation);
        return (app ?? await Login(owner, DatabaseRoles.App, Derive(password, DatabaseRoles.App, system), log, cancellation),
            tail ?? await Login(owner, DatabaseRoles.Tail, Derive(password, DatabaseRoles.Tail, system), log, cancellation));
    }

    /// <summary>HMAC-SHA256 over role and system identifier, keyed with the owner's password; base64url.</summary>
    internal static string Derive(string ownerPassword, string role, long systemIdentifier) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(ownerPassword),
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{role}\n{systemIdentifier}"))));

    /// <summary>What PostgreSQL stores of a password (RFC 5803); it takes one for ALTER ROLE … PASSWORD as it is. ASCII passwords only: nothing is SASLprepped.</summary>
    internal static string ScramVerifier(string password, ReadOnlySpan<byte> salt)
    {
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.ASCII.GetBytes(password), salt, ScramIterations, HashAlgorithmName.SHA256, SHA256.HashSizeInBytes);
        var storedKey = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var serverKey = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${ScramIterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(storedKey)}:{Convert.ToBase64String(serverKey)}";
    }

    static async Task<string> Login(string owner, string role, string password, ILogger log, CancellationToken cancellation)
    {
        var login = new NpgsqlConnectionStringBuilder(owner) { Username = role, Password = password };
        for (var attempt = 1; ; attempt++)
        {
            if (await TryLogin(login, cancellation) is not { } refusal)
                return login.ConnectionString;
            if (attempt == AttemptsMax || (attempt > 1 && refusal.SqlState == PostgresErrorCodes.InvalidAuthorizationSpecification))
                throw new DatabaseSetupException($"{role} cannot log in, even with its password set: {refusal.MessageText}. Look at pg_hba.conf, or set STELE_POSTGRES_APP and STELE_POSTGRES_TAIL.", refusal);
            await SetPassword(owner, role, ScramVerifier(password, RandomNumberGenerator.GetBytes(ScramSaltBytes)), cancellation);
            log.PasswordSet(role);
        }
    }

    static async Task<PostgresException?> TryLogin(NpgsqlConnectionStringBuilder login, CancellationToken cancellation)
    {
        try
        {
            await using var connection = await Open(login.ConnectionString, cancellation);
            return null;
        }
        catch (PostgresException failure) when (failure.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification)
        {
            return failure;
        }
    }

    static async Task SetPassword(string owner, string role, string verifier, CancellationToken cancellation)
    {
        await using var connection = await Open(owner, cancellation);
        // neither name nor verifier holds a quote; ALTER ROLE takes no parameters
        await using var command = new NpgsqlCommand($"ALTER ROLE {role} LOGIN PASSWORD '{verifier}'", connection);
        try
        {
            await command.ExecuteNonQueryAsync(cancellation);
        }
        catch (PostgresException failure) when (DatabaseRoles.IsRace(failure))
        {
            // another node has just set the same password
        }
        catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new DatabaseSetupException($"The owner's login may not set the password of {role}: {failure.MessageText}. Set STELE_POSTGRES_APP and STELE_POSTGRES_TAIL.", failure);
        }
    }

    static async Task<long> SystemIdentifier(string owner, CancellationToken cancellation)
    {
        await using var connection = await Open(owner, cancellation);
        await using var command = new NpgsqlCommand(SystemIdentifierSql, connection);
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    const string SystemIdentifierSql = """SELECT system_identifier FROM pg_control_system()""";

    static async Task<NpgsqlConnection> Open(string connectionString, CancellationToken cancellation)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, ApplicationName = "stele-start" }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
