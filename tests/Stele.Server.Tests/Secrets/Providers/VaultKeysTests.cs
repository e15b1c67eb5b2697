using System.Security.Cryptography.X509Certificates;
using System.Text;
using Stele.Core.Faults;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>The provider against Vault's published API: what it wraps, what it refuses, and what it does when Vault is not as it should be.</summary>
public sealed class VaultKeysTests
{
    [Fact]
    public async Task What_is_wrapped_comes_back_in_its_order_however_many_there_are()
    {
        await using var node = await VaultNode.Start();
        var (plain, wrapped) = await node.Wrap(1_001);
        Assert.All(wrapped, one => Assert.StartsWith("vault:v1:", Encoding.ASCII.GetString(one.Wrapped), StringComparison.Ordinal));
        var opened = (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Value;
        Assert.Equal(plain.Select(one => Convert.ToHexString(one.Key.Span)), opened.Select(one => Convert.ToHexString(one.Span)));
        Assert.Equal((3, 3), (node.Vault.Count("POST v1/transit/encrypt/stele"), node.Vault.Count("POST v1/transit/decrypt/stele")));
    }

    [Theory]
    [InlineData("altered")]
    [InlineData("of another value")]
    [InlineData("of another org")]
    [InlineData("said to be of another version")]
    [InlineData("no ciphertext")]
    [InlineData("a ciphertext with a quote in it")]
    public async Task What_was_altered_or_moved_is_integrity(string how)
    {
        await using var node = await VaultNode.Start();
        var (_, wrapped) = await node.Wrap(2);
        await node.Keys.Rotate(default);
        var bytes = wrapped[0].Wrapped.ToArray();
        var (key, given) = how switch
        {
            "altered" => (VaultNode.Key(), wrapped[0] with { Wrapped = Altered(bytes) }),
            "of another value" => (VaultNode.Key(), wrapped[0] with { Wrapped = wrapped[1].Wrapped }),
            "of another org" => (VaultNode.Key(org: 8), wrapped[0]),
            "said to be of another version" => (VaultNode.Key(providerVersion: 2), wrapped[0]),
            "no ciphertext" => (VaultNode.Key(), wrapped[0] with { Wrapped = [1, 2, 3] }),
            _ => (VaultNode.Key(), wrapped[0] with { Wrapped = Encoding.ASCII.GetBytes("vault:v1:AAAA\",\"x\":\"") }),
        };
        var fault = (await node.Keys.Unwrap(key, [wrapped[1], given], default)).Fault;
        Assert.Equal(FaultCode.Integrity, fault!.Code);
        Assert.Equal(FaultCode.Integrity, (await node.Keys.Rewrap(key, VaultNode.Key(2, key.Org.Value, 2), [given], default)).Fault!.Code);
    }

    [Fact]
    public async Task A_rewrap_brings_the_newest_version_without_a_data_key_leaving_vault()
    {
        await using var node = await VaultNode.Start();
        var (plain, wrapped) = await node.Wrap(3);
        Assert.Equal(2, (await node.Keys.Rotate(default)).Value.Version);
        var newest = (await node.Keys.Newest(default)).Value;
        var to = VaultNode.Key(newest.Version, version: 2);
        var again = (await node.Keys.Rewrap(VaultNode.Key(), to, wrapped, default)).Value;
        Assert.All(again, bytes => Assert.StartsWith("vault:v2:", Encoding.ASCII.GetString(bytes), StringComparison.Ordinal));
        Assert.Equal(0, node.Vault.Count("POST v1/transit/decrypt/stele"));
        var opened = (await node.Keys.Unwrap(to, [.. plain.Zip(again, (one, bytes) => new WrappedKey(one.ValueId, bytes))], default)).Value;
        Assert.Equal(Convert.ToHexString(plain[2].Key.Span), Convert.ToHexString(opened[2].Span));
    }

    [Fact]
    public async Task A_retired_version_is_gone_for_good_and_the_others_stay()
    {
        await using var node = await VaultNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        Assert.Equal(FaultCode.Conflict, (await node.Keys.Retire(1, default))!.Code);
        await node.Keys.Rotate(default);
        await node.Keys.Rotate(default);
        Assert.Equal(FaultCode.Conflict, (await node.Keys.Retire(2, default))!.Code);
        Assert.Null(await node.Keys.Retire(1, default));
        Assert.Equal([2, 3], (await node.Keys.List(default)).Value.Select(key => key.Version));
        Assert.Equal([2, 3], node.Vault.Keys["stele"].Versions.Keys);
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!.Code);
        Assert.Equal(FaultCode.NotFound, (await node.Keys.Retire(1, default))!.Code);
        Assert.NotEmpty((await node.Wrap(1, VaultNode.Key(3))).Wrapped);
    }

    [Fact]
    public async Task A_key_that_is_not_derived_is_refused_because_its_wraps_would_open_anywhere()
    {
        await using var node = await VaultNode.Start();
        node.Vault.Keys["stele"] = new TestVault.TransitKey { IsDerived = false };
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
        Assert.Contains(node.Logs.Lines, line => line.Contains("derived=true", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_key_that_was_deleted_is_unavailable_and_is_not_made_anew()
    {
        await using var node = await VaultNode.Start();
        var (plain, wrapped) = await node.Wrap(1);
        node.Vault.Keys.Clear();
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Newest(default)).Fault!.Code);
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!.Code);
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Wrap(VaultNode.Key(), plain, default)).Fault!.Code);
        Assert.Empty(node.Vault.Keys);
        // a right that is missing is no broken token: nobody logs in again for it
        Assert.Equal(1, node.Vault.Count("POST v1/auth/approle/login"));
    }

    [Fact]
    public async Task A_sealed_vault_is_asked_for_a_while_and_then_left_alone()
    {
        await using var node = await VaultNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        node.Vault.IsSealed = true;
        var fault = (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!;
        Assert.Equal((FaultCode.Unavailable, 1), (fault.Code, fault.RetryAfterSeconds));
        Assert.Contains("is sealed", fault.Detail);
        var asked = node.Vault.Asked.Count;
        Assert.Equal(FaultCode.Unavailable, (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!.Code);
        Assert.Equal(asked, node.Vault.Asked.Count);
        node.Vault.IsSealed = false;
        node.Clock.Turn(TimeSpan.FromSeconds(1.1));
        Assert.Single((await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Value);
    }

    [Fact]
    public async Task What_passes_is_waited_for()
    {
        await using var node = await VaultNode.Start(isPatient: true);
        var (_, wrapped) = await node.Wrap(1);
        node.Vault.Busy = 2;
        Assert.Single((await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Value);
        Assert.Equal(3, node.Vault.Count("POST v1/transit/decrypt/stele"));
    }

    [Fact]
    public async Task A_vault_that_is_gone_is_unavailable()
    {
        var node = await VaultNode.Start();
        var (_, wrapped) = await node.Wrap(1);
        await node.Vault.DisposeAsync();
        var fault = (await node.Keys.Unwrap(VaultNode.Key(), wrapped, default)).Fault!;
        Assert.Equal(FaultCode.Unavailable, fault.Code);
        Assert.Contains("is away", fault.Detail);
        await node.DisposeAsync();
    }

    [Fact]
    public async Task A_vault_is_believed_by_the_authority_that_was_given()
    {
        using var authority = TestCertificates.Authority("of vault");
        using var other = TestCertificates.Authority("of somebody");
        using var certificate = TestCertificates.Issue(authority, "localhost");
        await using var good = await VaultNode.Start(certificate: certificate, authorities: [authority]);
        Assert.Single((await good.Wrap(1)).Wrapped);
        await using var bad = await VaultNode.Start(certificate: certificate, authorities: [other]);
        Assert.Equal(FaultCode.Unavailable, (await bad.Keys.Newest(default)).Fault!.Code);
        Assert.Empty(bad.Vault.Asked);
    }

    static byte[] Altered(byte[] bytes)
    {
        bytes[20] = bytes[20] == (byte)'A' ? (byte)'B' : (byte)'A';
        return bytes;
    }
}
