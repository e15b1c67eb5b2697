namespace Stele.Server.Options;

/// <summary>The half that knows of key providers.</summary>
internal sealed partial class SteleSettings
{
    const string KubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    VaultOptions? VaultServer()
    {
        if (Given(SecretSettings.Vault) is not { } text) return null;
        var login = OneOf(SecretSettings.VaultAuth, ("token", VaultLogin.Token), ("approle", VaultLogin.AppRole), ("kubernetes", VaultLogin.Kubernetes));
        if (!Uri.TryCreate(text, UriKind.Absolute, out var address) || !IssuerFile.IsSafe(address) || address.UserInfo.Length > 0 || address.PathAndQuery != "/" || address.Fragment.Length > 0)
        {
            // not quoted: it may have a password in it
            problems.Add($"{SecretSettings.Vault.Variable} is not https://HOST:PORT without a path, user or password; http is for loopback alone.");
            address = new Uri("https://localhost");
        }
        if (login != VaultLogin.Token && Given(SecretSettings.VaultRole) is null)
            problems.Add($"{SecretSettings.VaultAuth.Variable} is {Text(SecretSettings.VaultAuth)}, and {SecretSettings.VaultRole.Variable}, its role, is not set.");
        return new VaultOptions
        {
            Address = address, Namespace = Given(SecretSettings.VaultNamespace) is null ? null : VaultPath(SecretSettings.VaultNamespace, Text(SecretSettings.VaultNamespace)), Authorities = Authorities(SecretSettings.VaultCa),
            Mount = VaultPath(SecretSettings.VaultMount, Text(SecretSettings.VaultMount)), Key = VaultKey(), Login = login,
            KvMount = VaultPath(SecretSettings.VaultKvMount, Text(SecretSettings.VaultKvMount)), KvPrefix = VaultPath(SecretSettings.VaultKvPrefix, Text(SecretSettings.VaultKvPrefix)),
            LoginMount = VaultPath(SecretSettings.VaultAuthMount, Given(SecretSettings.VaultAuthMount) ?? login.ToString().ToLowerInvariant()), Role = Given(SecretSettings.VaultRole) ?? "",
            CredentialFile = VaultCredential(login), Timeout = TimeSpan.FromMilliseconds(Number(SecretSettings.VaultTimeout, 100, 60_000)),
        };
    }

    // its name is a part of a path
    string VaultPath(Setting setting, string text)
    {
        var path = text.Trim('/');
        if (path.Length is 0 or > 256 || path.Split('/').Any(part => part is "" or "." or ".." || part.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))))
            problems.Add($"{setting.Variable} is '{text}'; write names of A-Z a-z 0-9 . _ -, with slashes between them.");
        return path;
    }

    string VaultKey()
    {
        var key = VaultPath(SecretSettings.VaultKey, Text(SecretSettings.VaultKey));
        if (key.Contains('/', StringComparison.Ordinal)) problems.Add($"{SecretSettings.VaultKey.Variable} is '{key}'; the name of a key has no slash.");
        return key;
    }

    string VaultCredential(VaultLogin login)
    {
        if (Given(SecretSettings.VaultCredentialFile) is { } path) return Path.GetFullPath(path);
        if (login != VaultLogin.Kubernetes)
            problems.Add($"{SecretSettings.Vault.Variable} is set, and {SecretSettings.VaultCredentialFile.Variable}, the file with the {(login == VaultLogin.Token ? "token" : "secret id")}, is not.");
        return KubernetesToken;
    }

    bool SecretsInVault(VaultOptions? vault)
    {
        var inVault = OneOf(SecretSettings.Store, ("database", false), ("vault-kv", true));
        if (inVault && vault is null) problems.Add($"{SecretSettings.Store.Variable} is vault-kv, and {SecretSettings.Vault.Variable}, its address, is not set.");
        return inVault;
    }

    string KeyProviderName(VaultOptions? vault, AwsOptions? aws)
    {
        var name = OneOf(SecretSettings.Keys, ("local", "local"), ("vault", "vault"), ("aws-kms", "aws-kms"));
        if (name == "aws-kms" && aws is null) problems.Add($"{SecretSettings.Keys.Variable} is aws-kms, and {SecretSettings.AwsKey.Variable}, the key, is not set.");
        if (name == "vault" && vault is null) problems.Add($"{SecretSettings.Keys.Variable} is vault, and {SecretSettings.Vault.Variable}, its address, is not set.");
        return name;
    }
}
