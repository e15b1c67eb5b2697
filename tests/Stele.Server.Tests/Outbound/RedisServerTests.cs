using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using StackExchange.Redis;
using Stele.Server.Options;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound;

/// <summary>The whole server beside a real Redis: over TLS, with a password; and flags from a PUT to what consumers find.</summary>
public sealed class RedisServerTests
{
    const string Password = "correct-horse-of-redis";

    [Fact]
    public async Task Over_TLS_with_an_authority_of_ones_own_and_a_password_in_a_file_Redis_is_written_to_and_carries_hints()
    {
        using var files = await TlsFiles.Write();
        await using var redis = await RedisServer.Start(files.Arguments);
        await using var db = await Postgres.NewDatabase();
        var (options, problems) = Settings(redis, files, Password);
        Assert.Empty(problems);
        await using var one = await TestServer.Start(db, redis: options!.Redis, redisAs: (options.RedisPassword, options.RedisCertificates), hints: ["redis"]);
        await using var other = await TestServer.Start(db, redis: options.Redis, redisAs: (options.RedisPassword, options.RedisCertificates), hints: ["redis"]);
        await Put(one, "/v1/config/tls.a", new { value = 1 });
        // redis-cli has nothing of ours
        await Wait.Until(async () => await Cli(redis, files, "GET", "config:tls.a:development") is { Length: > 0 } text && text.StartsWith("{\"value\":1,\"version\":1,", StringComparison.Ordinal), "it is written");
        await Wait.Until(async () =>
        {
            await Put(one, "/v1/config/tls.b", new { value = 2 });
            return (await other.Client.GetStringAsync("/metrics")).Contains("stele_hints_heard_total{carrier=\"redis\"} ", StringComparison.Ordinal) && Received(await other.Client.GetStringAsync("/metrics")) > 0;
        }, "the other node hears of it");
        Assert.DoesNotContain(one.Logs.Lines.Concat(other.Logs.Lines), line => line.Contains(Password, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_of_another_authority_and_a_wrong_password_are_refused_and_neither_is_logged()
    {
        using var files = await TlsFiles.Write();
        using var others = await TlsFiles.Write();
        await using var redis = await RedisServer.Start(files.Arguments);
        await using var db = await Postgres.NewDatabase();
        foreach (var (authority, password) in new[] { (others, Password), (files, "wrong-horse-of-redis") })
        {
            var (options, problems) = Settings(redis, authority, password);
            Assert.Empty(problems);
            await using var server = await TestServer.Start(db, redis: options!.Redis, redisAs: (options.RedisPassword, options.RedisCertificates));
            // it serves without, and says that Redis is away
            await Wait.Until(() => server.Logs.Lines.Any(line => line.Contains("redis does not take what is to be written", StringComparison.Ordinal)), "it is told to be away");
            await Put(server, "/v1/config/tls.refused", new { value = 1 });
            Assert.DoesNotContain(server.Logs.Lines, line => line.Contains(password, StringComparison.Ordinal));
        }
        Assert.Equal("", await Cli(redis, files, "KEYS", "*"));
    }

    [Fact]
    public async Task A_flag_is_found_in_Redis_as_it_is_killed_put_away_and_told_of_each_time()
    {
        await using var redis = await RedisServer.Start();
        await using var db = await Postgres.NewDatabase();
        await using var server = await TestServer.Start(db, redis: redis.Configuration);
        using var consumer = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        var told = new System.Collections.Concurrent.ConcurrentQueue<string>();
        await consumer.GetSubscriber().SubscribeAsync("flag:updates:new-ui", (_, message) => told.Enqueue(message!));
        var keys = consumer.GetDatabase();
        async Task Found(string start) => await Wait.Until(async () => ((string?)await keys.StringGetAsync("flag:new-ui:production"))?.StartsWith(start, StringComparison.Ordinal) == true, start);

        // what was there when it began is written whole, and not told
        await Put(server, "/v1/flags/first?env=production", new { definition = new { enabled = true } });
        await Wait.Until(async () => await keys.KeyExistsAsync("flag:first:production"), "it has begun");
        await Put(server, "/v1/flags/new-ui?env=production", new { definition = new { enabled = true, percentage = 25 } });
        await Found("""{"value":{"enabled":true,"percentage":25},"version":1,""");
        Assert.Equal("""{"version":1}""", await keys.StringGetAsync("flag:version:new-ui:production"));
        Assert.InRange((await keys.KeyTimeToLiveAsync("flag:new-ui:production"))!.Value.TotalSeconds, 3_500, 3_600);
        await Put(server, "/v1/flags/new-ui?env=production", new { definition = new { state = "ENABLED", variants = new { on = true, off = false }, defaultVariant = "on" } });
        await Found("""{"value":{"state":"ENABLED",""");
        await Put(server, "/v1/flags/new-ui?env=production", new { killed = true });
        await Found("""{"value":{"state":"DISABLED",""");
        using (var gone = await server.Client.DeleteAsync("/v1/flags/new-ui?env=production")) Assert.True(gone.IsSuccessStatusCode, await gone.Content.ReadAsStringAsync());
        await Found("""{"value":null,"version":4,""");
        await Wait.Until(() => told.Count == 4, "each change is told");
        var messages = told.Select(message => JsonDocument.Parse(message).RootElement).ToArray();
        Assert.Equal(["1", "2", "3", "4"], messages.Select(message => message.GetProperty("version").GetRawText()));
        Assert.Equal([false, false, false, true], messages.Select(message => message.GetProperty("deleted").GetBoolean()));
        Assert.Equal("DISABLED", messages[2].GetProperty("value").GetProperty("state").GetString());

        // after a wipe a flag is there again by itself
        await Put(server, "/v1/flags/other?env=production", new { definition = new { enabled = false } });
        await Wait.Until(async () => await keys.KeyExistsAsync("flag:other:production"), "the other flag");
        await Cli(redis, null, "FLUSHALL");
        await Wait.Until(async () => ((string?)await keys.StringGetAsync("flag:other:production"))?.StartsWith("{\"value\":{\"enabled\":false}", StringComparison.Ordinal) == true, "it is written again");
    }

    static (SteleOptions? Options, IReadOnlyList<string> Problems) Settings(RedisServer redis, TlsFiles authority, string password)
    {
        File.WriteAllText(authority.PasswordFile, password + "\n");
        return SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["STELE_REDIS"] = $"127.0.0.1:{redis.Port},connectTimeout=1000,syncTimeout=1000", ["STELE_REDIS_PASSWORD_FILE"] = authority.PasswordFile, ["STELE_REDIS_CA"] = authority.Ca,
        }).Build());
    }

    static double Received(string metrics) => metrics.Split('\n').Where(line => line.StartsWith("stele_hints_heard_total{carrier=\"redis\"}", StringComparison.Ordinal))
        .Select(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture)).FirstOrDefault();

    static async Task<string> Cli(RedisServer redis, TlsFiles? tls, params string[] words)
    {
        string[] secured = tls is null ? [] : ["--tls", "--cacert", tls.Ca, "-a", Password, "--no-auth-warning"];
        using var process = Process.Start(new ProcessStartInfo("redis-cli", ["-h", "127.0.0.1", "-p", $"{redis.Port}", .. secured, .. words]) { RedirectStandardOutput = true })!;
        var text = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return text.Trim();
    }

    static async Task Put<T>(TestServer server, string path, T body)
    {
        using var answer = await server.Client.PutAsJsonAsync(path, body);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>An authority, a certificate of its own for 127.0.0.1, and what a Redis is told of them.</summary>
    sealed class TlsFiles(string directory) : IDisposable
    {
        public string Ca => Path.Combine(directory, "ca.pem");

        public string PasswordFile => Path.Combine(directory, "password");

        public string[] Arguments =>
        [
            "--port", "0", "--tls-port", "{port}", "--tls-cert-file", Path.Combine(directory, "cert.pem"), "--tls-key-file", Path.Combine(directory, "key.pem"), "--tls-ca-cert-file", Ca,
            "--tls-auth-clients", "no", "--requirepass", Password,
        ];

        public static async Task<TlsFiles> Write()
        {
            var files = new TlsFiles(Directory.CreateTempSubdirectory("stele-redis-tls-").FullName);
            using var authority = TestCertificates.Authority("an authority");
            using var issued = TestCertificates.Issue(authority, "redis", IPAddress.Loopback);
            await File.WriteAllTextAsync(files.Ca, authority.ExportCertificatePem());
            await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(files.Ca)!, "cert.pem"), issued.ExportCertificatePem());
            await File.WriteAllTextAsync(Path.Combine(Path.GetDirectoryName(files.Ca)!, "key.pem"), issued.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
            return files;
        }

        public void Dispose() => Directory.Delete(directory, recursive: true);
    }
}
