using System.Globalization;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;

namespace Stele.Server.Archive;

/// <summary>
/// <c>stele redact --user ID</c>: takes address and name of a user out of the journal, but for the event that says who he is today;
/// of one who was removed, all of them.
/// </summary>
internal static class UserRedaction
{
    /// <summary>Redacts within the transaction of the caller, or with <paramref name="yes"/> false says what it would; the exit code.</summary>
    public static async Task<int> Run(ArchiveDatabase database, OrgId org, Guid user, string reason, bool yes, TextWriter output, CancellationToken cancellation)
    {
        var (events, isThere) = await Find(database, org, user, cancellation);
        if (events.Count == 0) throw new ArchiveException(isThere
            ? $"Of user {user} the journal holds what he is today, and nothing else to empty: change or remove him first."
            : $"The journal holds nothing of a user {user} that could be emptied. What was archived is restored first: stele archive --restore.");
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"user {user}: {events.Count} events hold what he was called, from {events[0].Revision}.{events[0].Ordinal} on"));
        await output.WriteLineAsync(isThere ? "  he is a user still: the last event stays, which says who he is" : "  he was removed");
        if (!yes)
        {
            await output.WriteLineAsync("nothing was emptied: repeat with --yes, and it is gone for good");
            return MigrateCommand.Pending;
        }
        foreach (var (revision, ordinal) in events)
        {
            await using var redact = PostgresParameters.Command(database.Connection, RedactCommand.RedactSql, org.Value, revision, ordinal, Environment.UserName, reason);
            await redact.ExecuteNonQueryAsync(cancellation);
        }
        return MigrateCommand.Done;
    }

    static async Task<(List<(long Revision, int Ordinal)> Events, bool IsThere)> Find(ArchiveDatabase database, OrgId org, Guid user, CancellationToken cancellation)
    {
        await using var command = PostgresParameters.Command(database.Connection, EventsSql, org.Value, $"user/{user}", EventsMax);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var events = new List<(long, int)>();
        var isThere = false;
        while (await reader.ReadAsync(cancellation))
        {
            isThere = reader.GetBoolean(3);
            if (!reader.GetBoolean(2)) events.Add((reader.GetInt64(0), reader.GetInt32(1)));
        }
        return (events, isThere);
    }

    // is_last: nothing after it says who he is, or that he is gone
    const string EventsSql = """
        SELECT e.revision, e.ordinal, later.revision IS NULL AS is_last, EXISTS (SELECT FROM stele.user_account u WHERE u.org_id = $1 AND 'user/' || u.user_id = $2) AS is_there
        FROM stele.event e
        LEFT JOIN LATERAL (
            SELECT n.revision FROM stele.event n WHERE n.org_id::bigint = $1::bigint AND n.stream = $2 AND n.revision > e.revision AND n.type IN ('user.set', 'user.removed') LIMIT 1) later ON true
        WHERE e.org_id::bigint = $1::bigint AND e.stream = $2 AND e.type = 'user.set' AND e.data IS NOT NULL
        ORDER BY e.revision LIMIT $3
        """;

    const int EventsMax = 100_000;
}
