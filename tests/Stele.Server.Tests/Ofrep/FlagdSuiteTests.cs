using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Ofrep;

/// <summary>What flagd's own evaluators answer, over the wire: a flagd file is imported as it is, and asked as a client would. The file and the cases are ours, after flagd's documentation of its operators.</summary>
public sealed class FlagdSuiteTests(HttpServer server) : IClassFixture<HttpServer>, IAsyncLifetime
{
    const string File = """
        {"$schema":"https://flagd.dev/schema/v0/flags.json","metadata":{"flagSetId":"suite"},
        "$evaluators":{"is_staff":{"ends_with":[{"var":"email"},"@faas.com"]}},
        "flags":{
        "bool":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"},
        "text":{"state":"ENABLED","variants":{"zero":"","hi":"hi"},"defaultVariant":"zero"},
        "large":{"state":"ENABLED","variants":{"large":2147483647,"huge":9007199254740991},"defaultVariant":"huge"},
        "integral":{"state":"ENABLED","variants":{"ten":10.0,"half":0.5},"defaultVariant":"ten"},
        "object":{"state":"ENABLED","variants":{"empty":{},"full":{"showImages":true,"title":"x","imagesPerPage":100}},"defaultVariant":"full"},
        "disabled":{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"},
        "null-default":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":null},
        "no-default-rule":{"state":"ENABLED","variants":{"normal":"CFO","special":"CEO"},"targeting":{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special"]}},
        "shared":{"state":"ENABLED","variants":{"hi":"hi","bye":"bye"},"defaultVariant":"bye","targeting":{"if":[{"$ref":"is_staff"},"hi","bye"]}},
        "dangling":{"state":"ENABLED","variants":{"hit":"hit","miss":"miss"},"defaultVariant":"miss","targeting":{"if":[{"$ref":"nobody_has_it"},"hit","miss"]}},
        "by-key":{"state":"ENABLED","variants":{"lower":"lower","upper":"upper"},"defaultVariant":"lower","targeting":{"fractional":[{"var":"targetingKey"},["lower",50],["upper",50]]}},
        "nobody":{"state":"ENABLED","variants":{"a":"a","b":"b","none":"none"},"defaultVariant":"none","targeting":{"fractional":[{"var":"missing"},["a",50],["b",50]]}},
        "single":{"state":"ENABLED","variants":{"one":"one","none":"none"},"defaultVariant":"none","targeting":{"fractional":[["one",1]]}},
        "zero":{"state":"ENABLED","variants":{"one":"one","two":"two","none":"none"},"defaultVariant":"none","targeting":{"fractional":[{"var":"targetingKey"},["one",0],["two",0]]}},
        "prefix":{"state":"ENABLED","variants":{"prefix":"prefix","postfix":"postfix","none":"none"},"defaultVariant":"none","targeting":{"if":[{"starts_with":[{"var":"id"},"abc"]},"prefix",{"ends_with":[{"var":"id"},"xyz"]},"postfix","none"]}},
        "version":{"state":"ENABLED","variants":{"minor":"minor","major":"major","none":"none"},"defaultVariant":"none","targeting":{"if":[{"sem_ver":[{"var":"version"},"~","3.0.0"]},"minor",{"sem_ver":[{"var":"version"},"^","3.0.0"]},"major",null]}},
        "time":{"state":"ENABLED","variants":{"past":-1,"future":1,"none":0},"defaultVariant":"none","targeting":{"if":[{">":[{"var":"$flagd.timestamp"},{"var":"time"}]},"past","future"]}},
        "itself":{"state":"ENABLED","variants":{"yes":true,"no":false},"defaultVariant":"no","targeting":{"if":[{"==":[{"var":"$flagd.flagKey"},"itself"]},"yes","no"]}}}}
        """;

    public async ValueTask InitializeAsync() => (await server.Post("/v1/flags/import?env=staging&mode=replace", File)).Is(200);

    [Theory]
    [InlineData("bool", "{}", "true", "STATIC")]
    [InlineData("text", "{}", "\"\"", "STATIC")]
    [InlineData("large", "{}", "9007199254740991", "STATIC")]
    [InlineData("integral", "{}", "10.0", "STATIC")]
    [InlineData("object", "{}", """{"showImages":true,"title":"x","imagesPerPage":100}""", "STATIC")]
    [InlineData("disabled", "{}", null, "DISABLED")]
    [InlineData("null-default", "{}", null, "DEFAULT")]
    [InlineData("no-default-rule", """{"email":"wozniak@orange.com"}""", null, "DEFAULT")]
    [InlineData("no-default-rule", """{"email":"jobs@orange.com"}""", "\"CEO\"", "TARGETING_MATCH")]
    [InlineData("shared", """{"email":"ballmer@faas.com"}""", "\"hi\"", "TARGETING_MATCH")]
    [InlineData("shared", """{"email":5}""", "\"bye\"", "TARGETING_MATCH")]
    [InlineData("by-key", """{"targetingKey":"ejOoVL"}""", "\"lower\"", "SPLIT")]
    [InlineData("by-key", """{"targetingKey":"bY9fO-"}""", "\"lower\"", "SPLIT")]
    [InlineData("by-key", """{"targetingKey":"SI7p-"}""", "\"lower\"", "SPLIT")]
    [InlineData("by-key", """{"targetingKey":"6LvT0"}""", "\"upper\"", "SPLIT")]
    [InlineData("by-key", """{"targetingKey":"ceQdGm"}""", "\"upper\"", "SPLIT")]
    [InlineData("nobody", "{}", "\"none\"", "DEFAULT")]
    [InlineData("single", "{}", "\"one\"", "TARGETING_MATCH")]
    [InlineData("zero", """{"targetingKey":"x"}""", "\"none\"", "DEFAULT")]
    [InlineData("prefix", """{"id":"abcdef"}""", "\"prefix\"", "TARGETING_MATCH")]
    [InlineData("prefix", """{"id":"uvwxyz"}""", "\"postfix\"", "TARGETING_MATCH")]
    [InlineData("prefix", """{"id":3}""", "\"none\"", "TARGETING_MATCH")]
    [InlineData("version", """{"version":"3.0.1"}""", "\"minor\"", "TARGETING_MATCH")]
    [InlineData("version", """{"version":"v3.1"}""", "\"major\"", "TARGETING_MATCH")]
    [InlineData("version", """{"version":"4.0.0"}""", "\"none\"", "DEFAULT")]
    [InlineData("version", """{"version":"not one"}""", "\"none\"", "DEFAULT")]
    [InlineData("time", """{"time":1}""", "-1", "TARGETING_MATCH")]
    [InlineData("time", """{"time":4133980800}""", "1", "TARGETING_MATCH")]
    [InlineData("itself", "{}", "true", "TARGETING_MATCH")]
    public async Task A_flagd_file_answers_as_flagd_does(string flag, string context, string? value, string reason)
    {
        var answer = (await server.Post($"/ofrep/v1/evaluate/flags/{flag}?env=staging", $$"""{"context":{{context}}}""")).Is(200);
        Assert.Equal(reason, answer["reason"].GetString());
        Assert.Equal(value, answer.Json.TryGetProperty("value", out var found) ? found.GetRawText() : null);
        Assert.Equal("suite", answer["metadata"].GetProperty("flagSetId").GetString());
    }

    [Fact]
    public async Task What_a_file_refers_to_and_does_not_have_is_an_error_of_that_flag()
    {
        OfrepTests.Failed(await server.Post("/ofrep/v1/evaluate/flags/dangling?env=staging", "{}"), 400, "PARSE_ERROR", "dangling");
        var all = (await server.Post("/ofrep/v1/evaluate/flags?env=staging", "{}")).Is(200)["flags"].EnumerateArray().ToDictionary(item => item.GetProperty("key").GetString()!);
        Assert.Equal(18, all.Count);
        Assert.Equal("PARSE_ERROR", all["dangling"].GetProperty("errorCode").GetString());
        Assert.Equal(JsonValueKind.True, all["bool"].GetProperty("value").ValueKind);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
