using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Orgs;
using Stele.Server.Journal;
using Stele.Server.Outbound.Redis;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Outbound;

/// <summary>Local reads of an org that is not in memory: from Redis, with the rights that SQL gave, and never strong ones.</summary>
public sealed class RedisReadTests
{
    static readonly ReadOptions local = new(Consistency.Local, null, null), strong = new(Consistency.Strong, null, null);

    [Fact]
    public async Task A_local_read_of_an_org_that_is_not_in_memory_asks_Redis_and_a_strong_one_never()
    {
        await using var redis = await RedisServer.Start();
        await using var database = await Postgres.NewDatabase();
        await using var writer = await RedisNode.Start(database, redis.Configuration);
        await writer.Set("app.k", "\"one\"");
        await writer.Look();
        await writer.Look();
        // a node that has no room for any org: single keys of it are all that it answers
        await using var node = await TestNode.Start(database, new JournalOptions { StateBytes = 1 });
        await using var link = redis.Link();
        var reads = new RedisReads(link, TimeProvider.System, new JournalOptions());
        node.Journal.LookNearby(reads.Read, reads.Saw);
        // nobody's rights are known yet: SQL
        Assert.Equal("\"one\" 1", await Read(local));
        Assert.Equal(0, reads.Answered);
        Assert.Equal("\"one\" 1", await Read(local));
        Assert.Equal(1, reads.Answered);
        await writer.Set("app.k", "\"two\"");
        // Redis has not been told: a local read may show it, a strong one must not
        Assert.Equal("\"two\" 2", await Read(strong));
        Assert.Equal("\"one\" 1", await Read(local));
        Assert.Equal(2, reads.Answered);
        await writer.Look();
        Assert.Equal("\"two\" 2", await Read(local));
        Assert.Equal(3, reads.Answered);
        // what Redis does not have, or not as fresh as asked, is SQL's
        await writer.Keys.KeyDeleteAsync("config:app.k:development");
        Assert.Equal("\"two\" 2", await Read(local));
        Assert.Equal("\"two\" 2", await Read(local with { MinCursor = Cursor.At(3, new byte[32]) }));
        await redis.Kill();
        Assert.Equal("\"two\" 2", await Read(local));
        Assert.Equal(3, reads.Answered);

        async Task<string?> Read(ReadOptions how)
        {
            var read = await node.Journal.ReadKey(OrgId.Default, Principal.Root, how, "development", "app.k", CancellationToken.None);
            Assert.Null(read.Fault);
            var entry = read.Value.State.Environment("development")!.Config("app.k");
            return entry is null ? null : $"{System.Text.Encoding.UTF8.GetString(entry.Value!)} {entry.Version}";
        }
    }
}
