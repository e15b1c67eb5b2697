using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Stele.Core.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Secrets.Store;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>Secrets under keys of Vault's, through the public API.</summary>
public sealed class VaultHttpTests
{
    [Fact]
    public async Task Secrets_are_written_read_and_read_on_after_a_rotation()
    {
        await using var store = await StoreServer.Start(inVault: null);
        await store.Put("db/password", "correct horse");
        Assert.All(await store.Rows("SELECT convert_from(wrapped, 'UTF8') FROM stele.secret_key"), wrapped => Assert.StartsWith("vault:v1:", wrapped, StringComparison.Ordinal));
        Assert.True((await store.Server.Services.GetRequiredService<KeyProviders>().Current.Rotate(default)).Value.Version == 2);
        Assert.Null(await store.Server.Services.GetRequiredService<OrgKeys>().Rotate(OrgId.Default, default));
        await store.Put("db/other", "battery staple");
        Assert.Equal(["1|1", "2|2"], await store.Rows("SELECT version, provider_version FROM stele.secret_org_key ORDER BY version"));
        // one that remembers no key
        var fresh = await store.Another(inVault: null);
        Assert.Equal(("correct horse", "battery staple"), (await store.Value("db/password", fresh), await store.Value("db/other", fresh)));
        Assert.DoesNotContain(store.Server.Logs.Lines.Concat(fresh.Logs.Lines), line => line.Contains(store.Vault.SecretId, StringComparison.Ordinal) || line.Contains("hvs.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Old_versions_of_the_key_are_retired_in_their_order_when_no_organization_and_no_backup_needs_them()
    {
        await using var store = await StoreServer.Start(inVault: null);
        var client = store.Server.Client;
        await store.Put("kept", "one");
        for (var i = 0; i < 2; i++)
        {
            await client.Ask("POST", "/v1/keys/rotate");
            await client.Ask("POST", "/v1/keys/rewrap");
        }
        Assert.Contains("key.needed", await client.Ask("POST", "/v1/keys/retire", """{"version":1}""", 409), StringComparison.Ordinal);
        await store.Rows("UPDATE stele.secret_org_key SET unused_since = now() - interval '31 days' WHERE unused_since IS NOT NULL RETURNING version");
        // Vault ends all versions below one: who ended the second would end the first unasked
        Assert.Contains("\"code\":\"conflict\"", await client.Ask("POST", "/v1/keys/retire", """{"version":2}""", 409), StringComparison.Ordinal);
        Assert.Contains("key.newest", await client.Ask("POST", "/v1/keys/retire", """{"version":3}""", 409), StringComparison.Ordinal);
        Assert.Contains("key.unknown", await client.Ask("POST", "/v1/keys/retire", """{"version":4}""", 400), StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], store.Vault.Keys["stele"].Versions.Keys);
        await client.Ask("POST", "/v1/keys/retire", """{"version":1}""");
        await client.Ask("POST", "/v1/keys/retire", """{"version":2}""");
        Assert.Equal([3], store.Vault.Keys["stele"].Versions.Keys);
        Assert.Equal("one", await store.Value("kept", await store.Another(inVault: null)));
    }

    [Fact]
    public async Task While_vault_is_sealed_keys_used_lately_open_and_all_else_is_unavailable()
    {
        await using var store = await StoreServer.Start(inVault: null);
        await store.Put("used", "one");
        await store.Put("unused", "two");
        Assert.Equal("one", await store.Value("used"));
        store.Vault.IsSealed = true;
        Assert.Contains("is sealed", (await store.Put("used", "three", 503)).GetRawText(), StringComparison.Ordinal);
        Assert.Equal("one", await store.Value("used"));
        var refused = (await store.Get("unused", 503)).GetRawText();
        Assert.Contains("unavailable", refused, StringComparison.Ordinal);
        Assert.DoesNotContain("two", refused, StringComparison.Ordinal);
        var fresh = await store.Another(inVault: null);
        await store.Get("used", 503, fresh);
        store.Vault.IsSealed = false;
        await Wait.Until(async () => (await fresh.Client.GetAsync("/v1/secrets/used")).IsSuccessStatusCode, "vault is asked again");
        await Wait.Until(async () => (await store.Server.Client.GetAsync("/v1/secrets/unused")).IsSuccessStatusCode, "vault is asked again");
        await store.Put("used", "three");
    }

    [Fact]
    public async Task A_key_that_is_deleted_in_vault_is_unavailable_and_neither_made_anew_nor_replaced()
    {
        await using var store = await StoreServer.Start(inVault: null);
        await store.Put("kept", "one");
        var key = store.Vault.Keys["stele"];
        store.Vault.Keys.Clear();
        await store.Put("new", "two", 503);
        var fresh = await store.Another(inVault: null);
        await store.Get("kept", 503, fresh);
        Assert.Empty(store.Vault.Keys);
        // who restores it has everything again
        store.Vault.Keys["stele"] = key;
        await Wait.Until(async () => (await fresh.Client.GetAsync("/v1/secrets/kept")).IsSuccessStatusCode, "vault is asked again");
        Assert.Equal("one", await store.Value("kept", fresh));
    }

    [Theory]
    [InlineData("transit/decrypt")]
    [InlineData("transit/encrypt")]
    public async Task A_token_that_is_revoked_half_way_costs_nobody_his_answer(string when)
    {
        await using var store = await StoreServer.Start(inVault: null);
        await store.Put("kept", "one");
        var fresh = await store.Another(inVault: null);
        store.Vault.Revoke = when;
        Assert.Equal("one", await store.Value("kept", fresh));
        await StoreServer.Send(fresh, HttpMethod.Put, "/v1/secrets/kept", """{"value":"two"}""", 200);
        Assert.Null(store.Vault.Revoke);
        Assert.Equal("two", await store.Value("kept", fresh));
    }

    [Fact]
    public async Task Nothing_falls_back_to_another_provider()
    {
        await using var store = await StoreServer.Start(inVault: false);
        await store.Put("of-the-file", "one");
        var server = await store.Another(inVault: null);
        // what the file wrapped is still opened by it
        Assert.Equal("one", await store.Value("of-the-file", server));
        await StoreServer.Send(server, HttpMethod.Put, "/v1/secrets/of-vault", """{"value":"two"}""", 200);
        await using var without = await store.WithoutVault();
        Assert.Contains("'vault', which is not set up", (await store.Get("of-vault", 503, without)).GetRawText(), StringComparison.Ordinal);
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
}
