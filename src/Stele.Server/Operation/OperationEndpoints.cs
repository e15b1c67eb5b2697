using System.Text;
using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Archive;
using Stele.Server.Audit;
using Stele.Server.Database;
using Stele.Server.Gateway;
using Stele.Server.Journal;

namespace Stele.Server.Operation;

/// <summary>What orchestrators, Prometheus and tools ask.</summary>
internal sealed class OperationEndpoints(JournalNode journal, MonthPartitions partitions, AuditRetention audit, ArchiveArrears arrears, Metrics metrics, IHostApplicationLifetime lifetime)
{
    const string PrometheusText = "text/plain; version=0.0.4; charset=utf-8";

    static readonly byte[] OpenApiDocument = ReadDocument();

    /// <summary>The process is there. Asks nothing of anybody.</summary>
    public static Task Health(HttpContext context) => Answer.Send(context, new JsonText().Raw("{\"status\":\"ok\"}"u8));

    /// <summary>The node can serve: strong reads, or with <c>?consistency=local</c> local ones. Not while it shuts down.</summary>
    public async Task Ready(HttpContext context)
    {
        Fault? fault = null;
        var consistency = context.Request.Query["consistency"].ToString();
        if (consistency is not ("" or "strong" or "local"))
            fault = Fault.Invalid(Problem.Query("consistency", "consistency.value", "consistency is strong or local."));
        else if (lifetime.ApplicationStopping.IsCancellationRequested)
            fault = Fault.Unavailable("This node is shutting down.");
        else
            fault = (await journal.Read(OrgId.Default, new ReadOptions(consistency == "local" ? Consistency.Local : Consistency.Strong, null, null), context.RequestAborted)).Fault;
        // no room for the default org: whoever asks is to try elsewhere
        if (fault is { Code: FaultCode.QuotaExceeded }) fault = Fault.Unavailable(fault.Detail);
        if (fault is not null)
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        var json = new JsonText().Raw("{\"status\":\"ready\""u8);
        // reads go on whatever this says, so it is no reason to take the node out
        var warnings = new[] { partitions.Warning, audit.Months.Warning, arrears.Warning }.OfType<string>().ToList();
        foreach (var (index, warning) in warnings.Index()) json.Raw(index == 0 ? ",\"warnings\":["u8 : ","u8).Text(warning);
        if (warnings.Count > 0) json.Raw("]"u8);
        await Answer.Send(context, json.Raw("}"u8));
    }

    /// <summary>Everything measured, for Prometheus.</summary>
    public async Task Scrape(HttpContext context)
    {
        var caller = Caller.Of(context);
        Fault? fault = null;
        // of the node and not of an org: a token that is to read it is made with a root token
        if (!caller.Principal.IsRoot && (await journal.Read(caller.Org, new ReadOptions(Consistency.Local, null, null), context.RequestAborted)).TryGet(out var snapshot, out fault))
            fault = Authorisation.Check(snapshot.State.Access, caller.Principal, Permission.Operate, null, null);
        await (fault is null ? Send(context, PrometheusText, Encoding.UTF8.GetBytes(metrics.Write())) : HttpProblems.Write(context, fault));
    }

    /// <summary>The contract, as docs/openapi/v1.json has it.</summary>
    public static Task OpenApi(HttpContext context) => Send(context, Answer.Json, OpenApiDocument);

    static Task Send(HttpContext context, string type, byte[] body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    static byte[] ReadDocument()
    {
        using var resource = typeof(OperationEndpoints).Assembly.GetManifestResourceStream("openapi/v1.json")!;
        using var copy = new MemoryStream();
        resource.CopyTo(copy);
        return copy.ToArray();
    }
}
