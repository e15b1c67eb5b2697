using System.Data;
using System.Net.Sockets;
using Npgsql;
using Stele.Core.Orgs;

namespace Stele.Server.Journal;

/// <summary>What PostgreSQL's errors mean for the journal. The one place where they are told apart.</summary>
internal static class StoreFaults
{
    /// <summary>The head was not what the node believed: raised by stele.append and its kin.</summary>
    public const string LostRace = "ST001";

    /// <summary>A moment after the primary's clock: raised by stele.raise_last_at.</summary>
    public const string Future = "ST002";

    /// <summary>An error of the database or of the way to it, as opposed to one of this code.</summary>
    public static bool IsDatabase(Exception e) => e is NpgsqlException or TimeoutException or SocketException or IOException;

    /// <summary>The database is not there, or not able to answer now.</summary>
    public static bool IsAway(Exception e) => e switch
    {
        PostgresException postgres => IsFatal(postgres) || postgres.SqlState[..2] is "08" or "53" or "57" or "58"
            || postgres.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.ObjectNotInPrerequisiteState
                or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected,
        NpgsqlException or TimeoutException or SocketException or IOException => true,
        _ => false,
    };

    /// <summary>The session was ended from the other side, as opposed to a database that cannot be reached or does not answer in time.</summary>
    public static bool IsEnded(Exception e) => e switch
    {
        PostgresException postgres => postgres.SqlState is PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown,
        NpgsqlException => e.InnerException is IOException,
        _ => false,
    };

    /// <summary>
    /// Who was on a connection has no answer: it was cut off because another primary answers, it broke between two statements, which the driver says in
    /// its own way, or the driver trips over what it has put away already, and then it says of the connection that it is open.
    /// </summary>
    public static bool IsCut(Exception e, ConnectionState connection) =>
        e is OperationCanceledException or ObjectDisposedException || (e is InvalidOperationException && connection != ConnectionState.Open);

    /// <summary>What became of an append that ended so.</summary>
    public static AppendAnswer Classify(Exception e) => e switch
    {
        PostgresException { SqlState: LostRace } => new AppendAnswer(AppendStatus.LostRace),
        PostgresException { SqlState: Future } future => new AppendAnswer(AppendStatus.BadData, future.MessageText),
        PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "idempotency_pkey" } => new AppendAnswer(AppendStatus.IdempotencyKeyTaken),
        // the one thing that no org's journal can decide
        PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "org_name_pkey" or "org_name_key" } taken => new AppendAnswer(AppendStatus.BadData, taken.MessageText, OrgDecider.NameTaken),
        // two nodes that make the same thing at once: whoever is second finds it when he has caught up
        PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } => new AppendAnswer(AppendStatus.LostRace),
        // a session that was ended may have been ended after its commit
        PostgresException fatal when IsFatal(fatal) => new AppendAnswer(AppendStatus.Unknown, fatal.MessageText),
        PostgresException data when data.SqlState[..2] is "22" or "23" or "54" => new AppendAnswer(AppendStatus.BadData, data.MessageText),
        PostgresException refused => new AppendAnswer(AppendStatus.NotWritten, refused.MessageText),
        OperationCanceledException => new AppendAnswer(AppendStatus.Unknown, "another server answers as the primary"),
        _ => new AppendAnswer(AppendStatus.Unknown, e.Message),
    };

    static bool IsFatal(PostgresException e) => e.InvariantSeverity is "FATAL" or "PANIC";
}

/// <summary>
/// Watches a commit for the warning that its wait for a synchronous standby was given up: the server then reports success
/// although the standby may not have it. Such a commit's outcome is unknown until the fence's own commit is replicated.
/// </summary>
internal sealed class CommitWatch : IDisposable
{
    readonly NpgsqlConnection connection;
    string? warning;

    public CommitWatch(NpgsqlConnection connection)
    {
        this.connection = connection;
        connection.Notice += OnNotice;
    }

    /// <summary>Throws when what has just ended is not certain to be on the standby.</summary>
    public void RequireReplicated()
    {
        if (warning is not null) throw new StoreUnavailableException(warning);
    }

    public AppendAnswer Answer() => warning is null ? new AppendAnswer(AppendStatus.Committed) : new AppendAnswer(AppendStatus.Unknown, warning);

    public void Dispose() => connection.Notice -= OnNotice;

    void OnNotice(object sender, NpgsqlNoticeEventArgs e)
    {
        if (e.Notice.SqlState is PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.AdminShutdown
            || e.Notice.MessageText.Contains("synchronous replication", StringComparison.Ordinal)) warning = e.Notice.MessageText;
    }
}
