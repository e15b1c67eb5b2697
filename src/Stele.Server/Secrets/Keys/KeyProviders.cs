namespace Stele.Server.Secrets.Keys;

/// <summary>The providers that are set up: the one that wraps, and others, which still unwrap what they wrapped before.</summary>
/// <param name="current">STELE_KEYS.</param>
/// <param name="all">With it.</param>
internal sealed class KeyProviders(KeyProvider current, IReadOnlyList<KeyProvider> all)
{
    /// <summary>The one that wraps.</summary>
    public KeyProvider Current => current;

    /// <summary>A provider by its name; null: it is not set up here.</summary>
    public KeyProvider? Of(string name) => all.FirstOrDefault(provider => provider.Name == name);
}
