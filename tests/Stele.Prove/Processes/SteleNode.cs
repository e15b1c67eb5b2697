using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Prove.Mutants;
using Stele.Prove.Network;

namespace Stele.Prove.Processes;

/// <summary>One node: a stele-server process that reaches PostgreSQL and Redis by links, and is reached by one.</summary>
internal sealed class SteleNode : IAsyncDisposable
{
    readonly WorkDirectory work;
    readonly string directory, password;
    readonly IReadOnlyDictionary<string, string> settings;
    readonly Mutant mutant;
    readonly string? clockFile;
    readonly SemaphoreSlim starting = new(1);
    ChildProcess? process;

    public SteleNode(int number, WorkDirectory work, PostgresPair postgres, RedisServer? redis, string token, string password, bool hasClock, IReadOnlyDictionary<string, string> settings, Mutant mutant)
    {
        (Number, this.work, this.password, this.settings, Token, this.mutant) = (number, work, password, settings, token, mutant);
        directory = work.Make($"node{number}");
        Clients = new FaultyLink($"clients → node {number}", Port);
        ToPostgres = [.. postgres.Servers.Select(server => new FaultyLink($"node {number} → postgres {server.Name}", server.Port))];
        ToRedis = redis is null ? null : new FaultyLink($"node {number} → redis", redis.Port);
        clockFile = hasClock && FakeClock is not null ? Path.Combine(directory, "clock") : null;
    }

    /// <summary>The library by which a process gets a clock of its own; null when it is not on this machine.</summary>
    public static string? FakeClock { get; } = Directory.Exists("/usr/lib")
        ? Directory.EnumerateDirectories("/usr/lib", "*-linux-gnu").Select(place => Path.Combine(place, "faketime", "libfaketimeMT.so.1")).FirstOrDefault(File.Exists) : null;

    /// <summary>1, 2 or 3.</summary>
    public int Number { get; }

    /// <summary>Where it listens itself.</summary>
    public int Port { get; } = ChildProcess.FreePort();

    /// <summary>By which clients reach it.</summary>
    public FaultyLink Clients { get; }

    /// <summary>By which it reaches each PostgreSQL.</summary>
    public IReadOnlyList<FaultyLink> ToPostgres { get; }

    /// <summary>By which it reaches Redis.</summary>
    public FaultyLink? ToRedis { get; }

    public string Token { get; }

    public int ProcessId => process!.Id;

    /// <summary>Whether its clock can be stepped.</summary>
    public bool HasClock => clockFile is not null;

    /// <summary>Where clients send requests.</summary>
    public Uri Address => new($"http://127.0.0.1:{Clients.Port}");

    /// <summary>Starts it, unless it runs: whoever finds it down may do so, and two at once start one.</summary>
    public async Task Start()
    {
        await starting.WaitAsync();
        try
        {
            if (process is not { HasExited: false }) await Launch();
        }
        finally
        {
            starting.Release();
        }
    }

    /// <summary>Waits until it answers strong reads.</summary>
    public Task UntilReady(TimeSpan most) => Pause.Until($"node {Number} is ready (its log: {work.LogOf($"node{Number}")})", most, async () =>
    {
        await Start();
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        using var answer = await client.GetAsync(new Uri($"http://127.0.0.1:{Port}/readyz"));
        return answer.IsSuccessStatusCode;
    }, CancellationToken.None);

    /// <summary>Its wall clock is so far from the machine's; 0: level with it.</summary>
    public Task StepClock(TimeSpan ahead) =>
        File.WriteAllTextAsync(clockFile!, string.Create(CultureInfo.InvariantCulture, $"{(ahead < TimeSpan.Zero ? "-" : "+")}{Math.Abs(ahead.TotalSeconds):0.000}\n"));

    public Task Signal(string signal) => process!.Signal(signal);

    public Task Kill() => process!.Kill();

    /// <summary>As an orchestrator ends it.</summary>
    public Task Stop() => process!.Stop("TERM", TimeSpan.FromSeconds(20));

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            await Stop();
            process.Dispose();
        }
        starting.Dispose();
        foreach (var link in (FaultyLink?[])[Clients, .. ToPostgres, ToRedis])
            if (link is not null) await link.DisposeAsync();
    }

    async Task Launch()
    {
        if (clockFile is not null) await StepClock(TimeSpan.Zero);
        WriteKeys();
        var hosts = string.Join(',', ToPostgres.Select(link => $"127.0.0.1:{link.Port}"));
        var environment = new Dictionary<string, string?>
        {
            ["STELE_DATA"] = directory, ["STELE_HTTP"] = $"127.0.0.1:{Port}", ["STELE_GRPC"] = "127.0.0.1:0", ["STELE_ROOT_TOKEN"] = Token, ["STELE_NODE"] = $"node{Number}",
            ["STELE_POSTGRES"] = $"Host={hosts};Username={PostgresServer.Superuser};Password={password};Database={PostgresServer.Database};Target Session Attributes=primary",
            ["STELE_REDIS"] = ToRedis is null ? null : $"127.0.0.1:{ToRedis.Port},connectTimeout=1000,syncTimeout=1000,abortConnect=false", ["STELE_URL"] = null, ["STELE_TOKEN"] = null,
        };
        foreach (var (name, value) in settings) environment[name] = value;
        if (clockFile is not null)
        {
            environment["LD_PRELOAD"] = FakeClock;
            environment["FAKETIME_TIMESTAMP_FILE"] = clockFile;
            environment["FAKETIME_CACHE_DURATION"] = "1";
            // intervals are what they are: a stepped wall clock is what machines have
            environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            // else every wait with a timeout returns at once, and the node's threads spin
            environment["FAKETIME_FORCE_MONOTONIC_FIX"] = "0";
        }
        process?.Dispose();
        string[] program = mutant == Mutant.None ? ["stele-server.dll", "serve"] : ["Stele.Prove.dll", MutantServer.Word, $"{mutant}"];
        process = ChildProcess.Start("dotnet", [Path.Combine(AppContext.BaseDirectory, program[0]), .. program[1..]], environment, directory, work.LogOf($"node{Number}"));
    }

    // one key for all nodes, where each of them looks for it: what signs webhooks' messages is sealed
    void WriteKeys()
    {
        var file = Path.Combine(directory, "secret-keys");
        if (File.Exists(file)) return;
        File.WriteAllText(file, $"1 2026-01-01T00:00:00Z {Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(password)))}\n");
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
