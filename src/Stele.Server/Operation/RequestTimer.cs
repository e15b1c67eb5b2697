using System.Collections.Concurrent;
using System.Diagnostics;
using Stele.Server.Audit;

namespace Stele.Server.Operation;

/// <summary>
/// The outermost middleware: how long requests take, by method, route and status class. Instruments are found by the
/// endpoint's reference, once bound, so a request costs two clock reads, one look-up and two interlocked adds.
/// </summary>
internal sealed class RequestTimer(Metrics metrics, RequestRecords records)
{
    const string Name = "http_server_request_duration_seconds";
    const string Help = "Duration of HTTP requests by method, route and class of status.";

    readonly ConcurrentDictionary<Endpoint, RouteInstruments> routes = new();
    readonly ConcurrentDictionary<string, RouteInstruments> named = new(StringComparer.Ordinal);

    /// <summary>As a middleware.</summary>
    public RequestDelegate Around(RequestDelegate next) => context =>
    {
        var started = Stopwatch.GetTimestamp();
        var task = next(context);
        if (!task.IsCompletedSuccessfully) return Await(context, task, started);
        Observe(context, started);
        return task;
    };

    async Task Await(HttpContext context, Task task, long started)
    {
        try
        {
            await task;
        }
        finally
        {
            Observe(context, started);
        }
    }

    void Observe(HttpContext context, long started)
    {
        InstrumentsOf(context.GetEndpoint()).Observe(context.Response.StatusCode, Stopwatch.GetElapsedTime(started));
        records.Ended(context);
    }

    RouteInstruments InstrumentsOf(Endpoint? endpoint)
    {
        if (endpoint is not RouteEndpoint route) return Named("", "unmatched");
        return routes.TryGetValue(route, out var bound) ? bound : routes.GetOrAdd(route, Bind);
    }

    RouteInstruments Bind(Endpoint endpoint)
    {
        var method = endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is [var only, ..] ? only : "";
        return Named(method.ToUpperInvariant(), ((RouteEndpoint)endpoint).RoutePattern.RawText ?? "");
    }

    // the router makes endpoints of its own for wrong methods: a route's instruments are one all the same
    RouteInstruments Named(string method, string route) => named.GetOrAdd(method + " " + route, _ => new RouteInstruments(status =>
        metrics.Add(Name, Help, Histogram.OfSeconds(), "http_request_method", method, "http_route", route, "http_response_status_class", status)));

    /// <summary>A histogram a status class, made when the first such answer is given.</summary>
    sealed class RouteInstruments(Func<string, Histogram> make)
    {
        static readonly string[] Classes = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

        readonly Histogram?[] byClass = new Histogram?[Classes.Length];

        public void Observe(int status, TimeSpan elapsed)
        {
            var index = status / 100 is > 0 and < 6 and var known ? known : 0;
            (Volatile.Read(ref byClass[index]) ?? MakeOnce(index)).Observe(elapsed);
        }

        Histogram MakeOnce(int index)
        {
            lock (byClass) return byClass[index] ??= make(Classes[index]);
        }
    }
}
