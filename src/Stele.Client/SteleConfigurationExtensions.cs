using Microsoft.Extensions.Configuration;
using Stele.Client.Configuration;

namespace Stele.Client;

/// <summary>Stele as a source of an app's configuration.</summary>
public static class SteleConfigurationExtensions
{
    /// <summary>
    /// Adds an environment of Stele, whose keys are sections (<c>services.payment.timeout</c> is
    /// <c>services:payment:timeout</c>) and win over what was added before. It follows the server from now on: options that
    /// are bound to it change with it, at whole revisions. Throws <see cref="SteleException"/> when no server answers
    /// and nothing was known from before (<see cref="SteleOptions.AtStart"/>), <see cref="ArgumentException"/> when the address is none.
    /// </summary>
    /// <param name="builder">The app's.</param>
    /// <param name="url">The server, such as <c>http://127.0.0.1:7300</c>; several nodes are separated by commas.</param>
    /// <param name="configure">Says as whom, and which part.</param>
    public static IConfigurationBuilder AddStele(this IConfigurationBuilder builder, string url, Action<SteleOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(url);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new SteleOptions();
        var nodes = url.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (nodes.Length == 0) throw new ArgumentException("The address of a Stele server is needed, such as http://127.0.0.1:7300.", nameof(url));
        foreach (var other in nodes.Skip(1)) options.Endpoints.Add(other);
        configure(options);
        return builder.Add(new SteleConfigurationSource(Address(nodes[0]), options));
    }

    /// <summary>The same, with what the process's environment says: STELE_TOKEN and STELE_ENV.</summary>
    public static IConfigurationBuilder AddStele(this IConfigurationBuilder builder, string url) => builder.AddStele(url, static _ => { });

    internal static Uri Address(string text) => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url
        : throw new ArgumentException($"\"{text}\" is no address of a Stele server; one is like http://127.0.0.1:7300.", nameof(text));
}

internal sealed class SteleConfigurationSource(Uri url, SteleOptions options) : IConfigurationSource
{
    public IConfigurationProvider Build(IConfigurationBuilder builder) => new SteleConfigurationProvider(url, options);
}
