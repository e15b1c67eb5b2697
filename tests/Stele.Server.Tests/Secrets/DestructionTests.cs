using Npgsql;
using Stele.Server.Secrets;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Database;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets;

/// <summary>What was destroyed stays destroyed, though a backup of before is restored.</summary>
public sealed class DestructionTests
{
    [Fact]
    public async Task A_restore_brings_no_destroyed_value_back_where_the_list_is()
    {
        if (await Postgres.Binaries(PostgresMajor.V15) is not { } binaries || !File.Exists(Path.Combine(binaries, "pg_dump")))
        {
            Assert.Skip("pg_dump 15 is not installed here.");
            return;
        }
        var directory = Directory.CreateTempSubdirectory("stele-destructions-").FullName;
        var (keys, list, dump) = (Path.Combine(directory, "keys"), Path.Combine(directory, "list", "destructions"), Path.Combine(directory, "dump"));
        KeyFile.MakeIfMissing(keys);
        await using var db = await Postgres.NewDatabase();
        await using (var server = await TestServer.Start(db, keyFile: keys, destructions: list))
        {
            foreach (var (path, value) in ((string, string)[])[("a/b", "one"), ("a/b", "two"), ("kept", "kept")]) await server.Client.PutSecret(path, value);
            await BackupTests.Run(binaries, "pg_dump", new NpgsqlConnectionStringBuilder(db.Owner), "--format=custom", $"--file={dump}");
            await server.Client.Ask("POST", "/v1/secrets/a/b/destroy", """{"versions":[1]}""");
            Assert.Single(await File.ReadAllLinesAsync(list));
        }
        // without the list a restore does bring it back
        await using (var copy = await Postgres.NewEmptyDatabase())
        {
            await BackupTests.Run(binaries, "pg_restore", new NpgsqlConnectionStringBuilder(copy.Owner), "--exit-on-error", dump);
            await using var server = await TestServer.Start(copy, keyFile: keys);
            Assert.Contains("\"one\"", await Get(server, "a/b?version=1"));
        }
        await using var restored = await Postgres.NewEmptyDatabase();
        await BackupTests.Run(binaries, "pg_restore", new NpgsqlConnectionStringBuilder(restored.Owner), "--exit-on-error", dump);
        await using var again = await TestServer.Start(restored, keyFile: keys, destructions: list);
        Assert.Contains("secret.destroyed", await Get(again, "a/b?version=1"));
        Assert.Contains("\"two\"", await Get(again, "a/b"));
        Assert.Contains("\"kept\"", await Get(again, "kept"));
        await using var superuser = await restored.As();
        Assert.Equal(["secret.destroyed"], await superuser.Rows("SELECT type FROM stele.event WHERE type = 'secret.destroyed'"));
        Assert.Equal(["2"], await superuser.Rows("SELECT count(*)::text FROM stele.secret_key k JOIN stele.secret_value v USING (org_id, value_id)"));
        Assert.Single(await File.ReadAllLinesAsync(list));
    }

    [Fact]
    public async Task A_list_that_was_lost_or_cut_short_is_completed_from_the_database()
    {
        var list = Path.Combine(Directory.CreateTempSubdirectory("stele-destructions-").FullName, "destructions");
        await using var db = await Postgres.NewDatabase();
        await using (var server = await TestServer.Start(db, destructions: list))
        {
            await server.Client.PutSecret("x", "v");
            await server.Client.PutSecret("y", "v");
            await server.Client.Ask("POST", "/v1/secrets/x/destroy", "{}");
            await server.Client.Ask("POST", "/v1/secrets/y/destroy", "{}");
        }
        var whole = await File.ReadAllLinesAsync(list);
        Assert.Equal(2, whole.Length);
        // a crash in the middle of a line
        await File.WriteAllTextAsync(list, whole[0] + "\n" + whole[1][..11]);
        await using (await TestServer.Start(db, destructions: list)) Assert.Equal([whole[0], whole[1][..11], whole[1]], await File.ReadAllLinesAsync(list));
        File.Delete(list);
        await using (await TestServer.Start(db, destructions: list)) Assert.Equal(whole.Order(StringComparer.Ordinal), (await File.ReadAllLinesAsync(list)).Order(StringComparer.Ordinal));
    }

    static async Task<string> Get(TestServer server, string path)
    {
        using var answer = await server.Client.GetAsync($"/v1/secrets/{path}");
        return await answer.Content.ReadAsStringAsync();
    }
}
