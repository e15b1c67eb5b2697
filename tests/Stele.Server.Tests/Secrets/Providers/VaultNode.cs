using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Stele.Core.Journal;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys;
using Stele.Server.Secrets.Keys.Vault;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Secrets.Providers;

/// <summary>The provider alone, as a node makes it, before a stand-in for Vault.</summary>
sealed class VaultNode : IAsyncDisposable
{
    readonly VaultWire wire;

    VaultNode(TestVault vault, VaultOptions options)
    {
        Vault = vault;
        var logs = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(Logs));
        wire = new VaultWire(options);
        Tokens = new VaultTokens(wire, options, Clock, logs.CreateLogger<VaultTokens>());
        Keys = new VaultKeys(new VaultClient(wire, Tokens, options, Clock, logs.CreateLogger<VaultClient>()), options, logs.CreateLogger<VaultKeys>());
    }

    public TestVault Vault { get; }

    public LeaseClock Clock { get; } = new();

    public CapturedLogs Logs { get; } = new();

    public VaultTokens Tokens { get; }

    public VaultKeys Keys { get; }

    /// <summary>The file that the node logs in with.</summary>
    public required string CredentialFile { get; init; }

    public static async Task<VaultNode> Start(VaultLogin login = VaultLogin.AppRole, string? space = null, X509Certificate2? certificate = null, X509Certificate2Collection? authorities = null, bool isPatient = false)
    {
        var vault = await TestVault.Start(certificate);
        var file = Path.Combine(Directory.CreateTempSubdirectory("stele-vault-").FullName, "credential");
        // longer than a machine that is busy with other things delays a call; it is left alone after two seconds otherwise
        var node = new VaultNode(vault, Options(vault, file, login, space, authorities, isPatient ? 60 : 2)) { CredentialFile = file };
        vault.Time = node.Clock;
        await File.WriteAllTextAsync(file, login switch { VaultLogin.AppRole => vault.SecretId, VaultLogin.Kubernetes => vault.ServiceAccountToken, _ => vault.NewToken() } + "\n");
        return node;
    }

    public static VaultOptions Options(TestVault vault, string file, VaultLogin login = VaultLogin.AppRole, string? space = null, X509Certificate2Collection? authorities = null, int seconds = 2) => new()
    {
        Address = vault.Address, CredentialFile = file, Login = login, LoginMount = login.ToString().ToLowerInvariant(), Role = vault.RoleId, Namespace = space, Authorities = authorities,
        Timeout = TimeSpan.FromSeconds(seconds), Pause = TimeSpan.FromSeconds(1),
    };

    public static OrgKey Key(int providerVersion = 1, int org = 7, int version = 1) => new(new OrgId(org), version, "vault", "transit/stele", providerVersion, new byte[32]);

    /// <summary>Some data keys, wrapped.</summary>
    public Task<(List<PlainKey> Plain, List<WrappedKey> Wrapped)> Wrap(int count, OrgKey? key = null) => Keys.WrapSome(count, key ?? Key());

    public async ValueTask DisposeAsync()
    {
        Assert.Empty(Vault.Breaches);
        Assert.DoesNotContain(Logs.Lines, line => line.Contains(Vault.SecretId, StringComparison.Ordinal) || line.Contains("hvs.", StringComparison.Ordinal) || line.Contains(Vault.ServiceAccountToken, StringComparison.Ordinal));
        Tokens.Dispose();
        wire.Dispose();
        await Vault.DisposeAsync();
        Directory.Delete(Path.GetDirectoryName(CredentialFile)!, recursive: true);
    }
}
