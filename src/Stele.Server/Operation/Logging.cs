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
        Filter(logging, options, least);
        if (options.LogFormat == LogFormat.Json)
            logging.AddJsonConsole(json => (json.TimestampFormat, json.UseUtcTimestamp) = (TimeFormat.TrimEnd(), true));
        else
            logging.AddSimpleConsole(text => (text.TimestampFormat, text.UseUtcTimestamp, text.SingleLine, text.ColorBehavior) =
                (TimeFormat, true, true, Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });

    /// <summary>Which lines there are. At no level any that quote what a client sent: its tokens and passwords would be among it.</summary>
    public static void Filter(ILoggingBuilder logging, SteleOptions options, LogLevel? least = null)
    {
        logging.SetMinimumLevel(least ?? options.LogLevel);
        // Main says why a start failed, without a stack
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        // the first quotes a request's query, and at any level makes an Activity a request and a scope; the second quotes what is no
        // request, headers and all. RequestGate logs what failed, with the request's id
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None).AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.None);
        // the framework and the driver log each request and statement at Information
        if (options.LogLevel > LogLevel.Debug) logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning);
    }
}
