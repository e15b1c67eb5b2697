using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Stele.Core.Faults;
using Stele.Core.Journal;
using Stele.Server.Access;
using Stele.Server.Gateway;
using Stele.Server.Identity;
using Stele.Server.Journal;
using Stele.Server.Limits;
using Stele.Server.Operation;
using Stele.Server.Tests.Fixtures;
using Stele.Server.Transport;
using Xunit;

namespace Stele.Server.Tests.Http;

public sealed partial class GateTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Theory]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer wrong")]
    [InlineData("Basic " + HttpServer.Token)]
    [InlineData(HttpServer.Token)]
    public async Task Every_route_without_a_token_is_refused(string authorization)
    {
        using var bare = new HttpClient(new ContractHandler()) { BaseAddress = server.Client.BaseAddress };
        foreach (var (method, pattern) in server.Routes().Append(("GET", "/v1/no/such/route")))
        {
            if (pattern is "/healthz" or "/readyz" || (method, pattern) == ("POST", "/v1/session")) continue;
            using var request = new HttpRequestMessage(new HttpMethod(method), Hole().Replace(pattern, "x"));
            if (authorization.Length > 0) request.Headers.TryAddWithoutValidation("Authorization", authorization);
            using var response = await bare.SendAsync(request);
            Assert.True((int)response.StatusCode == 401, $"{method} {pattern} answered {(int)response.StatusCode} without a token");
            Assert.Equal(pattern.StartsWith("/ofrep/", StringComparison.Ordinal) ? "application/json" : "application/problem+json", response.Content.Headers.ContentType!.MediaType);
            Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
        }
    }

    [Fact]
    public async Task Nobody_without_a_token_has_an_organization_looked_up()
    {
        var (looks, reached) = (0, 0);
        var tokens = new RootTokens();
        tokens.Set([RootTokens.Hash("token")]);
        var orgs = new OrgDirectory(_ =>
        {
            looks++;
            return Task.FromResult<OrgId?>(null);
        }, TimeProvider.System, new JournalOptions());
        var identities = new Identities(tokens, orgs, server.Service<KnownTokens>(), server.Service<StreamPasses>(), server.Service<Sessions>(), server.Service<VouchedIdentities>(), server.Service<JournalNode>(), new JournalOptions(), Unbounded(), server.Service<AccessMetrics>());
        var gate = new RequestGate(_ =>
        {
            reached++;
            return Task.CompletedTask;
        }, new RequestIds(TimeProvider.System), identities, server.Service<AnswerHeaders>(), Unbounded(), NullLogger<RequestGate>.Instance);
        foreach (var (token, status) in (IEnumerable<(string?, int)>)[(null, 401), ("wrong", 401), ("stele_acme_guess", 401), ("token", 404)])
        {
            using var body = new MemoryStream();
            var context = new DefaultHttpContext { Response = { Body = body } };
            if (token is not null) context.Request.Headers.Authorization = $"Bearer {token}";
            context.Request.Headers["Stele-Org"] = "acme";
            await gate.Invoke(context);
            Assert.Equal(status, context.Response.StatusCode);
        }
        Assert.Equal((1, 0), (looks, reached));
    }

    [Fact]
    public async Task An_unknown_route_and_a_wrong_method_are_problems()
    {
        (await server.Get("/v1/no/such/route")).IsProblem(404, "not_found");
        (await server.Get("/")).IsProblem(404, "not_found");
        var answer = (await server.Send("PATCH", "/v1/config/app.x", "{}")).IsProblem(405, "method_not_allowed");
        Assert.Equal(["DELETE", "GET", "PUT"], answer.Headers["Allow"].Split(", ").Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_exception_is_answered_with_the_request_id_only()
    {
        var gate = new RequestGate(_ => throw new InvalidOperationException("a secret detail"), new RequestIds(TimeProvider.System), null!, server.Service<AnswerHeaders>(), Unbounded(), NullLogger<RequestGate>.Instance);
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Response = { Body = body } };
        context.Request.Path = "/healthz";
        await gate.Invoke(context);
        await context.Response.BodyWriter.FlushAsync();
        var text = Encoding.UTF8.GetString(body.ToArray());
        Assert.Equal(500, context.Response.StatusCode);
        Assert.Contains("\"code\":\"internal\"", text, StringComparison.Ordinal);
        Assert.Contains(context.Response.Headers["Request-Id"].ToString(), text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_answer_has_a_request_id_of_its_own()
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in (string[])["/v1/limits", "/v1/config", "/v1/nowhere", "/v1/config?x=1"])
        {
            var id = (await server.Get(path)).Headers["Request-Id"];
            Assert.Equal(7, Guid.Parse(id).Version);
            Assert.True(ids.Add(id));
        }
    }

    [Fact]
    public void Every_code_of_the_list_has_its_status_and_name()
    {
        var mapped = Enum.GetValues<FaultCode>().Select(HttpProblems.Of).ToList();
        Assert.Equal(mapped.Count, mapped.Select(map => map.Code).Distinct().Count());
        Assert.All(mapped, map => Assert.InRange(map.Status, 400, 503));
        // the name is the member's, in snake case
        Assert.All(Enum.GetValues<FaultCode>(), code => Assert.Equal(Upper().Replace(code.ToString(), "_$0").TrimStart('_').ToLowerInvariant(), HttpProblems.Of(code).Code));
    }

    // found by ./stele prove: a flag was written, what the answer tells of it could not be read, and the client was told that nothing was written
    [Theory]
    [InlineData(true, "outcome_unknown")]
    [InlineData(false, "unavailable")]
    public async Task A_write_that_breaks_after_its_commit_is_not_said_to_be_not_written(bool writes, string code)
    {
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { Response = { Body = body } };
        context.Request.Method = writes ? "PUT" : "GET";
        context.Request.Headers.Authorization = $"Bearer {HttpServer.Token}";
        var gate = new RequestGate(async inner =>
        {
            if (writes) using (WriteRequest.WithoutBody(inner, Parameter.Env)) await Task.Yield();
            throw new StoreUnavailableException("Exception while reading from stream");
        }, new RequestIds(TimeProvider.System), server.Service<Identities>(), server.Service<AnswerHeaders>(), Unbounded(), NullLogger<RequestGate>.Instance);
        await gate.Invoke(context);
        await context.Response.BodyWriter.FlushAsync();
        Assert.Equal(503, context.Response.StatusCode);
        Assert.Contains($"\"code\":\"{code}\"", Encoding.UTF8.GetString(body.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Limits_and_status_are_shown()
    {
        var limits = (await server.Get("/v1/limits")).Is(200)["items"];
        Assert.Contains(limits.EnumerateArray(), limit => limit.GetProperty("name").GetString() == "value.bytes" && limit.GetProperty("value").GetInt64() == 8 << 20);
        await server.Revision();
        var status = (await server.Get("/v1/status")).Is(200);
        Assert.Equal("default", status["orgs"][0].GetProperty("name").GetString());
        Assert.True(status["orgs"][0].GetProperty("revision").GetInt64() >= 1);
        Assert.True(status["primary"].GetProperty("reachable").GetBoolean());
    }

    static HttpLimits Unbounded()
    {
        var bounds = new LimitOptions();
        return new HttpLimits(new RequestLimiter(TimeProvider.System, bounds, new LimitMetrics(new Metrics())), new ClientAddress([]), bounds);
    }

    [GeneratedRegex(@"\{[^}]+\}")]
    private static partial Regex Hole();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Upper();
}
