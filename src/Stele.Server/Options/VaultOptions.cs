using System.Security.Cryptography.X509Certificates;

namespace Stele.Server.Options;

/// <summary>How this node shows Vault who it is.</summary>
internal enum VaultLogin
{
    /// <summary>A token in a file, which somebody else puts there and renews or replaces.</summary>
    Token,
    /// <summary>AppRole: a role id, and a secret id in a file.</summary>
    AppRole,
    /// <summary>Kubernetes: a role, and the token of the service account.</summary>
    Kubernetes,
}

/// <summary>A Vault whose Transit engine wraps data keys. No secret is in it: those are read from files when they are needed, so that they can be replaced.</summary>
internal sealed class VaultOptions
{
    /// <summary>Where, without a path.</summary>
    public required Uri Address { get; init; }

    /// <summary>X-Vault-Namespace; null: the root namespace, or no Enterprise.</summary>
    public string? Namespace { get; init; }

    /// <summary>The authorities by one of which its certificate must be; null: those of the system.</summary>
    public X509Certificate2Collection? Authorities { get; init; }

    /// <summary>Where the Transit engine is mounted.</summary>
    public string Mount { get; init; } = "transit";

    /// <summary>The name of the key that wraps.</summary>
    public string Key { get; init; } = "stele";

    /// <summary>Where the KV engine is mounted, of version 2.</summary>
    public string KvMount { get; init; } = "secret";

    /// <summary>Below which path secrets lie there.</summary>
    public string KvPrefix { get; init; } = "stele";

    /// <summary>How the node logs in.</summary>
    public VaultLogin Login { get; init; }

    /// <summary>Where the method of logging in is mounted, below <c>auth/</c>.</summary>
    public string LoginMount { get; init; } = "";

    /// <summary>The role id of AppRole, or Kubernetes' role.</summary>
    public string Role { get; init; } = "";

    /// <summary>The file with the token, the secret id or the service account's token.</summary>
    public required string CredentialFile { get; init; }

    /// <summary>How long one call may take, with all its attempts.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>For how long nobody asks after a call that failed; doubled with each that follows, up to eight times this. Tests are less patient.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);
}
