using System.Runtime.CompilerServices;
using Stele.Server.Options;
using Stele.Server.Secrets.Keys.Aws;
using Stele.Server.Secrets.Keys.Vault;

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

/// <summary>Which providers there are, and of what each is made.</summary>
internal static class KeyProviderServices
{
    public static IServiceCollection AddKeyProviders(this IServiceCollection services, SteleOptions options)
    {
        services.AddSingleton<KeyProvider>(new LocalKeys(options.KeyFile));
        if (options.Vault is { } vault)
            services.AddSingleton(vault).AddSingleton<VaultWire>().AddSingleton<VaultTokens>().AddSingleton<VaultClient>().AddSingleton<KeyProvider, VaultKeys>().AddHostedService<VaultRenewal>();
        if (options.Aws is { } aws) AddAws(services, aws);
        return services.AddSingleton(provided =>
        {
            var all = provided.GetServices<KeyProvider>().ToList();
            return new KeyProviders(all.Single(provider => provider.Name == options.Keys), all);
        });
    }

    // in a method of its own: the AWS SDK is loaded where it is asked for, and nowhere else
    [MethodImpl(MethodImplOptions.NoInlining)]
    static void AddAws(IServiceCollection services, AwsOptions aws) => services.AddSingleton(aws).AddSingleton<AwsClient>().AddSingleton<KeyProvider, AwsKeys>();
}
