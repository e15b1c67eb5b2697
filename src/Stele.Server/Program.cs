using Stele.Core.Limits;
using Stele.Server.Access;
using Stele.Server.Audit;
using Stele.Server.Commands;
using Stele.Server.Configs;
using Stele.Server.Database;
using Stele.Server.Flags;
using Stele.Server.Gateway;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Identity;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Ofrep;
using Stele.Server.Operation;
using Stele.Server.Options;
using Stele.Server.Orgs;
using Stele.Server.Outbound;
using Stele.Server.Secrets;
using Stele.Server.Stats;
using Stele.Server.Transport;
using Stele.Server.Usage;
using Stele.Server.Watch;

namespace Stele.Server;

internal static class Program
{
    static async Task<int> Main(string[] args)
    {
        var word = args is [var first, ..] ? first : "serve";
        if (word is "help" || args.Contains("--help") || args.Contains("-h")) return ServerWords.Help();
        if (word == "serve" ? args.Length > 1 : !ServerWords.Has(word)) return ServerWords.Unknown(word == "serve" ? string.Join(' ', args) : word);
        var (options, problems) = SteleSettings.Load();
        if (options is null) return Refuse(problems, exitCode: 2);
        foreach (var (limit, value) in options.Limits) limit.Configure(value);
        using var signals = new StopSignals();
        try
        {
            return word == "serve" ? await Serve(options, signals.Token) : await ServerWords.Run(args, options, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (DatabaseStart.IsRefusal(e))
        {
            return Refuse([e.Message], exitCode: 1);
        }
    }

    static async Task<int> Serve(SteleOptions options, CancellationToken stop)
    {
        if ((CoreDumps.SwitchOff() ?? PortCheck.Problem(options)) is { } refused) return Refuse([refused], exitCode: 1);
        using var logs = Logging.Create(options);
        await using var database = await DatabaseStart.Serve(options, TimeProvider.System, logs, stop);
        await using var app = Compose(options, new JournalOptions { StrictReads = options.StrictReads }, database, logs);
        await app.StartAsync(stop);
        Console.Out.Write(Announcement.Text(options, database, app.Urls.First()));
        await app.WaitForShutdownAsync(stop);
        return 0;
    }

    internal static WebApplication Compose(SteleOptions options, JournalOptions journal, DatabaseStart database, ILoggerFactory logs, LimitOptions? limits = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(options));
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(SteleLimits.ShutdownSeconds.Value)).AddSingleton(logs).AddSingleton(options).AddSingleton(database.Connections).AddSingleton(TimeProvider.System)
            .AddJournal(journal, options.CarriesHints("notify")).AddOperation().AddLimits(limits ?? new LimitOptions()).AddGateway().AddAccess().AddGrpc().AddIdentity().AddTransport(options).AddOrgs().AddConfigs().AddFlags().AddSecrets(options).AddStats().AddWatch().AddOutbound(options).AddAudit().AddUsage().AddOfrep().AddFlagd();
        var app = builder.Build();
        app.UseFlagd().UseGrpc().UseOperation().UseTransport().UseGateway().UseWatch();
        app.MapOperation().MapLimits().MapGateway().MapAccess().MapJournal().MapOrgs().MapConfigs().MapFlags().MapSecrets().MapStats().MapOutbound().MapWatch().MapAudit().MapUsage().MapOfrep().MapGrpc();
        return app;
    }

    static int Refuse(IReadOnlyList<string> problems, int exitCode)
    {
        foreach (var problem in problems) Console.Error.WriteLine($"stele: {problem}");
        return exitCode;
    }
}
