namespace Stele.Client;

/// <summary>What the process's environment says where the app says nothing: STELE_TOKEN, STELE_ENV, STELE_CACHE, STELE_CACHE_KEYS, XDG_….</summary>
internal static class ProcessSettings
{
    /// <summary>A variable that is set, and not empty; else null.</summary>
    internal static string? Given(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;
}
