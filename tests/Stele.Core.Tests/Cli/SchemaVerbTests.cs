using Stele.Core.Tests.Client;
using Xunit;

namespace Stele.Core.Tests.Cli;

public sealed class SchemaVerbTests
{
    readonly FakeServer server = new();

    [Fact]
    public async Task Set_sends_a_schema_clears_it_and_leaves_it()
    {
        server.Answers = """{"type":"integer"}""";
        Assert.Equal(0, (await server.Run("set", "a.b", "1", "--schema", "-")).Code);
        Assert.Contains("\"schema\":{\"type\":\"integer\"}", server.Handler.Requests[^1].Body, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("set", "a.b", "1", "--schema", "none")).Code);
        Assert.Contains("\"schema\":null", server.Handler.Requests[^1].Body, StringComparison.Ordinal);
        Assert.Equal(0, (await server.Run("set", "a.b", "1")).Code);
        Assert.DoesNotContain("schema", server.Handler.Requests[^1].Body, StringComparison.Ordinal);
        server.Answers = "{";
        Assert.Equal(2, (await server.Run("set", "a.b", "1", "--schema", "-")).Code);
    }

    [Fact]
    public async Task Validate_says_where_a_value_breaks_a_schema()
    {
        server.Answers = """{"type":"integer"}""";
        server.Intercept = sent => sent.Path.StartsWith("/v1/schema/validate", StringComparison.Ordinal)
            ? StubHandler.Json(sent.Body == """{"schema":{"type":"integer"},"value":1}"""
                ? """{"valid":true,"errors":[]}"""
                : """{"valid":false,"errors":[{"instance_location":"/a","keyword_location":"/type","message":"No."}]}""")
            : null;
        Assert.Equal((0, "valid\n", ""), await server.Run("schema", "validate", "1", "--schema", "-"));
        Assert.Equal((1, "/a: No. (/type)\n", ""), await server.Run("schema", "validate", "{\"a\":1}", "--schema", "-"));
        Assert.Equal(1, (await server.Run("schema", "validate", "x", "--schema", "-", "--json")).Code);
        Assert.Equal(2, (await server.Run("schema", "validate", "--schema", "-")).Code);
        Assert.Equal(2, (await server.Run("schema", "validate", "1")).Code);
    }

    [Fact]
    public async Task Check_reads_all_pages()
    {
        server.Answers = "true";
        server.Intercept = sent => !sent.Path.StartsWith("/v1/config/schema-check", StringComparison.Ordinal) ? null
            : sent.Path.Contains("cursor=next", StringComparison.Ordinal)
                ? StubHandler.Json("""{"items":[{"key":"a.b","version":3,"errors":[{"instance_location":"","keyword_location":"/type","message":"No."}]}],"checked":2,"revision":9}""")
                : StubHandler.Json("""{"items":[],"checked":5,"revision":9,"next_cursor":"next"}""");
        var (code, output, error) = await server.Run("schema", "check", "a.", "--schema", "-", "--env", "production");
        Assert.Equal((1, "a.b (version 3): No. (/type)\n"), (code, output));
        Assert.Contains("1 of 7 values", error, StringComparison.Ordinal);
        Assert.All(server.Handler.Requests, sent => Assert.Contains("env=production&prefix=a.", sent.Path, StringComparison.Ordinal));
    }
}
