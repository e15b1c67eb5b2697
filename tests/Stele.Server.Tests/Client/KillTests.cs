using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Primitives;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Tidy;
using Xunit;

namespace Stele.Server.Tests.Client;

/// <summary>
/// Kills and restarts of server, PostgreSQL and clients while a writer writes: whatever happens, what a client shows was current
/// at some time, is whole, and is never older than what it showed before; and in the end it is level. Server, PostgreSQL and one
/// client are processes that are killed as the system kills (SIGKILL); the other client is in this one, and is looked at whenever it changes.
/// </summary>
public sealed partial class KillTests
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
        // each kind once before chance chooses, so that a short run has had them all
        int[] kinds = [0, 1, 2, 3, 4, 5, 6, 7];
        chance.Shuffle(kinds);
        for (var i = 0; i < kills; i++)
        {
            var what = i < kinds.Length ? kinds[i] : chance.Next(kinds.Length);
            TestContext.Current.SendDiagnosticMessage($"{i}: {what}, written {world.Written}");
            if (what == 0) await world.CrashDatabase();
            else if (what == 1) await world.KillServer();
            else if (what == 2) await world.RestartClient(killed: true);
            else if (what == 3) await world.RestartClient(killed: false);
            else if (what == 4) world.CutOff();
            else if (what == 5) await world.RestartClientWithoutServer();
            else await world.KillWeb(withoutServer: what == 7);
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
        ServerProcess server;
        ClientApp app = null!;
        WebClient? web;
        long written, seen, seenInWeb;
        IDisposable? listening;

        World(CrashServer postgres, ServerProcess server) => (this.postgres, this.server, gate) = (postgres, server, new Gate(server.Client.BaseAddress!));

        internal ConcurrentQueue<string> Breaches { get; } = new();

        internal long Written => Interlocked.Read(ref written);

        internal static async Task<World> Start()
        {
            var postgres = await CrashServer.Start();
            var world = new World(postgres, await ServerProcess.Start(ServerProcess.Binary, postgres.Database, "killed"));
            await world.StartClient();
            world.web = await WebClient.Start(world.gate.Url, world.cache.Path);
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
                    await client.ApplyChangesAsync("production", new ChangeSet { Changes = [Set("services.payment.timeout"), Set("services.payment.retries"), Set("shop.greeting"), Set("shop.items_max")] }, CancellationToken.None);
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

        internal async Task KillServer()
        {
            await server.Kill();
            await server.DisposeAsync();
            server = await ServerProcess.Start(ServerProcess.Binary, postgres.Database, "killed");
            gate.To = server.Client.BaseAddress!;
        }

        internal async Task KillWeb(bool withoutServer)
        {
            await web!.Kill();
            Interlocked.Exchange(ref seenInWeb, 0);
            // it begins with what its last life left on disk, if that was long enough to leave something
            withoutServer &= Directory.Exists(web.Cache) && Directory.GetFiles(web.Cache, "last-known", SearchOption.AllDirectories).Length == 2;
            if (withoutServer) gate.Close();
            web = await WebClient.Start(gate.Url, cache.Path);
            await LookAtWeb();
            if (withoutServer) gate.Open();
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

        internal void CutOff()
        {
            gate.Close();
            Look();
            gate.Open();
        }

        internal async Task Progresses()
        {
            var from = Written;
            await Wait.Until(async () =>
            {
                Look();
                await LookAtWeb();
                return Written > from && Interlocked.Read(ref seen) > from && Interlocked.Read(ref seenInWeb) > from;
            }, "something new is written and seen");
        }

        internal Task IsLevel() => Wait.Until(async () =>
        {
            Look();
            await LookAtWeb();
            return app.Payment.CurrentValue.Timeout >= Written && Interlocked.Read(ref seenInWeb) >= Written;
        }, $"the last write, {Written}, is seen; {app.Client.Values.Status}");

        public async ValueTask DisposeAsync()
        {
            await EndClient();
            if (web is not null) await web.Kill();
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

        async Task LookAtWeb()
        {
            var floor = Interlocked.Read(ref seenInWeb);
            var page = await web!.Page();
            if (Shown().Match(page) is not { Success: true } both) return;
            var (one, other) = (long.Parse(both.Groups[1].Value, CultureInfo.InvariantCulture), long.Parse(both.Groups[2].Value, CultureInfo.InvariantCulture));
            if (one != other) Breaches.Enqueue($"half a revision in the process: {page}");
            if (!sent.ContainsKey(one)) Breaches.Enqueue($"{one} was never written, and the process shows it");
            if (one < floor) Breaches.Enqueue($"back from {floor} to {one} in the process");
            Interlocked.Exchange(ref seenInWeb, Math.Max(floor, one));
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

    // as long as nothing is written, it greets
    [GeneratedRegex(@"^(\d+), at most (\d+) items$")]
    private static partial Regex Shown();

    /// <summary>The sample of a web app, in a process of its own.</summary>
    sealed class WebClient : IDisposable
    {
        // bin/Debug/net10.0 or bin/Release/net10.0, as this test
        static readonly string output = Path.Combine(Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!, "net10.0");
        readonly Process process;
        readonly HttpClient client;
        readonly Task<string> said;

        WebClient(Process process, string url, string cache)
        {
            (this.process, client, Cache) = (process, new HttpClient { BaseAddress = new Uri(url) }, cache);
            said = process.StandardOutput.ReadToEndAsync();
        }

        internal string Cache { get; }

        internal static async Task<WebClient> Start(string url, string cache)
        {
            using var nobody = new TcpListener(IPAddress.Loopback, 0);
            nobody.Start();
            var (own, at) = ($"http://127.0.0.1:{((IPEndPoint)nobody.LocalEndpoint).Port}", Path.Combine(cache, "web"));
            nobody.Stop();
            var start = new ProcessStartInfo("dotnet", [Repository.FullPath($"samples/web/bin/{output}/stele-sample-web.dll"), "--urls", own]) { RedirectStandardOutput = true };
            foreach (var (name, value) in ((string, string)[])[("STELE_URL", url), ("STELE_TOKEN", TestServer.Token), ("STELE_ENV", "production"), ("STELE_CACHE", at), ("STELE_CACHE_KEYS", at + "-keys")]) start.Environment[name] = value;
            var web = new WebClient(Process.Start(start)!, own, at);
            await Wait.Until(async () =>
            {
                if (web.process.HasExited) throw new InvalidOperationException($"The app ended: {await web.said}");
                try
                {
                    return (await web.Page()).Length > 0;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            }, "the app answers");
            return web;
        }

        internal Task<string> Page() => client.GetStringAsync("/");

        internal async Task Kill()
        {
            process.Kill();
            await process.WaitForExitAsync();
            Dispose();
        }

        public void Dispose()
        {
            client.Dispose();
            process.Dispose();
        }
    }
}
