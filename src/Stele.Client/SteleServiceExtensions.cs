using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Stele.Client.Configuration;

namespace Stele.Client;

/// <summary>Stele among an app's services.</summary>
public static class SteleServiceExtensions
{
    /// <summary>
    /// Adds an environment of Stele to an app's configuration, and what belongs to it to its services:
    /// <see cref="SteleConfigurationExtensions.AddStele(IConfigurationBuilder, string, Action{SteleOptions})"/> and
    /// <see cref="AddStele(IServiceCollection, IConfiguration)"/> in one.
    /// </summary>
    /// <param name="builder">The app's.</param>
    /// <param name="url">The server; several nodes are separated by commas.</param>
    /// <param name="configure">Says as whom, and which part.</param>
    public static IHostApplicationBuilder AddStele(this IHostApplicationBuilder builder, string url, Action<SteleOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Configuration.AddStele(url, configure);
        builder.Services.AddStele(builder.Configuration);
        return builder;
    }

    /// <summary>The same, with what the process's environment says: STELE_TOKEN and STELE_ENV.</summary>
    public static IHostApplicationBuilder AddStele(this IHostApplicationBuilder builder, string url) => builder.AddStele(url, static _ => { });

    /// <summary>
    /// Makes of an app whose configuration comes from Stele one that has <see cref="SteleClient"/>, <see cref="SteleFlags"/>
    /// and <see cref="SteleValues"/> as services, whose options are bound of one revision each, whose log has what the client
    /// says, and whose health has the check <c>stele</c>.
    /// </summary>
    /// <param name="services">The app's.</param>
    /// <param name="configuration">The configuration that Stele was added to.</param>
    public static IServiceCollection AddStele(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        var providers = (configuration as IConfigurationRoot)?.Providers.OfType<SteleConfigurationProvider>().ToList() ?? [];
        if (providers.Count == 0) throw new InvalidOperationException("Stele is not in this configuration: call builder.Configuration.AddStele(…) first.");
        // whoever binds options needs it, and binds whole revisions
        services.AddSingleton(_ =>
        {
            foreach (var provider in providers) provider.Move();
            return new SteleProviders(providers);
        });
        services.TryAddSingleton(_ => providers[^1].Client);
        services.TryAddSingleton(static provider => provider.GetRequiredService<SteleClient>().Flags);
        services.TryAddSingleton(static provider => provider.GetRequiredService<SteleClient>().Values);
        services.AddOptions();
        services.AddTransient(typeof(IOptionsFactory<>), typeof(WholeRevisionFactory<>));
        InPlaceOf(services, typeof(IOptionsMonitorCache<>), typeof(OptionsCache<>), typeof(OptionsAtHand<>));
        InPlaceOf(services, typeof(IOptionsMonitor<>), typeof(OptionsMonitor<>), typeof(MonitorAtHand<>));
        services.AddSingleton<IHostedService, SteleAttachment>();
        services.AddHealthChecks().Add(new HealthCheckRegistration("stele", static provider => new SteleHealthCheck(provider.GetRequiredService<SteleClient>()), HealthStatus.Degraded, ["stele"]));
        return services;
    }

    /// <summary>
    /// Refuses revisions with which these options do not bind or are not valid: the old ones stay in use, and the server is
    /// told why. The counterpart of ValidateOnStart.
    /// </summary>
    public static OptionsBuilder<TOptions> ValidateOnChange<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions>(this OptionsBuilder<TOptions> builder) where TOptions : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var name = builder.Name;
        builder.Services.AddSingleton(provider => new ChangeCheck(() => provider.GetRequiredService<IOptionsFactory<TOptions>>().Create(name)));
        return builder;
    }

    // .NET's own only: an app that has one of its own keeps it
    static void InPlaceOf(IServiceCollection services, Type service, Type usual, [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] Type ours)
    {
        for (var i = 0; i < services.Count; i++)
            if (services[i] is { IsKeyedService: false } one && one.ServiceType == service && one.ImplementationType == usual) services[i] = ServiceDescriptor.Singleton(service, ours);
    }
}
