namespace Stele.Server.Options;

/// <summary>The settings of secrets. <see cref="SteleSettings"/> reads them.</summary>
internal static class SecretSettings
{
    public static readonly Setting
        KeyFile = new("STELE_KEY_FILE", "KeyFile", ""),
        BackupDays = new("STELE_BACKUP_DAYS", "BackupDays", "30");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } = [KeyFile, BackupDays];
}
