using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Stele.Client.Configuration;

/// <summary>The providers of an app.</summary>
internal sealed record SteleProviders(IReadOnlyList<SteleConfigurationProvider> All);

/// <summary>Makes options as .NET does, while what they are bound to stands still: two values that were changed together are bound together.</summary>
internal sealed class WholeRevisionFactory<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions>(
    SteleProviders providers, IEnumerable<IConfigureOptions<TOptions>> setups, IEnumerable<IPostConfigureOptions<TOptions>> posts, IEnumerable<IValidateOptions<TOptions>> validations) : IOptionsFactory<TOptions>
    where TOptions : class
{
    readonly OptionsFactory<TOptions> inner = new(setups, posts, validations);

    public TOptions Create(string name)
    {
        foreach (var provider in providers.All) provider.HoldStill();
        try
        {
            return inner.Create(name);
        }
        finally
        {
            foreach (var _ in providers.All) default(SteleConfigurationProvider.Held).Dispose();
        }
    }
}

/// <summary>Options that a revision must fit.</summary>
internal sealed class ChangeCheck(Func<object> create)
{
    /// <summary>Why it does not, or null.</summary>
    internal string? Run()
    {
        try
        {
            create();
            return null;
        }
        catch (OptionsValidationException e)
        {
            return string.Join(" ", e.Failures);
        }
        catch (Exception e)
        {
            // the binder's own, or whatever the app's set-up code throws
            return e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message;
        }
    }
}

/// <summary>Joins configuration, which is built first, and services, which come later.</summary>
internal sealed class SteleAttachment(SteleProviders providers, IEnumerable<ChangeCheck> checks, ILogger<SteleClient> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        Func<string?>[] each = [.. checks.Select(check => (Func<string?>)check.Run)];
        foreach (var provider in providers.All) provider.Attach(logger, each);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
