using Stele.Prove.Network;

namespace Stele.Prove.Processes;

/// <summary>
/// A primary with its synchronous standby: nothing is committed on one of them alone, so that either may be lost. A fail-over goes as
/// docs/guides/consistency.md asks: the primary is gone for good (SIGKILL) before the standby is promoted, and comes back as the new one's standby.
/// </summary>
internal sealed class PostgresPair : IAsyncDisposable
{
    readonly PostgresServer[] servers;

    PostgresPair(PostgresServer a, PostgresServer b)
    {
        servers = [a, b];
        Replication = new FaultyLink("standby → primary", () => Primary.Port);
    }

    /// <summary>Both, in an order that does not change: nodes reach each by a link of its own.</summary>
    public IReadOnlyList<PostgresServer> Servers => servers;

    public PostgresServer Primary { get; private set; } = null!;

    public PostgresServer Standby => servers[0] == Primary ? servers[1] : servers[0];

    /// <summary>By which the standby follows.</summary>
    public FaultyLink Replication { get; }

    public static async Task<PostgresPair> Start(WorkDirectory work, PostgresPrograms programs, string password)
    {
        var pair = new PostgresPair(new PostgresServer("a", work, programs, password), new PostgresServer("b", work, programs, password));
        foreach (var server in pair.servers) await server.MakeDisk();
        pair.Primary = pair.servers[0];
        await pair.Primary.Init();
        await pair.Primary.Start(0);
        await pair.Primary.Execute($"CREATE DATABASE {PostgresServer.Database}", "postgres");
        await pair.Follow();
        return pair;
    }

    /// <summary>SIGKILL to the primary, promotion of the standby, and what was the primary is made the new one's standby.</summary>
    public async Task FailOver(Func<Task>? promoted = null)
    {
        await Primary.Kill();
        await Standby.Execute("SELECT pg_promote(true, 30)", "postgres");
        Primary = Standby;
        // alone until it has a standby again: Patroni's synchronous_mode does the same
        await Synchronous(Primary, false);
        if (promoted is not null) await promoted();
        await Follow();
    }

    /// <summary>
    /// Promotion of the standby beside a primary that goes on, while nothing goes between the two; then the old one is killed, and made the new
    /// one's standby.
    /// </summary>
    /// <param name="meanwhile">While there are two.</param>
    /// <param name="last">Just before the old one, which it gets, is gone with all that it alone has.</param>
    public async Task Depose(Func<Task> meanwhile, Func<PostgresServer, Task> last)
    {
        var (old, next) = (Primary, Standby);
        await next.Execute("SELECT pg_promote(true, 30)", "postgres");
        await Synchronous(next, false);
        try
        {
            await meanwhile();
            await last(old);
        }
        finally
        {
            await old.Kill();
            Primary = next;
        }
        Replication.Reset();
        Replication.Heal();
        await Follow();
    }

    /// <summary>Waits until the standby has all that the primary has, and commits wait for it.</summary>
    public Task UntilSynchronous() => Pause.Until("the standby follows synchronously", TimeSpan.FromSeconds(90),
        async () => await Primary.Ask<long>("SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming'", "postgres") == 1, CancellationToken.None);

    /// <summary>Starts what does not run; a primary that does not come up because its disk was full is tried again.</summary>
    public async Task Revive(PostgresServer server)
    {
        if (!server.IsRunning) await server.Start(Replication.Port, wait: false);
        await server.UntilItAnswers();
    }

    public async ValueTask DisposeAsync()
    {
        // the standby first, or a primary waits for it
        foreach (var server in servers.OrderBy(server => server == Primary)) await server.DisposeAsync();
        await Replication.DisposeAsync();
    }

    async Task Follow()
    {
        await Standby.CloneFrom(Primary.Port);
        await Standby.Start(Replication.Port);
        await Synchronous(Primary, true);
        await UntilSynchronous();
    }

    static async Task Synchronous(PostgresServer server, bool on)
    {
        await server.Execute($"ALTER SYSTEM SET synchronous_standby_names = '{(on ? "*" : "")}'", "postgres");
        await server.Execute("SELECT pg_reload_conf()", "postgres");
    }
}
