using Stele.Server.Journal;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>A state that names a value which a fail-over took away: asked again, and no alarm.</summary>
public sealed class SecretFailoverTests
{
    [Theory]
    [InlineData("/v1/secrets/lost?consistency=local")]
    [InlineData("/v1/secrets/lost?consistency=local&version=2")]
    [InlineData("/v1/config/refers?consistency=local")]
    public async Task A_value_that_a_fail_over_lost_is_unavailable_once_and_then_the_one_before_it(string path)
    {
        await using var database = await Postgres.NewDatabase();
        await using (var before = await TestServer.Start(database))
        {
            await before.Client.PutSecret("lost", "one");
            await before.Client.Ask("PUT", "/v1/config/refers", """{"value":{"$secret":"lost"}}""");
            await before.Client.PutSecret("lost", "two");
        }
        // one that looks for nothing by itself, and holds the state with the second version and no value
        await using var node = await TestServer.Start(database, journal: new JournalOptions { Poll = TimeSpan.FromHours(1) });
        Assert.Contains("\"version\":2", await node.Client.GetStringAsync("/v1/secrets/lost?value=false"), StringComparison.Ordinal);
        await using (var superuser = await database.As())
            await superuser.Execute("""
                SET session_replication_role = replica;
                ALTER TABLE stele.revision DISABLE TRIGGER ALL; ALTER TABLE stele.event DISABLE TRIGGER ALL;
                CREATE TEMP TABLE last AS SELECT revision FROM stele.journal_head WHERE org_id = 1;
                DELETE FROM stele.event WHERE org_id = 1 AND revision = (SELECT revision FROM last);
                DELETE FROM stele.revision WHERE org_id = 1 AND revision = (SELECT revision FROM last);
                DELETE FROM stele.secret_key k USING stele.secret_value v WHERE v.value_id = k.value_id AND v.path = 'lost' AND v.version = 2;
                DELETE FROM stele.secret_value WHERE path = 'lost' AND version = 2;
                DELETE FROM stele.secret_version WHERE path = 'lost' AND version = 2;
                UPDATE stele.secret s SET version = 1, step = 1, revision = v.revision, changed_revision = v.revision, value_id = v.value_id, created_at = v.created_at FROM stele.secret_version v WHERE s.path = 'lost' AND v.path = 'lost';
                UPDATE stele.journal_head h SET revision = r.revision, chain = r.chain FROM stele.revision r WHERE h.org_id = 1 AND r.org_id = 1 AND r.revision = (SELECT revision - 1 FROM last);
                """);
        Assert.Contains("\"code\":\"unavailable\"", await node.Client.Ask("GET", path, status: 503), StringComparison.Ordinal);
        Assert.Contains("\"one\"", await node.Client.GetStringAsync("/v1/secrets/lost"), StringComparison.Ordinal);
        Assert.Contains("\"one\"", await node.Client.GetStringAsync("/v1/config/refers"), StringComparison.Ordinal);
        await using var owner = await database.As();
        Assert.Empty(await owner.Rows("SELECT 1 FROM stele.audit_entry WHERE action = 'secret.integrity'"));
        Assert.Contains("stele_secret_integrity_failures_total 0\n", await node.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }
}
