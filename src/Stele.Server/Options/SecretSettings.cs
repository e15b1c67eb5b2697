namespace Stele.Server.Options;

/// <summary>The settings of secrets. <see cref="SteleSettings"/> reads them.</summary>
internal static class SecretSettings
{
    public static readonly Setting
        KeyFile = new("STELE_KEY_FILE", "KeyFile", "");

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Setting> All { get; } = [KeyFile];
}
