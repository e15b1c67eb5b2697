using System.Globalization;
using System.Threading.Channels;
using Npgsql;
using Stele.Core.Journal;

namespace Stele.Server.Journal;

/// <summary>
/// Hints by LISTEN/NOTIFY: "org X is at revision N". Sent after the commit and outside its transaction, because a NOTIFY
/// inside would make commits wait for each other; heard on a connection of its own, which must be a direct one (a
/// transaction pooler forgets LISTEN). Losing any of them costs at most a poll.
/// </summary>
internal sealed class NotifyHints(NpgsqlDataSource tail, JournalTail follower, TimeProvider time, JournalOptions options, JournalLog log)
{
    // only the newest revision of an org matters, so a full channel may drop the oldest hint
    readonly Channel<(OrgId Org, long Revision)> outgoing = Channel.CreateBounded<(OrgId, long)>(
        new BoundedChannelOptions(1024) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    const string ChannelName = "stele_revision";

    /// <summary>Queues a hint; never waits.</summary>
    public void Send(OrgId org, long revision) => outgoing.Writer.TryWrite((org, revision));

    /// <summary>Sends and listens until cancelled.</summary>
    public Task Run(CancellationToken cancellation) => Task.WhenAll(
        Persist(SendAll, cancellation),
        Persist(Listen, cancellation));

    async Task SendAll(CancellationToken cancellation)
    {
        await using var connection = await tail.OpenConnectionAsync(cancellation);
        while (await outgoing.Reader.WaitToReadAsync(cancellation))
        {
            var newest = new Dictionary<OrgId, long>();
            while (outgoing.Reader.TryRead(out var hint)) newest[hint.Org] = hint.Revision;
            foreach (var (org, revision) in newest)
            {
                await using var command = PostgresParameters.Command(connection, NotifySql, ChannelName,
                    string.Create(CultureInfo.InvariantCulture, $"{org.Value}:{revision}"));
                await command.ExecuteNonQueryAsync(cancellation);
            }
        }
    }

    const string NotifySql = """
        SELECT pg_notify($1, $2)
        """;

    async Task Listen(CancellationToken cancellation)
    {
        await using var connection = await tail.OpenConnectionAsync(cancellation);
        connection.Notification += (_, e) => Heard(e.Payload);
        await using (var listen = new NpgsqlCommand(ListenSql, connection)) await listen.ExecuteNonQueryAsync(cancellation);
        while (true) await connection.WaitAsync(cancellation);
    }

    const string ListenSql = """
        LISTEN stele_revision
        """;

    void Heard(string payload)
    {
        var colon = payload.IndexOf(':');
        if (colon > 0 && int.TryParse(payload.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out var org)
            && long.TryParse(payload.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var revision))
            _ = follower.Hint(new OrgId(org), revision);
    }

    async Task Persist(Func<CancellationToken, Task> run, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await run(cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                log.ListenerAway(e.Message);
                await Task.Delay(options.Poll, time, cancellation).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
        }
    }
}
