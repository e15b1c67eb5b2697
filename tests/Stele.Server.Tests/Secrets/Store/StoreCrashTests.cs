using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Secrets.Providers;
using Xunit;

namespace Stele.Server.Tests.Secrets.Store;

/// <summary>A node, in a process of its own, that is killed when Vault has a copy and the journal does not know of it yet.</summary>
public sealed class StoreCrashTests
{
    [Fact]
    public async Task A_node_that_is_killed_between_copy_and_commit_leaves_the_secret_as_it_was_and_a_copy_that_is_cleared_away()
    {
        await using var vault = await TestVault.Start();
        await using var database = await Postgres.NewDatabase();
        var directory = Directory.CreateTempSubdirectory("stele-crash-").FullName;
        var (keys, credential) = (Path.Combine(directory, "keys"), Path.Combine(directory, "credential"));
        KeyFile.MakeIfMissing(keys);
        await File.WriteAllTextAsync(credential, vault.SecretId);
        (string, string)[] settings =
        [
            ("STELE_KEY_FILE", keys), ("STELE_SECRETS_STORE", "vault-kv"), ("STELE_VAULT", vault.Address.ToString()), ("STELE_VAULT_AUTH", "approle"), ("STELE_VAULT_ROLE", vault.RoleId), ("STELE_VAULT_CREDENTIAL_FILE", credential),
        ];
        await using var killed = await ServerProcess.Start(ServerProcess.Binary, database, "killed", settings);
        await killed.Client.PutSecret("kept", "before");
        vault.AfterWrite = () =>
        {
            vault.AfterWrite = null;
            killed.Kill().GetAwaiter().GetResult();
        };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => killed.Client.PutSecret("kept", "after"));
        Assert.Equal(2, vault.Entries.Count);
        await using var superuser = await database.As();
        // noted before it was made
        Assert.Equal(["2"], await superuser.Rows("SELECT count(*) FROM stele.secret_copy"));
        await using var next = await ServerProcess.Start(ServerProcess.Binary, database, "next", settings);
        Assert.Contains("\"before\"", await next.Client.GetStringAsync("/v1/secrets/kept"), StringComparison.Ordinal);
        await next.Client.PutSecret("kept", "later");
        Assert.Contains("\"version\":2", await next.Client.GetStringAsync("/v1/secrets/kept"), StringComparison.Ordinal);
        // its ten minutes are over, and later the days of backups: the node sees to it by itself
        await superuser.Rows("UPDATE stele.secret_copy SET due_at = now() WHERE due_at IS NOT NULL RETURNING vault_id");
        await Wait.Until(() => vault.Entries.Values.Count(entry => entry.DeletedAt is not null) == 1, "the copy that nothing names is hidden");
        await Wait.Until(async () => (await superuser.Rows("SELECT 1 FROM stele.secret_copy WHERE hidden_at IS NOT NULL")).Count == 1, "that is noted");
        await superuser.Rows("UPDATE stele.secret_copy SET due_at = now(), hidden_at = hidden_at - interval '31 days' WHERE hidden_at IS NOT NULL RETURNING vault_id");
        await Wait.Until(() => vault.Entries.Count == 2, "it is removed");
        Assert.Contains("\"later\"", await next.Client.GetStringAsync("/v1/secrets/kept"), StringComparison.Ordinal);
        Assert.Contains("\"before\"", await next.Client.GetStringAsync("/v1/secrets/kept?version=1"), StringComparison.Ordinal);
        Assert.Empty(vault.Breaches);
    }
}
