using Npgsql;
using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Server.Access;
using Stele.Server.Gateway.Grpc;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Transport;

namespace Stele.Server.Gateway;

/// <summary>
/// The one middleware: gives every request its id, lets in who has a token, and answers what nobody else answered: unknown
/// routes, wrong methods, exceptions. It stands before routing, so that a request without a token learns nothing of what
/// routes there are.
/// </summary>
internal sealed class RequestGate(RequestDelegate next, RequestIds ids, Identities identities, AnswerHeaders headers, HttpLimits limits, ILogger<RequestGate> log)
{
    public Task Invoke(HttpContext context)
    {
        var caller = new Caller(ids.Next());
        context.Features.Set(caller);
        context.Response.Headers[RequestIdHeader] = caller.RequestIdText;
        if (IsOpen(context.Request)) return Next(context, caller);
        // nobody has let him in, but checking who he is is work like any other
        if (IsSignIn(context.Request)) return limits.EnterUnknown(caller) is { } busy ? HttpProblems.Write(context, busy) : Next(context, caller);
        if (IsLate(context.Request))
        {
            context.Features.Set<LateAdmission>(request => identities.Admit(request, caller));
            return Next(context, caller);
        }
        var admitted = identities.Admit(context.Request, caller);
        if (!admitted.IsCompletedSuccessfully) return Later(context, caller, admitted);
        return admitted.Result is { } fault ? HttpProblems.Write(context, fault) : Enter(context, caller);
    }

    Task Enter(HttpContext context, Caller caller) => limits.Enter(context, caller) is not { } limited ? Next(context, caller)
        : limits.Slow(context, caller) is { } slow ? Slowly(context, limited, slow) : HttpProblems.Write(context, limited);

    static async Task Slowly(HttpContext context, Fault refusal, Task slow)
    {
        await slow;
        if (!context.RequestAborted.IsCancellationRequested) await HttpProblems.Write(context, refusal);
    }

    Task Next(HttpContext context, Caller caller)
    {
        Task task;
        try
        {
            task = next(context);
        }
        catch (Exception e)
        {
            limits.Leave(caller);
            return Failed(context, e);
        }
        // without a state machine when there is nothing to wait for
        if (!task.IsCompletedSuccessfully) return Await(context, caller, task);
        limits.Leave(caller);
        return Unanswered(context) ?? task;
    }

    // who asks is looked for
    async Task Later(HttpContext context, Caller caller, ValueTask<Fault?> admitted)
    {
        Fault? refused;
        try
        {
            refused = await admitted;
        }
        catch (Exception e)
        {
            await Failed(context, e);
            return;
        }
        await (refused is { } fault ? HttpProblems.Write(context, fault) : Enter(context, caller));
    }

    async Task Await(HttpContext context, Caller caller, Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e)
        {
            await Failed(context, e);
            return;
        }
        finally
        {
            limits.Leave(caller);
        }
        if (Unanswered(context) is { } answer) await answer;
    }

    /// <summary>What an orchestrator asks has no token.</summary>
    static bool IsOpen(HttpRequest request) => request.Path.Value is "/healthz" or "/readyz" or GrpcHealth.CheckPath;

    /// <summary>Who signs in has no token yet.</summary>
    static bool IsSignIn(HttpRequest request) => request.Path.Value == "/v1/session" && HttpMethods.IsPost(request.Method);

    /// <summary>Who opens a WebSocket without a token says it in the first message.</summary>
    static bool IsLate(HttpRequest request) => request.Path.Value == "/v1/ws" && request.Headers.Authorization.Count == 0
        && request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase);

    /// <summary>The answer to what the router refused, or null when the request was answered.</summary>
    static Task? Unanswered(HttpContext context)
    {
        var response = context.Response;
        if (response.StatusCode < 400 || response.HasStarted || response.ContentType is not null) return null;
        return response.StatusCode switch
        {
            StatusCodes.Status404NotFound => HttpProblems.Write(context, new Fault(FaultCode.NotFound, "There is nothing at this path.")),
            StatusCodes.Status405MethodNotAllowed => HttpProblems.Write(context,
                new Fault(FaultCode.MethodNotAllowed, $"{context.Request.Method} is not one of the methods here: {response.Headers.Allow}.")),
            _ => null,
        };
    }

    Task Failed(HttpContext context, Exception exception)
    {
        var caller = Caller.Of(context);
        // the client has gone: nobody to answer
        if (context.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or IOException) return Task.CompletedTask;
        var fault = FaultOf(exception, caller);
        if (fault.Code == FaultCode.Internal) log.Failed(exception, caller.RequestIdText, context.Request.Method, context.Request.Path);
        else if (fault.Code is FaultCode.Unavailable or FaultCode.OutcomeUnknown) log.Away(exception.Message, caller.RequestIdText, context.Request.Method, context.Request.Path);
        if (context.Response.HasStarted || context.Response.ContentType is not null)
        {
            // half an answer must not pass for a whole one
            context.Abort();
            return Task.CompletedTask;
        }
        context.Response.Clear();
        headers.Apply(context);
        context.Response.Headers[RequestIdHeader] = caller.RequestIdText;
        return HttpProblems.Write(context, fault);
    }

    // "unavailable" promises that nothing was written, which nobody knows of a write that broke outside the appender
    static Fault FaultOf(Exception exception, Caller caller) => FaultOf(exception) is { Code: FaultCode.Unavailable } fault && caller.MayHaveWritten
        ? new Fault(FaultCode.OutcomeUnknown, $"{fault.Detail} Whether this was written is not known: send it again with the same Idempotency-Key to find out.", [], 1)
        : FaultOf(exception);

    /// <summary>What is answered to whoever asked when something was thrown. A database that went away is none of our bugs, whatever it said as it did.</summary>
    internal static Fault FaultOf(Exception exception) => exception switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => RequestBody.TooLarge(SteleLimits.ChangeSetBytes),
        BadHttpRequestException bad => Fault.Invalid(Problem.Body("", "http.request", bad.Message)),
        StoreUnavailableException or OperationCanceledException or TimeoutException => Fault.Unavailable("The database did not answer in time."),
        NpgsqlException npgsql when npgsql.IsTransient || StoreFaults.IsAway(npgsql) => Fault.Unavailable("The database cannot be reached."),
        _ => new Fault(FaultCode.Internal, "Something went wrong; the log has the request id."),
    };

    const string RequestIdHeader = "Request-Id";
}
