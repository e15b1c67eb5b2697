using Microsoft.Extensions.Logging.Console;
using Stele.Server.Options;

namespace Stele.Server.Operation;

/// <summary>Log lines, to standard error: standard output is for what was asked for.</summary>
internal static class Logging
{
    const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";

    /// <summary>One factory for everything, made before the host, because the database starts before it.</summary>
    public static ILoggerFactory Create(SteleOptions options, LogLevel? least = null) => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(least ?? options.LogLevel);
        // the framework and the driver log each request and statement at Information
        // Main says why a start failed, without a stack
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        if (options.LogLevel > LogLevel.Debug)
            logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning)
                // at any level it makes an Activity a request, and a scope; RequestGate logs what failed, with the request's id
                .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        if (options.LogFormat == LogFormat.Json)
            logging.AddJsonConsole(json => (json.TimestampFormat, json.UseUtcTimestamp) = (TimeFormat.TrimEnd(), true));
        else
            logging.AddSimpleConsole(text => (text.TimestampFormat, text.UseUtcTimestamp, text.SingleLine, text.ColorBehavior) =
                (TimeFormat, true, true, Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });
}
