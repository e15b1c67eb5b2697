using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stele.Client;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Tests.Http;

namespace Stele.Server.Tests.Client;

/// <summary>What an app binds.</summary>
internal sealed class PaymentOptions
{
    public int Timeout { get; set; }

    public int Retries { get; set; }

    public string? Currency { get; set; }
}

/// <summary>An app that takes its configuration from Stele, as an app's Program does it.</summary>
internal sealed class ClientApp : IAsyncDisposable
{
    readonly ConfigurationManager configuration;
    readonly ServiceProvider services;

    ClientApp(ConfigurationManager configuration, ServiceProvider services, List<SteleNotice> notices) => (this.configuration, this.services, Notices) = (configuration, services, notices);

    internal IConfiguration Configuration => configuration;

    internal List<SteleNotice> Notices { get; }

    internal SteleClient Client => services.GetRequiredService<SteleClient>();

    internal IOptionsMonitor<PaymentOptions> Payment => services.GetRequiredService<IOptionsMonitor<PaymentOptions>>();

    internal T Service<T>() where T : notnull => services.GetRequiredService<T>();

    internal IReadOnlyList<string> Said
    {
        get
        {
            lock (Notices) return [.. Notices.Select(notice => notice.Text)];
        }
    }

    internal static async Task<ClientApp> Start(string url, string token, string? cache, Action<SteleOptions>? more = null, Action<IServiceCollection>? add = null)
    {
        var notices = new List<SteleNotice>();
        var configuration = new ConfigurationManager();
        try
        {
            configuration.AddStele(url, options =>
            {
                (options.Token, options.Environment, options.Prefix) = (token, "production", "services.");
                options.LastKnown = cache is null ? null : new LastKnownOptions { Directory = cache };
                options.Notice = notice =>
                {
                    lock (notices) notices.Add(notice);
                };
                more?.Invoke(options);
            });
        }
        catch
        {
            configuration.Dispose();
            throw;
        }
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IConfiguration>(configuration);
        services.AddStele(configuration);
        services.AddOptions<PaymentOptions>().Bind(configuration.GetSection("services:payment")).Validate(options => options.Timeout >= 0, "A timeout is not negative.").ValidateOnChange();
        add?.Invoke(services);
        var provider = services.BuildServiceProvider();
        foreach (var hosted in provider.GetServices<Microsoft.Extensions.Hosting.IHostedService>()) await hosted.StartAsync(CancellationToken.None);
        return new ClientApp(configuration, provider, notices);
    }

    internal static Task<ClientApp> Start(HttpServer server, string? cache = null, Action<SteleOptions>? more = null, Action<IServiceCollection>? add = null) =>
        Start(server.Client.BaseAddress!.ToString(), HttpServer.Token, cache, more, add);

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        configuration.Dispose();
    }
}

/// <summary>A directory that goes with the test.</summary>
internal sealed class TempDirectory : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("stele-client-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
