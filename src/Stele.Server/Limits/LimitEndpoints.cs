using Stele.Core.Access;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using Stele.Server.Gateway;

namespace Stele.Server.Limits;

/// <summary>The switch of the read-only mode.</summary>
internal sealed class LimitEndpoints(ReadOnlyMode mode)
{
    static readonly BodyMembers Members = new(required: ["read_only"], optional: ["reason"]);

    /// <summary><c>GET /v1/operations/read-only</c>: what this node goes by, for whoever may ask anything.</summary>
    public Task Show(HttpContext context)
    {
        List<Problem>? problems = null;
        RequestParameters.Parse(context.Request, Parameter.None, ref problems);
        return problems is null ? Answer.Send(context, Text(mode.Current)) : HttpProblems.Write(context, Fault.Invalid(problems));
    }

    /// <summary><c>POST /v1/operations/read-only</c>: for the root token only, since it is about every org.</summary>
    public async Task Switch(HttpContext context)
    {
        var caller = Caller.Of(context);
        if (!caller.Principal.IsRoot)
        {
            await HttpProblems.Write(context, new Fault(FaultCode.Forbidden, "Only the root token may make Stele read-only: it concerns every organization."));
            return;
        }
        if (!(await WriteRequest.Read(context, Parameter.None)).TryGet(out var request, out var fault))
        {
            await HttpProblems.Write(context, fault);
            return;
        }
        using (request)
        {
            var (readOnly, reason) = Parse(request.Body, request.Problems);
            if (request.Refused is { } refused)
            {
                await HttpProblems.Write(context, refused);
                return;
            }
            // nothing is lost by cutting it off: switching twice is switching once
            var now = await mode.Set(readOnly, reason, caller.Principal.ActorId, context.RequestAborted);
            await Answer.Send(context, Text(now));
        }
    }

    static JsonText Text(WriteMode mode)
    {
        var json = new JsonText().Raw("{\"read_only\":"u8).Boolean(mode.IsReadOnly).Raw(",\"reason\":"u8).Text(mode.Reason).Raw(",\"since\":"u8);
        if (mode.Since is { } since) json.Time(since);
        else json.Raw("null"u8);
        return json.Raw(",\"by\":"u8).Text(mode.By).Raw(",\"this_node\":"u8).Boolean(mode.Here).Raw("}"u8);
    }

    static (bool ReadOnly, string? Reason) Parse(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var readOnly = false;
        string? reason = null;
        var body = new JsonBody(utf8, Members, problems);
        while (body.NextMember(out var member))
            if (member == "read_only") readOnly = body.ReadBoolean() ?? false;
            else if (!body.TryReadNull())
            {
                reason = body.ReadString();
                if (reason?.Length > TrafficLimits.ReadOnlyReasonCharacters.Value)
                    body.Refuse("reason.length", $"A reason has at most {TrafficLimits.ReadOnlyReasonCharacters.Value} characters; this one has {reason.Length}.");
            }
        return (readOnly, reason);
    }
}
