using Npgsql;

namespace Stele.Server.Database;

/// <summary>
/// Where a connection string names several hosts, Npgsql takes a host for away when one of its sessions was ended (by an administrator, by
/// whoever waited for it), and does not ask it again for a second: all requests of that second would be refused while the primary serves. So
/// whoever finds at once that no host will do has all of them asked. What is really away is asked in vain; then nobody does so for a while,
/// and never where finding out took time, since a host that does not answer at all would cost it twice.
/// </summary>
internal sealed class HostStates(TimeProvider time)
{
    const int AttemptsMax = 5;

    static readonly TimeSpan pause = TimeSpan.FromSeconds(1), atOnce = TimeSpan.FromMilliseconds(500);

    readonly List<NpgsqlMultiHostDataSource> sources = [];
    long inVainAt;

    /// <summary>One more pool of several hosts, before anybody uses it.</summary>
    public void Add(NpgsqlMultiHostDataSource source) => sources.Add(source);

    /// <summary>A connection of a pool.</summary>
    public ValueTask<NpgsqlConnection> Open(NpgsqlDataSource pool, CancellationToken cancellation) => sources.Count == 0 ? pool.OpenConnectionAsync(cancellation) : OpenOfSeveral(pool, cancellation);

    async ValueTask<NpgsqlConnection> OpenOfSeveral(NpgsqlDataSource pool, CancellationToken cancellation)
    {
        for (var attempt = 0; ; attempt++)
        {
            var began = time.GetTimestamp();
            try
            {
                return await pool.OpenConnectionAsync(cancellation);
            }
            // sessions that end one after the other have the host taken for away again and again
            catch (NpgsqlException e) when (attempt < AttemptsMax && (attempt == 0 ? MayAskAgain(e, began) : NobodyWasAsked(e)))
            {
                foreach (var source in sources) source.ClearDatabaseStates();
            }
            catch (NpgsqlException) when (attempt > 0)
            {
                Volatile.Write(ref inVainAt, time.GetTimestamp());
                throw;
            }
        }
    }

    bool MayAskAgain(NpgsqlException e, long began) => e is not PostgresException && time.GetElapsedTime(began) < atOnce
        && (Volatile.Read(ref inVainAt) is var at && (at == 0 || time.GetElapsedTime(at) > pause));

    // Npgsql's words; where hosts were asked and did not answer, it gives their reasons
    static bool NobodyWasAsked(NpgsqlException e) => e is not PostgresException && e.InnerException is null && e.Message.StartsWith("No suitable host was found", StringComparison.Ordinal);
}
