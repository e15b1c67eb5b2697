using System.Diagnostics;
using Npgsql;
using Xunit;
using static Stele.Server.Tests.Embedded.EmbeddedSandbox;

namespace Stele.Server.Tests.Embedded;

public sealed class EmbeddedStartTests
{
    [Fact]
    public async Task A_fresh_cluster_has_checksums_scram_durability_and_no_network()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();

        Assert.Equal("on", await Ask(postgres, "SHOW data_checksums"));
        Assert.Equal("on", await Ask(postgres, "SHOW fsync"));
        Assert.Equal("on", await Ask(postgres, "SHOW synchronous_commit"));
        Assert.Equal("", await Ask(postgres, "SHOW listen_addresses"));
        Assert.Equal("scram-sha-256", await Ask(postgres, "SHOW password_encryption"));
        Assert.Equal("UTF8", await Ask(postgres, "SHOW server_encoding"));
        Assert.Equal("C", await Ask(postgres, "SELECT datcollate FROM pg_database WHERE datname = current_database()"));
        Assert.Equal("stele", await Ask(postgres, "SELECT current_database()::text"));
        Assert.Equal(0L, await Ask(postgres, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"));
        Assert.StartsWith("SCRAM-SHA-256$", (string)(await Ask(postgres, "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"))!);
    }

    [Fact]
    public async Task A_wrong_password_is_refused()
    {
        using var sandbox = new EmbeddedSandbox();
        await using var postgres = await sandbox.Start();
        var wrong = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Password = "wrong", Pooling = false };
        await using var connection = new NpgsqlConnection(wrong.ConnectionString);

        var refusal = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(TestContext.Current.CancellationToken));

        Assert.Equal(PostgresErrorCodes.InvalidPassword, refusal.SqlState);
    }

    [Fact]
    public async Task An_existing_directory_is_served_again_with_its_data()
    {
        using var sandbox = new EmbeddedSandbox();
        await using (var first = await sandbox.Start())
            await Ask(first, "CREATE TABLE kept AS SELECT 42 AS answer");

        var begun = Stopwatch.GetTimestamp();
        await using var second = await sandbox.Start();
        TestContext.Current.TestOutputHelper?.WriteLine($"restart on an existing directory: {Stopwatch.GetElapsedTime(begun).TotalMilliseconds:0} ms");

        Assert.Equal(42, await Ask(second, "SELECT answer FROM kept"));
    }
}
