using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Access;
using Stele.Core.Journal;
using Stele.Core.Watch;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Watch;
using Xunit;

namespace Stele.Server.Tests.Watch;

/// <summary>How fast who was away is level. Run by hand (<c>-explicit only</c>): it writes a journal of a million revisions.</summary>
public sealed class WatchMeasurements(ITestOutputHelper output)
{
    const int Revisions = 1_000_000, Busy = 100_000, Written = 50_000;

    [Fact(Explicit = true)]
    public async Task Who_was_away_for_a_million_revisions_is_level_within_a_second_on_a_quiet_prefix_and_gets_fifty_thousand_a_second_on_a_busy_one()
    {
        await using var db = await Postgres.NewDatabase();
        await using (var node = await TestNode.Start(db)) await node.CreateOrg();
        await using (var session = await db.As())
        {
            for (var from = 2L; from <= Revisions + 1; from += Written)
            {
                await session.Execute("""
                    INSERT INTO stele.revision (org_id, revision, chain, at, actor, reason, request_id)
                    SELECT 1, n, sha256(n::text::bytea), now(), 'root', NULL, gen_random_uuid() FROM generate_series($1, $2) n
                    """, from, Math.Min(from + Written, Revisions + 2L) - 1);
                await session.Execute("""
                    INSERT INTO stele.event (org_id, revision, ordinal, at, event_id, stream, stream_version, type, data, data_hash)
                    SELECT 1, r.revision, 0, r.at, gen_random_uuid(), 'config/development/' || k.key, r.revision, 'config.set',
                        ('{"environment":"development","key":"' || k.key || '","value":' || r.revision || ',"value_type":"number","version":' || r.revision || '}')::bytea, sha256('x')
                    FROM stele.revision r CROSS JOIN LATERAL (SELECT CASE WHEN r.revision % 10 = 0 THEN 'busy.k' || r.revision % 100 ELSE 'noise.k' || r.revision % 5000 END AS key) k WHERE r.revision >= $1 AND r.revision < $1 + $2
                    """, from, (long)Written);
            }
            await session.Execute("UPDATE stele.journal_head SET revision = $1 + 1, chain = sha256(($1 + 1)::text::bytea), last_at = now()", Revisions);
            await session.Execute("ANALYZE stele.revision");
            await session.Execute("ANALYZE stele.event");
        }
        await using var late = await TestNode.Start(db);
        var engine = new WatchEngine(late.Journal, late.Store, new RequestLimiter(TimeProvider.System, new LimitOptions(), new LimitMetrics(new Metrics())), TimeProvider.System,
            new WatchOptions(), new WatchMetrics(new Metrics()), new WatchLog(NullLogger<WatchLog>.Instance));
        await late.Read();
        var client = new WatchClient(Principal.Root, "measured", null, null, new Dictionary<string, string>());
        foreach (var (prefix, from) in new[] { ("quiet.", 1L), ("quiet.", 1L), ("busy.", 1L), ("", Revisions + 1L - Busy), ("", Revisions + 1L - Busy) })
        {
            var outbox = engine.NewOutbox();
            var started = Stopwatch.GetTimestamp();
            var subscriber = (await engine.Subscribe(OrgId.Default, "", client, new WatchQuery(null, [prefix], WatchKinds.All, null, from), outbox)).Value;
            var changes = 0;
            for (var synced = false; !synced;)
            {
                while (outbox.TryTake(out var message))
                {
                    subscriber.NoteSent(message.Frame);
                    if (message.Frame.Kind == WatchFrameKind.Change) changes++;
                    synced |= message.Frame.Kind == WatchFrameKind.Synced;
                }
                if (!synced) await outbox.Wait();
            }
            var took = Stopwatch.GetElapsedTime(started);
            output.WriteLine($"prefix '{prefix}' from {from}: {changes} changes in {took.TotalMilliseconds:0} ms, {changes / took.TotalSeconds:0} a second");
            engine.Unsubscribe(subscriber);
        }
    }
}
