namespace Stele.Server.Options;

/// <summary>The settings of secrets. <see cref="SteleSettings"/> reads them.</summary>
internal static class SecretSettings
{
    public static readonly Setting
        Keys = new("STELE_KEYS", "Keys", "local"),
        KeyFile = new("STELE_KEY_FILE", "KeyFile", ""),
        BackupDays = new("STELE_BACKUP_DAYS", "BackupDays", "30"),
        Destructions = new("STELE_DESTRUCTIONS", "Destructions", ""),
        Vault = new("STELE_VAULT", "Vault", ""),
        VaultNamespace = new("STELE_VAULT_NAMESPACE", "VaultNamespace", ""),
        VaultCa = new("STELE_VAULT_CA", "VaultCa", ""),
        VaultMount = new("STELE_VAULT_MOUNT", "VaultMount", "transit"),
        VaultKey = new("STELE_VAULT_KEY", "VaultKey", "stele"),
        VaultAuth = new("STELE_VAULT_AUTH", "VaultAuth", "token"),
        VaultAuthMount = new("STELE_VAULT_AUTH_MOUNT", "VaultAuthMount", ""),
        VaultRole = new("STELE_VAULT_ROLE", "VaultRole", ""),
        VaultCredentialFile = new("STELE_VAULT_CREDENTIAL_FILE", "VaultCredentialFile", ""),
        VaultTimeout = new("STELE_VAULT_TIMEOUT_MS", "VaultTimeoutMs", "3000"),
        Store = new("STELE_SECRETS_STORE", "SecretsStore", "database"),
        VaultKvMount = new("STELE_VAULT_KV_MOUNT", "VaultKvMount", "secret"),
        VaultKvPrefix = new("STELE_VAULT_KV_PREFIX", "VaultKvPrefix", "stele"),
        AwsKey = new("STELE_AWS_KMS_KEY", "AwsKmsKey", ""),
        AwsRegion = new("STELE_AWS_REGION", "AwsRegion", ""),
        AwsEndpoint = new("STELE_AWS_KMS_ENDPOINT", "AwsKmsEndpoint", ""),
        AwsCredentialFile = new("STELE_AWS_CREDENTIAL_FILE", "AwsCredentialFile", ""),
        AwsProfile = new("STELE_AWS_PROFILE", "AwsProfile", "default"),
        AwsTimeout = new("STELE_AWS_TIMEOUT_MS", "AwsTimeoutMs", "3000");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } =
        [Keys, KeyFile, BackupDays, Destructions, Vault, VaultNamespace, VaultCa, VaultMount, VaultKey, VaultAuth, VaultAuthMount, VaultRole, VaultCredentialFile, VaultTimeout,
        Store, VaultKvMount, VaultKvPrefix, AwsKey, AwsRegion, AwsEndpoint, AwsCredentialFile, AwsProfile, AwsTimeout];
}
