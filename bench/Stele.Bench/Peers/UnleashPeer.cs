using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Stele.Bench.Peers;

/// <summary>unleash-server from npm, with a database of its own on the PostgreSQL that serves Stele, and flags that half of all users get.</summary>
internal static class UnleashPeer
{
    const string Backend = "*:development.bench-backend", Admin = "*:*.bench-admin", Frontend = "*:development.bench-frontend";

    /// <summary>Where bench/run installs it.</summary>
    public static string Home => Path.Combine(Environment.GetEnvironmentVariable("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "stele-bench", "npm");

    static string Server => Path.Combine(Home, "node_modules/unleash-server/dist/server.js");

    /// <summary>Whether it is installed.</summary>
    public static bool IsThere => File.Exists(Server);

    /// <summary>Starts one with so many flags, and waits until its frontend API answers with them.</summary>
    public static async Task<Peer> Start(string work, int flags, IReadOnlyDictionary<string, string> postgres, CancellationToken cancellation)
    {
        var (name, port) = ($"unleash_{flags}", ChildProcess.FreePort());
        await CreateDatabase(name, postgres, cancellation);
        var environment = new Dictionary<string, string>
        {
            ["DATABASE_HOST"] = postgres["PGHOST"], ["DATABASE_PORT"] = postgres["PGPORT"], ["DATABASE_USERNAME"] = postgres["PGUSER"], ["DATABASE_PASSWORD"] = postgres["PGPASSWORD"],
            ["DATABASE_NAME"] = name, ["DATABASE_SSL"] = "false", ["HTTP_PORT"] = port.ToString(CultureInfo.InvariantCulture), ["HTTP_HOST"] = "127.0.0.1", ["TZ"] = "UTC", ["NODE_ENV"] = "production",
            ["LOG_LEVEL"] = "error", ["CHECK_VERSION"] = "false", ["SEND_TELEMETRY"] = "false", ["INIT_ADMIN_API_TOKENS"] = Admin, ["INIT_BACKEND_API_TOKENS"] = Backend, ["INIT_FRONTEND_API_TOKENS"] = Frontend,
        };
        var process = ChildProcess.Start("node", [Server], environment, Path.Combine(work, $"{name}.log"));
        var peer = new Peer(name, new Uri($"http://127.0.0.1:{port}"), process, new Dictionary<string, string> { ["Authorization"] = Frontend, ["Content-Type"] = "application/json" });
        // some four hundred migrations, each with a commit
        await peer.WaitUntilReady("/api/frontend", 5, cancellation);
        await Seed(peer, flags, cancellation);
        await WaitForFlags(peer, flags, cancellation);
        return peer;
    }

    static async Task CreateDatabase(string name, IReadOnlyDictionary<string, string> postgres, CancellationToken cancellation)
    {
        var start = new ProcessStartInfo("psql", ["-X", "-q", "-c", $"CREATE DATABASE {name}"]);
        foreach (var (variable, value) in postgres) start.Environment[variable] = value;
        using var psql = Process.Start(start)!;
        await psql.WaitForExitAsync(cancellation);
        if (psql.ExitCode != 0) throw new InvalidOperationException($"psql could not make the database {name}");
    }

    static async Task Seed(Peer peer, int flags, CancellationToken cancellation)
    {
        using var client = new HttpClient { BaseAddress = peer.Address };
        client.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", Admin);
        const string Features = "/api/admin/projects/default/features";
        for (var i = 0; i < flags; i++)
        {
            var name = $"bench.flag.{i:000}";
            await Post(Features, new { name, type = "release", impressionData = false });
            await Post($"{Features}/{name}/environments/development/strategies",
                new { name = "flexibleRollout", constraints = Array.Empty<object>(), parameters = new { rollout = "50", stickiness = "userId", groupId = name } });
            await Post($"{Features}/{name}/environments/development/on", null);
        }

        async Task Post(string path, object? body)
        {
            using var response = await client.PostAsync(path, body is null ? null : JsonContent.Create(body), cancellation);
            if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"unleash: POST {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellation)}");
        }
    }

    // its frontend API evaluates a copy of the flags that it refreshes; half of them answer on, and only those are answered
    static async Task WaitForFlags(Peer peer, int flags, CancellationToken cancellation)
    {
        using var client = peer.NewClient();
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var began = Stopwatch.StartNew();
        while (true)
        {
            var count = 0;
            for (var user = 0; user < 8; user++)
            {
                using var json = JsonDocument.Parse(await client.GetStringAsync($"/api/frontend?userId=user-{user}", cancellation));
                count += json.RootElement.GetProperty("toggles").GetArrayLength();
            }
            if (count >= flags * 8 * 0.35) return;
            if (began.Elapsed > TimeSpan.FromMinutes(1)) throw new TimeoutException($"{peer.Name} answers {count} of {flags * 8} flags, where half are on");
            await pause.WaitForNextTickAsync(cancellation);
        }
    }
}
