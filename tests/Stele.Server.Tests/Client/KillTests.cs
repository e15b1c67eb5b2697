using System.Collections.Concurrent;
using Microsoft.Extensions.Primitives;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>
/// Kills and restarts of server, PostgreSQL and client while a writer writes: whatever happens, what a client shows was current
/// at some time, is whole, and is never older than what it showed before; and in the end it is level.
/// </summary>
public sealed class KillTests
{
    [Fact]
    public Task A_client_lives_through_kills_and_restarts() => Live(seed: 9, kills: 8);

    // about a quarter of an hour
    [Fact(Explicit = true)]
    public Task A_client_lives_through_five_hundred_kills_and_restarts() => Live(seed: 500, kills: 500);

    static async Task Live(int seed, int kills)
    {
        await using var world = await World.Start();
        using var done = new CancellationTokenSource();
        var writing = world.Write(done.Token);
        var chance = new Random(seed);
        for (var i = 0; i < kills; i++)
        {
            var what = chance.Next(6);
            TestContext.Current.SendDiagnosticMessage($"{i}: {what}, written {world.Written}");
            if (what == 0) await world.CrashDatabase();
            else if (what == 1) await world.RestartServer();
            else if (what == 2) await world.RestartClient(killed: true);
            else if (what == 3) await world.RestartClient(killed: false);
            else if (what == 4) await world.CutOff();
            else await world.RestartClientWithoutServer();
            // each must come to something before the next, or nothing but starts is tested
            await world.Progresses();
        }
        await done.CancelAsync();
        await writing;
        await world.IsLevel();
        Assert.Empty(world.Breaches);
    }

    sealed class World : IAsyncDisposable
    {
        readonly CrashServer postgres;
        readonly TempDirectory cache = new();
        readonly Gate gate;
        readonly ConcurrentDictionary<long, bool> sent = new();
        TestServer server;
        ClientApp app = null!;
        long written, seen;
        IDisposable? listening;

        World(CrashServer postgres, TestServer server) => (this.postgres, this.server, gate) = (postgres, server, new Gate(server.Client.BaseAddress!));

        internal ConcurrentQueue<string> Breaches { get; } = new();

        internal long Written => Interlocked.Read(ref written);

        internal static async Task<World> Start()
        {
            var postgres = await CrashServer.Start();
            var world = new World(postgres, await TestServer.Start(postgres.Database));
            await world.StartClient();
            return world;
        }

        // 1, 2, 3 … in two keys at once; one at a time, so that what was current is what was sent
        internal async Task Write(CancellationToken cancellation)
        {
            while (!cancellation.IsCancellationRequested)
            {
                var next = Written + 1;
                sent[next] = true;
                using var client = new SteleClient(new SteleClientOptions { Url = new Uri(gate.Url), Token = TestServer.Token, AttemptTimeout = TimeSpan.FromSeconds(5), Attempts = 2 });
                try
                {
                    var value = System.Text.Json.JsonElement.Parse($"{next}");
                    await client.ApplyChangesAsync("production", new ChangeSet { Changes = [Set("services.payment.timeout"), Set("services.payment.retries")] }, CancellationToken.None);
                    Interlocked.Exchange(ref written, next);

                    Change Set(string key) => new() { Op = "set", Key = key, Value = value };
                }
                catch (SteleException)
                {
                    // it may be there or not: the next one writes the same or more
                }
            }
        }

        internal Task CrashDatabase() => postgres.Crash();

        internal async Task RestartServer()
        {
            gate.Close();
            await server.DisposeAsync();
            server = await TestServer.Start(postgres.Database);
            gate.To = server.Client.BaseAddress!;
            gate.Open();
        }

        // killed: what it would have written when it ended was never written
        internal async Task RestartClient(bool killed)
        {
            var files = killed ? Directory.GetFiles(cache.Path, "last-known", SearchOption.AllDirectories).ToDictionary(path => path, File.ReadAllBytes) : [];
            await EndClient();
            foreach (var (path, bytes) in files) File.WriteAllBytes(path, bytes);
            await StartClient();
        }

        internal async Task RestartClientWithoutServer()
        {
            gate.Close();
            await EndClient();
            await StartClient();
            Look();
            gate.Open();
        }

        internal async Task CutOff()
        {
            gate.Close();
            Look();
            gate.Open();
            await Task.CompletedTask;
        }

        internal async Task Progresses()
        {
            var from = Written;
            await Wait.Until(() =>
            {
                Look();
                return Written > from && Interlocked.Read(ref seen) > from;
            }, "something new is written and seen");
        }

        internal Task IsLevel() => Wait.Until(() =>
        {
            Look();
            return app.Payment.CurrentValue.Timeout >= Written;
        }, $"the last write, {Written}, is seen; {app.Client.Values.Status}");

        public async ValueTask DisposeAsync()
        {
            await EndClient();
            await gate.DisposeAsync();
            await server.DisposeAsync();
            await postgres.DisposeAsync();
            cache.Dispose();
        }

        async Task StartClient()
        {
            Interlocked.Exchange(ref seen, 0);
            app = await ClientApp.Start(gate.Url, TestServer.Token, cache.Path, options => options.StartTimeout = TimeSpan.FromSeconds(30));
            // what is shown is looked at whenever it changes, by whoever is told
            listening = ChangeToken.OnChange(app.Configuration.GetReloadToken, Look);
        }

        async Task EndClient()
        {
            listening?.Dispose();
            await app.DisposeAsync();
        }

        void Look()
        {
            // looks overlap: none may show less than what was seen before it began
            var floor = Interlocked.Read(ref seen);
            // bound anew, of one revision, as each look at options is
            var shown = app.Service<Microsoft.Extensions.Options.IOptionsFactory<PaymentOptions>>().Create("");
            if (shown.Timeout != shown.Retries) Breaches.Enqueue($"half a revision: {shown.Timeout} and {shown.Retries}");
            if (shown.Timeout > 0 && !sent.ContainsKey(shown.Timeout)) Breaches.Enqueue($"{shown.Timeout} was never written");
            if (shown.Timeout < floor) Breaches.Enqueue($"back from {floor} to {shown.Timeout}");
            for (var before = Interlocked.Read(ref seen); shown.Timeout > before; before = Interlocked.Read(ref seen)) Interlocked.CompareExchange(ref seen, shown.Timeout, before);
        }
    }
}
