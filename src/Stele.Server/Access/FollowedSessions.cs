using System.Collections.Concurrent;
using System.Net.Sockets;
using Npgsql;
using Stele.Core.Journal;
using Stele.Server.Database;
using Stele.Server.Journal;
using Stele.Server.Operation;

namespace Stele.Server.Access;

/// <summary>
/// The sessions whose streams are open on this node. A stream lasts longer than a request, so whether its session still is, is looked up
/// while it lasts: once a second, one query for all. A stream is no use of a session: one that does nothing else ends as if it were shut.
/// </summary>
internal sealed class FollowedSessions(DatabaseConnections pools, StatementTimer statements, TimeProvider time, ILogger<FollowedSessions> log) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1), Forgotten = TimeSpan.FromMinutes(1);

    readonly ConcurrentDictionary<UInt128, Followed> followed = new();

    /// <summary>A session that is followed for as long as somebody asks.</summary>
    sealed class Followed(OrgId org, byte[] hash)
    {
        long askedAt;
        bool isOver;

        public OrgId Org => org;

        public byte[] Hash => hash;

        public long AskedAt
        {
            get => Volatile.Read(ref askedAt);
            set => Volatile.Write(ref askedAt, value);
        }

        public bool IsOver
        {
            get => Volatile.Read(ref isOver);
            set => Volatile.Write(ref isOver, value);
        }
    }

    /// <summary>What tells again and again whether a session still is: right to a second. There are as many as there are streams, which have a limit.</summary>
    public Func<bool> Standing(OrgId org, UInt128 key, byte[] hash)
    {
        var made = new Followed(org, hash);
        return () =>
        {
            var session = followed.GetOrAdd(key, made);
            session.AskedAt = time.GetTimestamp();
            return !session.IsOver;
        };
    }

    /// <summary>A session was ended here: its streams need not wait for the next look.</summary>
    public void End(UInt128 key)
    {
        if (followed.TryGetValue(key, out var session)) session.IsOver = true;
    }

    /// <summary>Looks which of them still are, and forgets those whose streams are gone.</summary>
    public async Task RunOnce(CancellationToken cancellation)
    {
        foreach (var (key, session) in followed)
            if (time.GetElapsedTime(session.AskedAt) > Forgotten) followed.TryRemove(key, out _);
        var asked = followed.Values.Where(session => !session.IsOver).ToList();
        if (asked.Count == 0) return;
        using var timing = statements.Start("sessions_standing");
        await using var connection = await pools.Tail.OpenConnectionAsync(cancellation);
        await using var command = PostgresParameters.Command(connection, StandingSql, asked.Select(session => session.Org.Value).ToArray(), asked.Select(session => session.Hash).ToArray());
        var standing = new HashSet<string>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
            while (await reader.ReadAsync(cancellation)) standing.Add(Convert.ToHexString(reader.GetFieldValue<byte[]>(0)));
        foreach (var session in asked)
            if (!standing.Contains(Convert.ToHexString(session.Hash))) session.IsOver = true;
    }

    const string StandingSql = """
        SELECT s.hash FROM unnest($1::int[], $2::bytea[]) AS f (org_id, hash) JOIN stele.session s ON s.org_id = f.org_id AND s.hash = f.hash
        WHERE s.expires_at > now()
        """;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Pause, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await Try(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // the end of the node ends all streams
        }
    }

    // while the database is away nothing that a stream could tell happens
    async Task Try(CancellationToken cancellation)
    {
        try
        {
            await RunOnce(cancellation);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or SocketException or IOException)
        {
            log.SessionsNotLookedUp(e.Message);
        }
    }
}
