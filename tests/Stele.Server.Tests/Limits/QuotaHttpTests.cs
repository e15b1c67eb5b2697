using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Limits;

/// <summary>Quotas that the operator gives one org, as its clients meet them, on two nodes.</summary>
public sealed class QuotaHttpTests(HttpServer server) : IClassFixture<HttpServer>
{
    [Fact]
    public async Task An_org_has_its_own_quotas_and_every_node_keeps_them()
    {
        await using var another = await server.Another();
        (await server.Send("PATCH", "/v1/settings", """{"limits":{"org.keys":2,"org.mib":1}}""")).Is(200);
        (await server.Put("quota.a", """{"value":1}""")).Is(200);
        (await another.Put("quota.b", """{"value":1}""")).Is(200);
        (await server.Put("quota.c", """{"value":1}""")).IsProblem(403, "quota_exceeded", "org.keys@");
        (await another.Put("quota.c", """{"value":1}""")).IsProblem(403, "quota_exceeded", "org.keys@");
        // canonical bytes of both values together: one mebibyte, and one more
        (await server.Put("quota.a", $$"""{"value":"{{new string('x', (1 << 20) - 3)}}","value_type":"json"}""")).Is(200);
        (await another.Put("quota.b", """{"value":12}""")).IsProblem(403, "quota_exceeded", "org.mib@");
        (await another.Put("quota.b", """{"value":2}""")).Is(200);
        (await server.Send("PATCH", "/v1/settings", """{"limits":{"org.keys":null,"org.mib":null}}""")).Is(200);
        (await another.Put("quota.c", """{"value":12}""")).Is(200);
    }
}
