using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Stele.Server.Journal;

namespace Stele.Prove.Mutants;

/// <summary>
/// A server with a bug: the product's own start, from its first line, in this process, which listens for the host that it builds
/// (as test hosts of ASP.NET Core do) and puts the mutation between its parts.
/// </summary>
internal sealed class MutantServer(Mutant mutant) : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
{
    /// <summary>The word by which this program is told to be one.</summary>
    public const string Word = "serve-mutant";

    public static int Serve(Mutant mutant)
    {
        using var listening = DiagnosticListener.AllListeners.Subscribe(new MutantServer(mutant));
        return (int)typeof(Stele.Server.Program).Assembly.EntryPoint!.Invoke(null, [new[] { "serve" }])!;
    }

    public void OnNext(DiagnosticListener value)
    {
        if (value.Name == "Microsoft.Extensions.Hosting") value.Subscribe(this);
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        if (value is ("HostBuilding", IHostBuilder host)) host.ConfigureServices((_, services) => Mutate(services));
    }

    public void OnCompleted()
    {
        // hosts come and go
    }

    public void OnError(Exception error)
    {
        // nothing of ours
    }

    void Mutate(IServiceCollection services)
    {
        var store = services.Single(service => service.ServiceType == typeof(IJournalStore));
        services.Replace(ServiceDescriptor.Singleton<IJournalStore>(provider => new MutatedStore((IJournalStore)store.ImplementationFactory!(provider), mutant)));
        services.AddSingleton<Microsoft.AspNetCore.Hosting.IStartupFilter>(new MutatedDoor(mutant));
        if (mutant == Mutant.NeverPoll) services.Replace(ServiceDescriptor.Singleton(new JournalOptions { Poll = TimeSpan.FromDays(1) }));
        Console.WriteLine($"this server has a bug: {mutant}");
    }
}
