using System.Globalization;
using Stele.Core.Journal;
using Stele.Core.Secrets;
using Stele.Server.Secrets;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>Who should look after a secret is told once, by whichever node is first, and how many there are is a number that falls again.</summary>
public sealed class SecretReminderTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Each_reminder_is_given_once_by_all_nodes_together_and_again_for_the_next_version()
    {
        await using var other = await server.Another();
        await Put("rem/ends-soon", $$"""{"value":"v","expires_at":"{{In(TimeSpan.FromDays(13))}}"}""");
        await Put("rem/ends-later", $$"""{"value":"v","expires_at":"{{In(TimeSpan.FromDays(15))}}"}""");
        await Put("rem/rotates", """{"value":"v","rotation_days":1}""");
        await Put("rem/rotates-later", """{"value":"v","rotation_days":3}""");
        await Put("rem/both", $$"""{"value":"v","rotation_days":1,"expires_at":"{{In(TimeSpan.FromDays(13))}}"}""");
        await Put("rem/deleted", """{"value":"v","rotation_days":1}""");
        await Age("rem/", "25 hours");
        (await server.Send("DELETE", "/v1/secrets/rem/deleted", null)).Is(200);
        await Remind(server, 3);
        Assert.Equal(["both secret.expiring 1", "ends-soon secret.expiring 1", "rotates secret.rotation_due 1"], await Given());
        var metrics = await other.Client.GetStringAsync("/metrics");
        await other.Service<SecretReminders>().RunOnce(CancellationToken.None);
        await server.Service<SecretReminders>().RunOnce(CancellationToken.None);
        Assert.Equal(3, (await Given()).Count);
        // the number is what every node sees, whoever gave the reminders
        metrics = await other.Client.GetStringAsync("/metrics");
        Assert.Contains("stele_secrets_due{status=\"expiring\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("stele_secrets_due{status=\"rotation_due\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("stele_secrets_due{status=\"expired\"} 0\n", metrics, StringComparison.Ordinal);
        // the end comes
        await server.Execute("SET session_replication_role = replica; UPDATE stele.secret SET expires_at = now() - interval '1 second' WHERE path = 'rem/ends-soon'");
        await Remind(other, 4);
        Assert.Contains("ends-soon secret.expired 1", await Given());
        // a new value of the one that rotates, and its time is over once more
        await Put("rem/rotates", """{"value":"w"}""");
        await server.Service<SecretReminders>().RunOnce(CancellationToken.None);
        Assert.Contains("stele_secrets_due{status=\"rotation_due\"} 0\n", await server.Client.GetStringAsync("/metrics"), StringComparison.Ordinal);
        await Age("rem/rotates", "25 hours");
        await Remind(server, 5);
        Assert.Contains("rotates secret.rotation_due 2", await Given());
        // an auditor finds them
        var found = (await server.Get("/v1/audit?action=secret.expired")).Is(200)["items"];
        Assert.Equal("secret/development/rem/ends-soon", Assert.Single(found.EnumerateArray()).GetProperty("target").GetString());
    }

    [Fact]
    public async Task A_reminder_that_could_not_be_recorded_comes_again()
    {
        await Put("unrecorded/a", """{"value":"v","rotation_days":1}""");
        await Age("unrecorded/a", "25 hours");
        await server.Execute("CREATE FUNCTION public.no_reminder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.target LIKE '%unrecorded/a' THEN RAISE check_violation USING MESSAGE = 'full', CONSTRAINT = 'full'; END IF; RETURN NEW; END $$; CREATE TRIGGER no_reminder BEFORE INSERT ON stele.audit_entry FOR EACH ROW EXECUTE FUNCTION public.no_reminder(); ALTER TABLE stele.audit_entry ENABLE ALWAYS TRIGGER no_reminder");
        await server.Service<SecretReminders>().RunOnce(CancellationToken.None);
        Assert.Empty(await server.Rows("SELECT 1 FROM stele.secret_reminder WHERE path = 'unrecorded/a'"));
        await server.Execute("DROP TRIGGER no_reminder ON stele.audit_entry");
        await Wait.Until(async () =>
        {
            await server.Service<SecretReminders>().RunOnce(CancellationToken.None);
            return (await server.Rows("SELECT 1 FROM stele.audit_entry WHERE action = 'secret.rotation_due' AND target LIKE '%unrecorded/a'")).Count == 1;
        }, "the reminder");
        (await server.Send("DELETE", "/v1/secrets/unrecorded/a", null)).Is(200);
    }

    [Theory]
    [InlineData(14 * 86_400_000_000L, "active")]
    [InlineData((14 * 86_400_000_000L) - 1, "expiring")]
    [InlineData(1, "expiring")]
    [InlineData(0, "expired")]
    [InlineData(-1, "expired")]
    public void A_secret_expires_soon_when_its_end_is_nearer_than_the_limit_and_not_a_moment_before(long microseconds, string status)
    {
        var now = Timestamp.From(DateTimeOffset.UnixEpoch.AddYears(60));
        var entry = new SecretEntry("a", 1, 1, 1, now, "root", Guid.Empty, new Timestamp(now.Microseconds + microseconds), SecretEntry.NoMetadata, null, 28, 1);
        Assert.Equal(status, SecretJson.StatusOf(entry, now));
    }

    [Theory]
    [InlineData(86_400_000_000L, "rotation_due")]
    [InlineData(86_400_000_000L - 1, "active")]
    public void A_new_value_is_due_when_its_days_are_over_and_not_a_moment_before(long age, string status)
    {
        var now = Timestamp.From(DateTimeOffset.UnixEpoch.AddYears(60));
        var entry = new SecretEntry("a", 1, 1, 1, new Timestamp(now.Microseconds - age), "root", Guid.Empty, null, SecretEntry.NoMetadata, 1, 28, 1);
        Assert.Equal(status, SecretJson.StatusOf(entry, now));
    }

    // the node looks by itself as well, and what it is at is not done twice: whoever it is that gives them
    Task Remind(HttpServer at, int count) => Wait.Until(async () =>
    {
        await at.Service<SecretReminders>().RunOnce(CancellationToken.None);
        return (await Given()).Count == count;
    }, $"{count} reminders");

    async Task<List<string>> Given() => [.. (await server.Rows(
        "SELECT replace(target, 'secret/development/rem/', '') || ' ' || action || ' ' || substring(detail from 'version ([0-9]+),') FROM stele.audit_entry WHERE target LIKE 'secret/development/rem/%' AND action IN ('secret.expired', 'secret.expiring', 'secret.rotation_due')"))
        .Order(StringComparer.Ordinal)];

    Task Age(string path, string by) => server.Execute($"SET session_replication_role = replica; UPDATE stele.secret SET created_at = created_at - interval '{by}' WHERE path LIKE '{path}%'");

    static string In(TimeSpan time) => DateTimeOffset.UtcNow.Add(time).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    async Task Put(string path, string body) => (await server.Send("PUT", $"/v1/secrets/{path}", body)).Is(200);
}
