using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>Secrets under keys of Vault's, through the public API.</summary>
public sealed class VaultHttpTests
{
    [Fact]
    public async Task Secrets_are_written_read_and_read_on_after_a_rotation()
    {
        await using var database = await Postgres.NewDatabase();
        await using var vault = await TestVault.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, vault.SecretId);
        await using var server = await TestServer.Start(database, vault: VaultNode.Options(vault, file));
        await Put(server, "db/password", "correct horse", 200);
        await using var owner = await database.As();
        Assert.All(await owner.Rows("SELECT convert_from(wrapped, 'UTF8') FROM stele.secret_key"), wrapped => Assert.StartsWith("vault:v1:", wrapped, StringComparison.Ordinal));
        Assert.True((await server.Services.GetRequiredService<KeyProviders>().Current.Rotate(default)).Value.Version == 2);
        Assert.Null(await server.Services.GetRequiredService<OrgKeys>().Rotate(OrgId.Default, default));
        await Put(server, "db/other", "battery staple", 200);
        Assert.Equal(["1|1", "2|2"], await owner.Rows("SELECT version, provider_version FROM stele.secret_org_key ORDER BY version"));
        // one that remembers no key
        await using var fresh = await TestServer.Start(database, vault: VaultNode.Options(vault, file));
        Assert.Contains("correct horse", await Get(fresh, "db/password", 200));
        Assert.Contains("battery staple", await Get(fresh, "db/other", 200));
        Assert.Empty(vault.Breaches);
        Assert.DoesNotContain(server.Logs.Lines.Concat(fresh.Logs.Lines), line => line.Contains(vault.SecretId, StringComparison.Ordinal) || line.Contains("hvs.", StringComparison.Ordinal));
        File.Delete(file);
    }

    [Fact]
    public async Task An_old_version_of_the_key_is_retired_when_no_organization_and_no_backup_needs_it()
    {
        await using var database = await Postgres.NewDatabase();
        await using var vault = await TestVault.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, vault.SecretId);
        await using var server = await TestServer.Start(database, vault: VaultNode.Options(vault, file));
        await Put(server, "kept", "one", 200);
        await Post(server, "rotate", null, 200);
        await Post(server, "rewrap", null, 200);
        await Post(server, "retire", """{"version":1}""", 409);
        await using var owner = await database.As();
        await owner.Rows("UPDATE stele.secret_org_key SET unused_since = now() - interval '31 days' WHERE unused_since IS NOT NULL RETURNING version");
        await Post(server, "retire", """{"version":1}""", 200);
        Assert.Equal([2], vault.Keys["stele"].Versions.Keys);
        Assert.Contains("one", await Get(server, "kept", 200));
        Assert.Empty(vault.Breaches);
        File.Delete(file);
    }

    [Fact]
    public async Task While_vault_is_sealed_keys_used_lately_open_and_all_else_is_unavailable()
    {
        await using var database = await Postgres.NewDatabase();
        await using var vault = await TestVault.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, vault.SecretId);
        await using var server = await TestServer.Start(database, vault: VaultNode.Options(vault, file));
        await Put(server, "used", "one", 200);
        await Put(server, "unused", "two", 200);
        Assert.Contains("one", await Get(server, "used", 200));
        vault.IsSealed = true;
        Assert.Contains("is sealed", await Put(server, "used", "three", 503));
        Assert.Contains("one", await Get(server, "used", 200));
        var refused = await Get(server, "unused", 503);
        Assert.Contains("unavailable", refused);
        Assert.DoesNotContain("two", refused);
        await using var fresh = await TestServer.Start(database, vault: VaultNode.Options(vault, file));
        await Get(fresh, "used", 503);
        vault.IsSealed = false;
        await Wait.Until(async () => (await fresh.Client.GetAsync("/v1/secrets/used")).IsSuccessStatusCode, "vault is asked again");
        await Wait.Until(async () => (await server.Client.GetAsync("/v1/secrets/unused")).IsSuccessStatusCode, "vault is asked again");
        await Put(server, "used", "three", 200);
        Assert.Empty(vault.Breaches);
        File.Delete(file);
    }

    [Fact]
    public async Task Nothing_falls_back_to_another_provider()
    {
        await using var database = await Postgres.NewDatabase();
        await using var vault = await TestVault.Start();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, vault.SecretId);
        await using (var local = await TestServer.Start(database)) await Put(local, "of-the-file", "one", 200);
        await using (var server = await TestServer.Start(database, vault: VaultNode.Options(vault, file)))
        {
            // what the file wrapped is still opened by it
            Assert.Contains("one", await Get(server, "of-the-file", 200));
            await Put(server, "of-vault", "two", 200);
        }
        await using var without = await TestServer.Start(database);
        Assert.Contains("'vault', which is not set up", await Get(without, "of-vault", 503));
        File.Delete(file);
    }

    [Theory]
    [InlineData("STELE_VAULT is not https", "STELE_VAULT", "http://vault.example:8200")]
    [InlineData("STELE_VAULT is not https", "STELE_VAULT", "https://root:pass@vault:8200")]
    [InlineData("STELE_VAULT_ROLE, its role", "STELE_VAULT_AUTH", "approle")]
    [InlineData("STELE_VAULT_MOUNT is '../sys'", "STELE_VAULT_MOUNT", "../sys")]
    [InlineData("the name of a key has no slash", "STELE_VAULT_KEY", "a/b")]
    [InlineData("the file with the token, is not", "STELE_VAULT_CREDENTIAL_FILE", "")]
    [InlineData("its address, is not set", "STELE_VAULT", "")]
    [InlineData("STELE_VAULT_CA is '/nowhere'", "STELE_VAULT_CA", "/nowhere")]
    public void A_setting_that_is_wrong_is_told_at_the_start(string problem, string variable, string value)
    {
        var settings = new Dictionary<string, string?> { ["STELE_KEYS"] = "vault", ["STELE_VAULT"] = "https://vault:8200", ["STELE_VAULT_CREDENTIAL_FILE"] = "/run/token" };
        settings[variable] = value;
        var (_, problems) = SteleSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        Assert.Contains(problem, Assert.Single(problems), StringComparison.Ordinal);
        Assert.DoesNotContain("pass@", problems[0]);
    }

    static async Task<string> Put(TestServer server, string path, string value, int status)
    {
        using var body = new StringContent($$"""{"value":"{{value}}"}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using var answer = await server.Client.PutAsync($"/v1/secrets/{path}", body);
        return await Text(answer, status);
    }

    static async Task<string> Post(TestServer server, string verb, string? json, int status)
    {
        using var body = json is null ? null : new StringContent(json, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
        using var answer = await server.Client.PostAsync($"/v1/keys/{verb}", body);
        return await Text(answer, status);
    }

    static async Task<string> Get(TestServer server, string path, int status)
    {
        using var answer = await server.Client.GetAsync($"/v1/secrets/{path}");
        return await Text(answer, status);
    }

    static async Task<string> Text(HttpResponseMessage answer, int status)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True((int)answer.StatusCode == status, $"expected {status}, got {(int)answer.StatusCode}: {text}");
        return text;
    }
}
