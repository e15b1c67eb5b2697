using System.Globalization;
using System.Text;
using Stele.Core.Limits;
using Xunit;

namespace Stele.Server.Tests.Http;

/// <summary>Each limit, at it and one past it.</summary>
public sealed class LimitTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Keys_services_and_environments()
    {
        var service = new string('s', 50);
        (await server.Put(service + "." + new string('k', 205), """{"value":1}""")).Is(200);
        (await server.Put(service + "." + new string('k', 206), """{"value":1}""")).IsProblem(400, "invalid", "key.length@path:key");
        (await server.Put(service + "s.k", """{"value":1}""")).IsProblem(400, "invalid", "key.service_length@path:key");
        (await server.Post("/v1/environments", $$"""{"name":"{{new string('e', 50)}}"}""")).Is(201);
        (await server.Post("/v1/environments", $$"""{"name":"{{new string('e', 51)}}"}""")).IsProblem(400, "invalid", "environment.name@/name");
        (await server.Post("/v1/environments", $$"""{"name":"long-description","description":"{{new string('d', 1025)}}"}""")).IsProblem(400, "invalid", "description.length@/description");
    }

    [Fact]
    public async Task Bytes_of_a_value()
    {
        var most = (int)SteleLimits.ValueBytes.Value;
        (await server.Put("limit.value", $$"""{"value":"{{new string('x', most - 2)}}"}""")).Is(200);
        var read = await server.Get("/v1/config/limit.value");
        Assert.Equal(most - 2, read.Is(200)["value"].GetString()!.Length);
        var before = await server.Revision();
        (await server.Put("limit.value", $$"""{"value":"{{new string('x', most - 1)}}"}""")).IsProblem(413, "too_large", "value.bytes@/value");
        (await server.Post("/v1/changes", $$"""{"changes":[{"op":"set","key":"limit.value","value":"{{new string('x', most - 1)}}"}]}""")).IsProblem(413, "too_large", "value.bytes@/changes/0/value");
        Assert.Equal(before, await server.Revision());
    }

    [Fact]
    public async Task Digits_exponent_and_depth()
    {
        (await server.Put("limit.number", $$"""{"value":{{new string('1', 1000)}}}""")).Is(200);
        (await server.Put("limit.number", $$"""{"value":{{new string('1', 1001)}}}""")).IsProblem(400, "invalid", "number.digits@/value");
        (await server.Put("limit.number", """{"value":1e1000}""")).Is(200);
        (await server.Put("limit.number", """{"value":1e-1001}""")).IsProblem(400, "invalid", "number.exponent@/value");
    }

    [Fact]
    public async Task Characters_of_a_change_log_and_an_idempotency_key()
    {
        (await server.Put("limit.log", $$"""{"value":1,"change_log":"{{new string('x', 4096)}}"}""")).Is(200);
        (await server.Put("limit.log", $$"""{"value":1,"change_log":"{{new string('x', 4097)}}"}""")).IsProblem(400, "invalid", "change_log.length@/change_log");
        (await server.Put("limit.log", """{"value":1}""", "", ("Idempotency-Key", new string('i', 255)))).Is(200);
        (await server.Put("limit.log", """{"value":1}""", "", ("Idempotency-Key", new string('i', 256)))).IsProblem(400, "invalid", "idempotency_key.length@header:Idempotency-Key");
    }

    [Fact]
    public async Task Changes_of_a_change_set_and_items_of_a_page()
    {
        var most = (int)SteleLimits.ChangeSetChanges.Value;
        var answer = await server.Post("/v1/changes", Changes(most));
        Assert.Equal(most, answer.Is(200)["results"].GetArrayLength());
        (await server.Post("/v1/changes", Changes(most + 1))).IsProblem(413, "too_large", "changes.count@/changes");
        var page = await server.Get("/v1/config?prefix=many.&limit=1000&env=staging");
        Assert.Equal(1000, page.Is(200)["items"].GetArrayLength());
        (await server.Get("/v1/config?limit=1001")).IsProblem(400, "invalid", "limit.range@query:limit");
    }

    [Fact]
    public async Task Bytes_of_a_body()
    {
        var most = (int)SteleLimits.ChangeSetBytes.Value;
        (await server.Put("limit.body", Padded(most))).Is(200);
        (await server.Put("limit.body", Padded(most + 1))).IsProblem(413, "too_large", "body.bytes@");
    }

    static string Changes(int count)
    {
        var text = new StringBuilder("{\"changes\":[");
        for (var i = 0; i < count; i++)
            text.Append(CultureInfo.InvariantCulture, $$"""{{(i > 0 ? "," : "")}}{"op":"set","key":"many.k{{i:d5}}","environment":"staging","value":{{i}}}""");
        return text.Append("]}").ToString();
    }

    static string Padded(int bytes) => """{"value":1""" + new string(' ', bytes - 11) + "}";
}

/// <summary>On a server of its own, because it uses up the environments.</summary>
public sealed class EnvironmentLimitTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task Environments_of_an_org()
    {
        var count = (await server.Get("/v1/environments")).Is(200)["items"].GetArrayLength();
        for (; count < SteleLimits.EnvironmentsPerOrg.Value; count++)
            (await server.Post("/v1/environments", $$"""{"name":"env-{{count}}"}""")).Is(201);
        (await server.Post("/v1/environments", """{"name":"one-more"}""")).IsProblem(403, "quota_exceeded", "environments.count@/name");
    }
}
