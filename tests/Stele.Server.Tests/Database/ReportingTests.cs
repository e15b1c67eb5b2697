using Npgsql;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Database;

/// <summary>"Your configuration is a table": the relations that were promised, asked as their users would.</summary>
public sealed class ReportingTests
{
    static readonly DateTime Start = new(DateTime.UtcNow.AddDays(-3).Ticks / 10 * 10, DateTimeKind.Utc);

    [Theory]
    [InlineData("service_configs", "id,org_id,service,key,value,version,created_at,updated_at,environment")]
    [InlineData("config_history", "id,config_id,old_value,new_value,changed_by,changed_at,reason,org_id")]
    [InlineData("configurations", "id,key,value,version,environment,value_type,schema_definition,created_at,updated_at,updated_by,change_log,org_id")]
    [InlineData("configuration_history", "id,key,environment,version,value,value_type,updated_at,updated_by,change_log,schema_definition,revision,deleted,org_id")]
    [InlineData("feature_flags", "id,flag_name,enabled,percentage,target_users,environment,version,updated_at,updated_by,org_id")]
    [InlineData("users", "id,email,name,role,created_at,updated_at,org_id")]
    public async Task The_columns_are_those_that_were_promised(string relation, string columns)
    {
        await using var db = await Postgres.NewDatabase();
        await using var reader = await db.As("stele_reader");
        await using var command = new NpgsqlCommand($"SELECT * FROM stele.{relation}", reader.Connection);
        await using var rows = await command.ExecuteReaderAsync();
        Assert.Equal(columns, string.Join(',', Enumerable.Range(0, rows.FieldCount).Select(rows.GetName)));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Current_values_are_found_by_service_and_key_and_by_time(PostgresMajor major)
    {
        await using var db = await Example(major);
        await using var app = await db.AsApp(1);
        await app.Execute("SET search_path = stele");
        Assert.Equal(["ai|threshold|0.9|2|production"], await app.Rows("SELECT service, key, value, version, environment FROM service_configs WHERE org_id = 1 AND service = 'ai' AND key = 'threshold'"));
        Assert.Equal(["features|dark.mode|true"], await app.Rows("SELECT service, key, value FROM service_configs WHERE org_id = 1 AND updated_at > now() - interval '1 day'"));
        Assert.Equal(["ai|threshold", "features|dark.mode", "single|"], await app.Rows("SELECT service, key FROM service_configs ORDER BY 1"));
        Assert.Equal(3, (await app.Rows("SELECT * FROM service_configs WHERE org_id = 1 AND updated_at > $1", Start.AddDays(-1))).Count);
    }

    [Fact]
    public async Task The_history_of_one_value_is_found_by_its_id_newest_first()
    {
        await using var db = await Example();
        await using var app = await db.AsApp(1);
        var id = await app.Ask<long>("SELECT id FROM stele.service_configs WHERE service = 'ai'");
        Assert.Equal(1 * 16384L, id);
        Assert.Equal(["0.8|0.9|tester|because", "∅|0.8|tester|because"],
            await app.Rows("SELECT old_value, new_value, changed_by, reason FROM stele.config_history WHERE config_id = $1 ORDER BY changed_at DESC", id));
        Assert.Equal(["gone|∅", "∅|gone"], await app.Rows("SELECT h.old_value, h.new_value FROM stele.config_history h WHERE config_id = $1 ORDER BY changed_at DESC", 3 * 16384L));
    }

    [Fact]
    public async Task Versions_are_found_by_key_and_environment_newest_first()
    {
        await using var db = await Example();
        await using var app = await db.AsApp(1);
        foreach (var relation in (string[])["configurations", "configuration_history"])
            Assert.Equal(["2|0.9|number", "1|0.8|number"],
                await app.Rows($"SELECT version, value, value_type FROM stele.{relation} WHERE key = 'ai.threshold' AND environment = 'production' ORDER BY version DESC"));
    }

    [Theory]
    [InlineData(PostgresMajor.V15)]
    [InlineData(PostgresMajor.V18)]
    public async Task Configurations_at_gives_what_was_current_then(PostgresMajor major)
    {
        await using var db = await Example(major);
        await using var app = await db.AsApp(1);
        async Task<List<string>> At(DateTime at) => await app.Rows("SELECT key, value, version FROM stele.configurations_at($1) ORDER BY key", at);
        Assert.Empty(await At(Start.AddSeconds(-1)));
        Assert.Equal(["ai.threshold|0.8|1"], await At(Start));
        Assert.Equal(["ai.gone|gone|1", "ai.threshold|0.9|2"], await At(Start.AddHours(2)));
        Assert.Equal(["ai.threshold|0.9|2", "features.dark.mode|true|1", "single|1|1"], await At(Start.AddDays(3).AddHours(-1)));
        Assert.Equal("ST005", await app.Refusal("SELECT * FROM stele.configurations_at(now())"));
    }

    [Fact]
    public async Task The_events_view_shows_data_as_json_and_who_did_it()
    {
        await using var db = await Example();
        await using var app = await db.AsApp(1);
        Assert.Equal(["1|config.set|{}|tester"], await app.Rows("SELECT revision, type, data, actor FROM stele.events WHERE revision = 1"));
    }

    [Fact]
    public async Task A_version_is_written_once_and_a_value_has_a_known_type()
    {
        await using var db = await Example();
        await using var app = await db.AsApp(1);
        await Assert.ThrowsAsync<PostgresException>(() => JournalRows.Set(app, 1, "production", "ai.threshold", 2, 7, "x", Start));
        var bad = await Assert.ThrowsAsync<PostgresException>(() => JournalRows.Set(app, 1, "production", "x.y", 1, 7, "x", Start, "xml"));
        Assert.Equal("23514", bad.SqlState);
        Assert.Equal("configuration_history_shape", bad.ConstraintName);
    }

    [Fact]
    public async Task An_update_of_a_value_touches_no_index()
    {
        await using var db = await Example();
        await using var app = await db.AsApp(1);
        for (var version = 3; version < 23; version++)
            await JournalRows.Set(app, 1, "production", "ai.threshold", version, 10 + version, $"{version}", Start, "number");
        await app.Connection.ReloadTypesAsync();
        await using var superuser = await db.As();
        await app.DisposeAsync();
        await superuser.Execute("SELECT pg_stat_force_next_flush()");
        var (updates, hot) = (0L, 0L);
        for (var look = 0; look < 1000 && updates < 20; look++)
        {
            var row = (await superuser.Rows("SELECT sum(n_tup_upd)::bigint, sum(n_tup_hot_upd)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'configuration_p__'"))[0].Split('|');
            (updates, hot) = (long.Parse(row[0], null), long.Parse(row[1], null));
        }
        Assert.Equal(updates, hot);
    }

    /// <summary>ai.threshold 0.8 then 0.9, ai.gone made and deleted, features.dark.mode, and a key of one segment.</summary>
    static async Task<TestDatabase> Example(PostgresMajor major = PostgresMajor.V15)
    {
        var db = await Postgres.NewDatabase(major);
        await JournalRows.CreateOrg(db, 1);
        await using var app = await db.AsApp(1);
        DateTime[] times = [Start, Start.AddHours(1), Start.AddHours(2), Start.AddHours(3), Start.AddHours(4), Start.AddDays(3).AddHours(-1)];
        await JournalRows.Append(app, 1, 0, JournalRows.Chain(0), times);
        await JournalRows.Set(app, 1, "production", "ai.threshold", 1, 1, "0.8", times[0], "number");
        await JournalRows.Set(app, 1, "production", "ai.threshold", 2, 2, "0.9", times[1], "number");
        await JournalRows.Set(app, 1, "production", "ai.gone", 1, 3, "gone", times[2]);
        await JournalRows.Set(app, 1, "production", "ai.gone", 2, 4, null, times[3]);
        await JournalRows.Set(app, 1, "production", "single", 1, 5, "1", times[4]);
        await JournalRows.Set(app, 1, "production", "features.dark.mode", 1, 6, "true", times[5], "boolean");
        return db;
    }
}
