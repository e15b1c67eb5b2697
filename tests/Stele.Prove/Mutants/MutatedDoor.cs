using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Stele.Prove.Workload;

namespace Stele.Prove.Mutants;

/// <summary>A bug between a node and whoever asks it: before all that the product does with a request, and after its answer.</summary>
internal sealed class MutatedDoor(Mutant mutant) : IStartupFilter
{
    // of so many one
    const int Some = 20;

    int asked;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(Pass);
        next(app);
    };

    async Task Pass(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (mutant == Mutant.RetryWithoutTheKey) request.Headers.Remove("Idempotency-Key");
        if (mutant == Mutant.SkipTheHeadCheck && HttpMethods.IsGet(request.Method)) Ask(request, "consistency", "local");
        if (mutant == Mutant.ForgetTheOrgFilter && HttpMethods.IsGet(request.Method) && request.Path.StartsWithSegments("/v1/config") && !request.Headers.ContainsKey("Stele-Org") && Interlocked.Increment(ref asked) % Some == 0)
            request.Headers["Stele-Org"] = Load.OtherOrg;
        if (mutant == Mutant.IgnoreTheExpectedVersion) await Forget(request, "expected_version");
        if (request.Path == "/v1/watch" && mutant is Mutant.DeliverTwice or Mutant.DeliverHalfARevision or Mutant.MissARevision)
            context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(new MutatedEvents(context.Response.Body, mutant)));
        await next(context);
    }

    static void Ask(HttpRequest request, string name, string? value)
    {
        var query = QueryHelpers.ParseQuery(request.QueryString.Value).Where(pair => pair.Key != name).ToDictionary(pair => pair.Key, pair => pair.Value);
        if (value is not null) query[name] = value;
        request.QueryString = QueryString.Create(query);
    }

    static async Task Forget(HttpRequest request, string member)
    {
        Ask(request, member, null);
        if (request.ContentLength is null or 0) return;
        var body = await JsonNode.ParseAsync(request.Body);
        Remove(body, member);
        var bytes = Encoding.UTF8.GetBytes(body!.ToJsonString());
        (request.Body, request.ContentLength) = (new MemoryStream(bytes), bytes.Length);
    }

    static void Remove(JsonNode? node, string member)
    {
        if (node is JsonObject some)
        {
            some.Remove(member);
            foreach (var (_, value) in some) Remove(value, member);
        }
        else if (node is JsonArray list)
        {
            foreach (var item in list) Remove(item, member);
        }
    }
}
