using Stele.Core.Faults;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>How a node logs in to Vault, and stays so.</summary>
public sealed class VaultTokenTests
{
    [Theory]
    [InlineData("Token", "GET v1/auth/token/lookup-self")]
    [InlineData("AppRole", "POST v1/auth/approle/login")]
    [InlineData("Kubernetes", "POST v1/auth/kubernetes/login")]
    public async Task A_node_logs_in_once_by_each_method(string method, string request)
    {
        await using var node = await VaultNode.Start(Enum.Parse<VaultLogin>(method));
        await node.Wrap(1);
        await node.Wrap(1);
        Assert.Equal(1, node.Vault.Count(request));
    }

    [Theory]
    [InlineData("AppRole")]
    [InlineData("Kubernetes")]
    [InlineData("Token")]
    public async Task A_credential_that_is_refused_is_unavailable_until_its_file_has_another(string method)
    {
        await using var node = await VaultNode.Start(Enum.Parse<VaultLogin>(method));
        var good = await File.ReadAllTextAsync(node.CredentialFile);
        await File.WriteAllTextAsync(node.CredentialFile, "not this one");
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
        await File.WriteAllTextAsync(node.CredentialFile, good);
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Equal(1, (await node.Keys.Newest(default)).Value.Version);
    }

    [Fact]
    public async Task A_missing_or_empty_credential_is_unavailable_and_vault_is_not_asked()
    {
        await using var node = await VaultNode.Start();
        await File.WriteAllTextAsync(node.CredentialFile, "\n");
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
        File.Delete(node.CredentialFile);
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
        Assert.Empty(node.Vault.Asked);
    }

    [Fact]
    public async Task A_token_that_is_revoked_half_way_is_replaced_by_a_new_login()
    {
        await using var node = await VaultNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        node.Vault.Tokens.Clear();
        Assert.Single((await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Value);
        Assert.Equal(2, node.Vault.Count("POST v1/auth/approle/login"));
    }

    [Fact]
    public async Task A_revoked_token_of_a_file_is_unavailable_until_the_file_has_another()
    {
        await using var node = await VaultNode.Start(VaultLogin.Token);
        var (_, wrapped) = await node.Wrap(1);
        node.Vault.Tokens.Clear();
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!.Code);
        await File.WriteAllTextAsync(node.CredentialFile, node.Vault.NewToken());
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Single((await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Value);
    }

    [Fact]
    public async Task A_token_is_renewed_when_two_thirds_of_its_time_are_gone()
    {
        await using var node = await VaultNode.Start();
        await node.Tokens.RunOnce(default);
        node.Clock.Turn(TimeSpan.FromMinutes(39));
        await node.Tokens.RunOnce(default);
        Assert.Equal(0, node.Vault.Count("POST v1/auth/token/renew-self"));
        node.Clock.Turn(TimeSpan.FromMinutes(2));
        await node.Tokens.RunOnce(default);
        Assert.Equal(1, node.Vault.Count("POST v1/auth/token/renew-self"));
        node.Clock.Turn(TimeSpan.FromMinutes(30));
        Assert.Equal(1, (await node.Keys.Newest(default)).Value.Version);
        Assert.Equal(1, node.Vault.Count("POST v1/auth/approle/login"));
    }

    [Fact]
    public async Task A_token_that_gets_no_more_time_or_cannot_be_renewed_is_followed_by_a_new_login()
    {
        await using var node = await VaultNode.Start();
        node.Vault.LeaseMax = TimeSpan.FromMinutes(70);
        await node.Tokens.RunOnce(default);
        node.Clock.Turn(TimeSpan.FromMinutes(41));
        await node.Tokens.RunOnce(default);
        Assert.Equal(2, node.Vault.Count("POST v1/auth/approle/login"));
        node.Vault.Tokens.Clear();
        node.Clock.Turn(TimeSpan.FromMinutes(41));
        await node.Tokens.RunOnce(default);
        Assert.Equal(3, node.Vault.Count("POST v1/auth/approle/login"));
        Assert.Equal(1, (await node.Keys.Newest(default)).Value.Version);
    }

    [Fact]
    public async Task A_lease_that_ended_while_nobody_renewed_it_is_followed_by_a_new_login()
    {
        await using var node = await VaultNode.Start();
        await node.Wrap(1);
        node.Clock.Turn(TimeSpan.FromHours(2));
        await node.Wrap(1);
        Assert.Equal(2, node.Vault.Count("POST v1/auth/approle/login"));
    }

    [Fact]
    public async Task A_renewal_that_finds_vault_sealed_keeps_the_token_and_comes_again_soon()
    {
        await using var node = await VaultNode.Start();
        await node.Tokens.RunOnce(default);
        node.Clock.Turn(TimeSpan.FromMinutes(41));
        node.Vault.IsSealed = true;
        Assert.Equal(TimeSpan.FromSeconds(1), await node.Tokens.RunOnce(default));
        Assert.Equal(TimeSpan.FromSeconds(2), await node.Tokens.RunOnce(default));
        node.Vault.IsSealed = false;
        Assert.Equal(TimeSpan.FromMinutes(5), await node.Tokens.RunOnce(default));
        Assert.Equal(1, node.Vault.Count("POST v1/auth/approle/login"));
    }

    [Fact]
    public async Task A_namespace_is_named_in_every_request_and_the_wrong_one_is_refused()
    {
        await using var node = await VaultNode.Start(space: "team/stele");
        node.Vault.Namespace = "team/stele";
        Assert.Single((await node.Wrap(1)).Wrapped);
        node.Vault.Namespace = "team/other";
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
    }
}
