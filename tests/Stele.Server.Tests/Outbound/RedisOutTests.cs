using System.Collections.Concurrent;
using System.Text.Json;
using StackExchange.Redis;
using Stele.Core.Access;
using Stele.Core.Configs;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Outbound;
using Stele.Server.Outbound.Redis;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound;

/// <summary>What consumers find in a real Redis: design section 5 to the letter, and right again after whatever happens to it.</summary>
public sealed class RedisOutTests
{
    [Fact]
    public async Task Keys_versions_and_messages_are_as_promised()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        await node.Look();
        var heard = await node.Listen("*config:*");
        var first = await node.Set("ai.model.threshold", "0.70");
        await node.Look();
        Assert.Equal($$"""{"value":0.70,"version":1,"revision":{{first}},"deleted":false}""", await node.Value("config:ai.model.threshold:development"));
        Assert.Equal("""{"version":1}""", await node.Value("config:version:ai.model.threshold:development"));
        foreach (var key in (string[])["config:ai.model.threshold:development", "config:version:ai.model.threshold:development"])
            Assert.InRange((await node.Keys.KeyTimeToLiveAsync(key))!.Value.TotalSeconds, 3_590, 3_600);
        Assert.Null((await node.Node.Journal.Append(OrgId.Default, new ChangeSet(Principal.Root, Guid.CreateVersion7(), "why",
            [new Change { Op = ChangeOp.Delete, Environment = TestNode.Environment("development"), Key = ConfigKey.Parse("ai.model.threshold", null) }]), null, CancellationToken.None)).Fault);
        await node.Look();
        Assert.Equal($$"""{"value":null,"version":2,"revision":{{first + 1}},"deleted":true}""", await node.Value("config:ai.model.threshold:development"));
        await Wait.Until(() => heard.Count == 4, "all is told");
        var told = heard.ToArray();
        Assert.Equal("config:ai:model.threshold version=1", told[1]);
        Assert.Equal("config:ai:model.threshold version=2", told[3]);
        var message = Message(told[2], "config:updates:ai.model.threshold");
        Assert.Equal(["key", "environment", "value", "version", "revision", "timestamp", "deleted"], message.EnumerateObject().Select(member => member.Name));
        Assert.True(message.GetProperty("deleted").GetBoolean());
        message = Message(told[0], "config:updates:ai.model.threshold");
        Assert.Equal("""development 0.70 1 False""", $"{message.GetProperty("environment").GetString()} {message.GetProperty("value").GetRawText()} {message.GetProperty("version").GetInt64()} {message.GetProperty("deleted").GetBoolean()}");
        Assert.Equal(TimeSpan.Zero, message.GetProperty("timestamp").GetDateTimeOffset().Offset);
    }

    static JsonElement Message(string told, string channel)
    {
        Assert.StartsWith(channel + " {", told, StringComparison.Ordinal);
        return JsonDocument.Parse(told[(channel.Length + 1)..]).RootElement;
    }

    [Fact]
    public void What_an_event_of_a_flag_makes_is_its_definition_disabled_when_it_is_killed()
    {
        Assert.Equal("""{"state":"ENABLED","x":1.0}""", Text(RedisEntry.FlagValue("""{"state":"ENABLED","x":1.0}"""u8.ToArray(), killed: false)));
        Assert.Equal("""{"state":"DISABLED","x":1.0}""", Text(RedisEntry.FlagValue("""{"state":"ENABLED","x":1.0}"""u8.ToArray(), killed: true)));
        Assert.Equal("""{"enabled":false,"percentage":5}""", Text(RedisEntry.FlagValue("""{"enabled":true,"percentage":5}"""u8.ToArray(), killed: true)));

        static string Text(byte[] utf8) => System.Text.Encoding.UTF8.GetString(utf8);
    }

    [Fact]
    public async Task Another_org_has_its_name_before_each_and_an_environment_keeps_to_itself()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        var acme = new OrgId(2);
        Assert.Null((await node.Node.Journal.Append(acme, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("acme", null), [TestNode.Environment("development")]), null, CancellationToken.None)).Fault);
        await node.Look();
        var heard = await node.Listen("acme/*");
        await node.Set("app.k", "\"ours\"");
        Assert.Null((await node.Node.Journal.Append(acme, TestNode.SetOf("app.k", "\"theirs\""), null, CancellationToken.None)).Fault);
        await node.Look();
        Assert.Contains("ours", await node.Value("config:app.k:development"), StringComparison.Ordinal);
        Assert.Contains("theirs", await node.Value("acme/config:app.k:development"), StringComparison.Ordinal);
        Assert.Equal("""{"version":1}""", await node.Value("acme/config:version:app.k:development"));
        await Wait.Until(() => heard.Count == 2, "all is told");
        Assert.Equal(["acme/config:app:k version=1", "acme/config:updates:app.k"], heard.Select(one => one.StartsWith("acme/config:updates", StringComparison.Ordinal) ? one.Split(' ')[0] : one).Order(StringComparer.Ordinal));
        // it is called something else from now on: what was under its name goes, and those who listen hear of it
        Assert.Null((await node.Node.Journal.Append(acme, new RenameOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("emca", null), null), null, CancellationToken.None)).Fault);
        await node.Look();
        await node.Until(async () => await node.Value("acme/config:app.k:development") is null && await node.Value("emca/config:app.k:development") is not null, "its keys moved");
        await Wait.Until(() => heard.Any(one => one.Contains("\"deleted\":true", StringComparison.Ordinal)), "the old ones are told to be deleted");
        Assert.Contains("ours", await node.Value("config:app.k:development"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_older_is_written_over_something_newer_and_a_change_is_told_once()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        var heard = await node.Listen("config:updates:*");
        var writer = new RedisWriter(node.Keys, node.Options);
        Guid one = Guid.NewGuid(), other = Guid.NewGuid();
        await Put(3, 10, one, RedisWrite.Change);
        await Put(3, 10, one, RedisWrite.Change);       // a runner that crashed before its checkpoint
        Assert.Equal(10, await Revision());
        await Put(3, 9, one, RedisWrite.Change);        // one that was paused
        await Put(2, 11, one, RedisWrite.Change);       // and one of an earlier incarnation
        await Put(2, 12, other, RedisWrite.Again);
        Assert.Equal(10, await Revision());
        await Put(3, 20, one, RedisWrite.Again);        // what is current is written without a word
        await Put(3, 15, one, RedisWrite.Change);       // and what led there is told all the same
        Assert.Equal(20, await Revision());
        await Put(3, 20, one, RedisWrite.Change);
        await Put(4, 8, other, RedisWrite.Change);      // a new incarnation is newer, whatever the number
        Assert.Equal(8, await Revision());
        await Put(3, 7, one, RedisWrite.Anew);          // a database that was restored from a dump may count from an earlier one
        Assert.Equal(7, await Revision());
        await Put(3, 6, one, RedisWrite.Anew);
        Assert.Equal(7, await Revision());
        await Wait.Until(() => heard.Count == 5, "all is told");
        Assert.Equal([10L, 15, 20, 8, 7], heard.Select(one => JsonDocument.Parse(one.Split(' ', 2)[1]).RootElement.GetProperty("revision").GetInt64()));

        async Task Put(long counter, long revision, Guid incarnation, RedisWrite how)
        {
            var pipeline = new RedisPipeline(node.Options);
            await writer.Put(pipeline, new OutboundOrg(OrgId.Default, "default", incarnation, counter, revision, false),
                new RedisEntry("config", "app.k", "development", "1"u8.ToArray(), "number", revision, revision, Timestamp.Epoch, "root", null), how);
            await pipeline.Flush();
        }

        async Task<long> Revision() => JsonDocument.Parse((await node.Value("config:app.k:development"))!).RootElement.GetProperty("revision").GetInt64();
    }

    [Fact]
    public async Task What_was_there_before_there_was_a_Redis_is_written_and_so_is_a_large_value()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        for (var i = 0; i < 1_500; i++) await node.Set($"app.k{i % 50}", $"{i}");
        var text = JsonSerializer.Serialize(new string('x', 300_000));
        await node.Set("app.large", text);
        await node.Set("app.text", "\"a \\\"bare\\\" string\"");
        await node.Look();
        Assert.Equal(text, JsonDocument.Parse((await node.Value("config:app.large:development"))!).RootElement.GetProperty("value").GetRawText());
        await IsRight(node);
    }

    [Fact]
    public async Task After_a_wipe_everything_is_right_again_by_itself()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        for (var i = 0; i < 60; i++) await node.Set($"app.k{i % 20}", $"{i}");
        await node.Look();
        await IsRight(node);
        // again, if what was still being written came after it
        await Wait.Until(async () =>
        {
            await node.Redis.GetServer(node.Redis.GetEndPoints()[0]).FlushAllDatabasesAsync();
            return await node.Value("config:app.k1:development") is null;
        }, "it is wiped");
        await node.Look();
        await IsRight(node);
        // a single key that was lost is there again with the next refresh, or change
        await redis.Kill();
        await redis.Restart();
        await IsRight(node);
    }

    [Fact]
    public async Task After_an_absence_everything_that_happened_meanwhile_is_there()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        for (var i = 0; i < 60; i++) await node.Set($"app.k{i % 20}", $"{i}");
        node.Run();
        await IsRight(node);
        await redis.Kill();
        for (var i = 0; i < 600; i++) await node.Set($"app.k{i % 30}", $"{-i}");
        await redis.Restart();
        await IsRight(node);
        await node.Set("app.after", "1");
        await IsRight(node);
    }

    [Fact]
    public async Task What_lives_an_hour_is_refreshed_before_it_ends()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration, new RedisOutOptions { WholePause = TimeSpan.Zero, Refresh = TimeSpan.Zero });
        await node.Set("app.k", "1");
        await node.Look();
        await IsRight(node);
        await node.Keys.KeyExpireAsync("config:app.k:development", TimeSpan.FromSeconds(60));
        await node.Keys.KeyDeleteAsync("config:version:app.k:development");
        await node.Look();
        await node.Until(async () => (await node.Keys.KeyTimeToLiveAsync("config:app.k:development"))!.Value.TotalSeconds > 3_500, "it is refreshed");
        await node.Until(async () => await node.Value("config:version:app.k:development") is not null, "what was evicted is back");
    }

    [Fact]
    public async Task After_a_reset_what_is_of_the_lost_history_goes_and_everything_is_written_over()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        await node.Set("app.k", "1");
        await node.Look();
        await IsRight(node);
        // as writes left it that PostgreSQL lost: a later version, and a key that is no more
        var cluster = (await node.Node.Store.Heads([OrgId.Default], false, CancellationToken.None)).Cluster;
        var org = new OutboundOrg(OrgId.Default, "default", cluster.Incarnation, cluster.Counter, 900, false);
        var pipeline = new RedisPipeline(node.Options);
        foreach (var key in (string[])["app.k", "app.lost"])
            await new RedisWriter(node.Keys, node.Options).Put(pipeline, org, new RedisEntry("config", key, "development", "9"u8.ToArray(), "number", 7, 900, Timestamp.Epoch, "root", null), RedisWrite.Change);
        await pipeline.Flush();
        var heard = await node.Listen("config:updates:*");
        Assert.True(await node.Node.Store.BeginIncarnation(cluster.Incarnation, Guid.NewGuid(), CancellationToken.None));
        await node.Look();
        await IsRight(node);
        await node.Until(async () => await node.Value("config:app.lost:development") is null && await node.Value("config:version:app.lost:development") is null, "what is lost goes");
        await Wait.Until(() => heard.Count == 2, "both are told");
        Assert.Contains(heard, one => one.StartsWith("config:updates:app.k ", StringComparison.Ordinal) && one.Contains("\"version\":1,", StringComparison.Ordinal));
        Assert.Contains(heard, one => one.StartsWith("config:updates:app.lost ", StringComparison.Ordinal) && one.Contains("\"deleted\":true", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_archived_org_has_nothing_there()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        var acme = new OrgId(2);
        Assert.Null((await node.Node.Journal.Append(acme, new CreateOrg(Principal.Root, Guid.CreateVersion7(), OrgName.Parse("acme", null), [TestNode.Environment("development")]), null, CancellationToken.None)).Fault);
        Assert.Null((await node.Node.Journal.Append(acme, TestNode.SetOf("app.k", "1"), null, CancellationToken.None)).Fault);
        await node.Set("app.k", "1");
        await node.Look();
        await node.Until(async () => await node.Value("acme/config:app.k:development") is not null, "it is there");
        Assert.Null((await node.Node.Journal.Append(acme, new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), true, null), null, CancellationToken.None)).Fault);
        await node.Look();
        await node.Until(async () => await node.Value("acme/config:app.k:development") is null, "it is gone");
        await IsRight(node);
        Assert.Null((await node.Node.Journal.Append(acme, new ArchiveOrg(Principal.Root, Guid.CreateVersion7(), false, null), null, CancellationToken.None)).Fault);
        await node.Look();
        await node.Until(async () => await node.Value("acme/config:app.k:development") is not null, "it is back");
    }

    [Fact]
    public async Task A_cluster_is_written_to_and_a_fail_over_in_the_middle_loses_nothing()
    {
        await using var redis = await RedisCluster.Start();
        await using var database = await Postgres.NewDatabase();
        await using var node = await RedisNode.Start(database, redis.Configuration);
        for (var i = 0; i < 90; i++) await node.Set($"app.k{i % 30}", $"{i}");
        node.Run();
        await IsRight(node, redis);
        var master = await redis.MasterOf("config:app.k7:development");
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 300; i++) await node.Set($"app.k{i % 30}", $"{-i}");
        });
        await redis.Kill(master);
        await writing;
        await IsRight(node, redis);
        Assert.NotEqual(master, await redis.MasterOf("config:app.k7:development"));
        await node.Set("app.k7", "12345");
        await IsRight(node, redis);
        // one of three masters is emptied: its markers go with it
        await RedisCluster.Ask(await redis.MasterOf("config:app.k9:development"), "FLUSHALL");
        await IsRight(node, redis);
    }

    // every key and version is what PostgreSQL has, and their number is right too
    static async Task IsRight(RedisNode node, RedisCluster? cluster = null)
    {
        var state = await node.Node.Read();
        var expected = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var environment in state.Environments)
            foreach (var entry in environment.Configs)
            {
                if (entry.Value is not { } value) continue;
                expected[$"config:{entry.Key}:{environment.Name}"] = $$"""{"value":{{System.Text.Encoding.UTF8.GetString(value)}},"version":{{entry.Version}},"revision":{{entry.Revision}},"deleted":false}""";
                expected[$"config:version:{entry.Key}:{environment.Name}"] = $$"""{"version":{{entry.Version}}}""";
            }
        string? wrong = null;
        try
        {
            await node.Until(async () =>
            {
                foreach (var (key, value) in expected)
                    if ((cluster is null ? await Quiet(node, key) : await cluster.Ask("GET", key)) is var found && found != value)
                    {
                        wrong = $"{key}: {found} and not {value}";
                        return false;
                    }
                return true;
            }, "Redis has what PostgreSQL has");
        }
        catch (TimeoutException)
        {
            Assert.Fail(wrong);
        }
    }

    static async Task<string?> Quiet(RedisNode node, string key)
    {
        try
        {
            return await node.Value(key);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return e.GetType().Name;
        }
    }
}
