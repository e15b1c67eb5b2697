using System.Text.Json;
using Stele.Server.Tests.Http;
using Xunit;

namespace Stele.Server.Tests.Ofrep;

/// <summary>
/// Every example of the evaluator suite of flagd's public test bed (open-feature/flagd-testbed, evaluator/gherkin, with bucketing as
/// @fractional-v2), as a table over OFREP: what goes in and what comes out are that suite's, the spelling of the flags is ours. A type
/// is never on the wire, so its cases of TYPE_MISMATCH are the client's; <see cref="OpenFeatureTests"/> has them.
/// </summary>
public sealed class FlagdTestbedTests(HttpServer server) : IClassFixture<HttpServer>, IAsyncLifetime
{
    const string Booleans = """{"on":true,"off":false}""", Zero = """{"zero":false,"non-zero":true}""", Template = """{"showImages":true,"title":"Check out these pics!","imagesPerPage":100}""";

    const string Ballmer = """{"$ref":"is_ballmer"}""", SharedSeed = """{"cat":["shared-seed",{"var":"user.name"}]}""", Suits = """["clubs",25],["diamonds",25],["hearts",25],["spades",25]""";

    static readonly string file = "{\"flags\":{" + string.Join(",\n", (string[])
        [
            Flag("boolean-flag", Booleans, "on"),
            Flag("string-flag", """{"greeting":"hi","parting":"bye"}""", "greeting"),
            Flag("integer-flag", """{"one":1,"ten":10}""", "ten"),
            Flag("float-flag", """{"tenth":0.1,"half":0.5}""", "half"),
            Flag("object-flag", $$"""{"empty":{},"template":{{Template}}}""", "template"),
            Flag("large-integer-flag", """{"small":1,"large":2147483647}""", "large"),
            Flag("huge-integer-flag", """{"small":1,"huge":9007199254740991}""", "huge"),
            Flag("integral-float-flag", """{"tenth":0.1,"ten":10.0}""", "ten"),
            Flag("boolean-zero-flag", Zero, "zero"),
            Flag("string-zero-flag", """{"zero":"","non-zero":"str"}""", "zero"),
            Flag("integer-zero-flag", """{"zero":0,"non-zero":1}""", "zero"),
            Flag("float-zero-flag", """{"zero":0.0,"non-zero":1.0}""", "zero"),
            Flag("object-zero-flag", $$"""{"zero":{},"non-zero":{{Template}}}""", "zero"),
            Flag("boolean-targeted-zero-flag", Zero, "zero", If(Ballmer, "zero")),
            Flag("string-targeted-zero-flag", """{"zero":"","non-zero":"str"}""", "zero", If(Ballmer, "zero")),
            Flag("integer-targeted-zero-flag", """{"zero":0,"non-zero":1}""", "zero", If(Ballmer, "zero")),
            Flag("float-targeted-zero-flag", """{"zero":0.0,"non-zero":1.0}""", "zero", If(Ballmer, "zero")),
            Flag("disabled-boolean-flag", Booleans, "on").Replace("ENABLED", "DISABLED", StringComparison.Ordinal),
            Flag("disabled-string-flag", Same("hi", "bye"), "hi").Replace("ENABLED", "DISABLED", StringComparison.Ordinal),
            Flag("disabled-integer-flag", """{"ten":10}""", "ten").Replace("ENABLED", "DISABLED", StringComparison.Ordinal),
            Flag("disabled-float-flag", """{"half":0.5}""", "half").Replace("ENABLED", "DISABLED", StringComparison.Ordinal),
            Flag("disabled-object-flag", $$"""{"template":{{Template}}}""", "template").Replace("ENABLED", "DISABLED", StringComparison.Ordinal),
            Flag("null-default-flag", Booleans, null),
            Flag("undefined-default-flag", """{"small":10,"big":1000}""", Undefined),
            Flag("no-default-flag-null-targeting-variant", """{"normal":"CFO","special":"CEO"}""", null, """{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special",null]}"""),
            Flag("no-default-flag-undefined-targeting-variant", """{"normal":"CFO","special":"CEO"}""", null, """{"if":[{"==":["jobs@orange.com",{"var":["email"]}]},"special"]}"""),
            Flag("metadata-flag", Booleans, "on")[..^1] + ""","metadata":{"string":"1.0.2","integer":2,"boolean":true,"float":0.1}}""",
            Flag("some-email-targeted-flag", Same("hi", "bye", "none"), "none", If(Ballmer, "hi", "bye")),
            Flag("some-other-email-targeted-flag", Same("yes", "no", "none"), "none", If(Ballmer, "yes", "no")),
            Flag("nested-ref-targeted-flag", Same("privileged", "standard"), "standard", If("""{"$ref":"is_privileged"}""", "privileged", "standard")),
            Flag("ref-whitespace-flag", Same("hi", "bye", "fallback"), "fallback", If("""{"$ref" : "is_ballmer"}""", "hi", "bye")),
            Flag("ref-to-nonexistent-evaluator-flag", Same("hit", "miss", "fallback"), "fallback", If("""{"$ref":"nonexistent_evaluator"}""", "hit", "miss")),
            Flag("targeting-key-flag", Same("miss", "hit"), "miss", """{"if":[{"==":[{"var":"targetingKey"},"5c3d8535-f81a-4478-a6d3-afaa4d51199e"]},"hit",null]}"""),
            Flag("fractional-flag", Same("clubs", "diamonds", "hearts", "spades", "wild"), "wild", $$"""{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"user.name"}]},{{Suits}}]}"""),
            Flag("fractional-flag-shorthand", Same("heads", "tails", "draw"), "draw", """{"fractional":[["heads"],["tails",1]]}"""),
            Flag("fractional-flag-A-shared-seed", Same("clubs", "diamonds", "hearts", "spades", "wild"), "wild", $$"""{"fractional":[{{SharedSeed}},{{Suits}}]}"""),
            Flag("fractional-flag-B-shared-seed", """{"clubs":"ace-of-clubs","diamonds":"ace-of-diamonds","hearts":"ace-of-hearts","spades":"ace-of-spades","wild":"wild"}""", "wild", $$"""{"fractional":[{{SharedSeed}},{{Suits}}]}"""),
            Flag("fractional-hash-edge-flag", Same("lower", "upper"), "lower", """{"fractional":[{"var":"targetingKey"},["lower",50],["upper",50]]}"""),
            Flag("fractional-nested-if-flag", Same("premium", "standard", "fallback"), "fallback", """{"fractional":[{"var":"targetingKey"},[{"if":[{"==":[{"var":"tier"},"premium"]},"premium","standard"]},50],["standard",50]]}"""),
            Flag("fractional-nested-var-flag", Same("red", "green", "blue", "fallback"), "fallback", """{"fractional":[{"var":"targetingKey"},[{"var":"color"},50],["blue",50]]}"""),
            Flag("fractional-nested-weight-flag", Same("red", "blue", "fallback"), "fallback", """{"fractional":[{"var":"targetingKey"},["red",{"if":[{"==":[{"var":"tier"},"premium"]},100,0]}],["blue",10]]}"""),
            Flag("fractional-as-condition-flag", """{"big":"hundreds","small":"ones","fallback":"zero"}""", "fallback", If("""{"fractional":[[false,0],[true,100]]}""", "big", "small")),
            Flag("fractional-as-condition-false-flag", """{"big":"hundreds","small":"ones","fallback":"zero"}""", "fallback", If("""{"fractional":[[false,100],[true,0]]}""", "big", "small")),
            Flag("fractional-single-entry-flag", Same("single", "fallback"), "fallback", """{"fractional":[["single",1]]}"""),
            Flag("fractional-negative-weight-flag", Same("one", "two", "fallback"), "fallback", """{"fractional":[{"var":"targetingKey"},["one",-50],["two",100]]}"""),
            Flag("fractional-null-bucket-key-flag", Same("one", "two", "fallback"), "fallback", """{"fractional":[{"var":"missing_key"},["one",50],["two",50]]}"""),
            Flag("fractional-zero-weights-flag", Same("one", "two", "fallback"), "fallback", """{"fractional":[{"var":"targetingKey"},["one",0],["two",0]]}"""),
            Flag("starts-ends-flag", Same("prefix", "postfix", "none"), "none", """{"if":[{"starts_with":[{"var":"id"},"abc"]},"prefix",{"if":[{"ends_with":[{"var":"id"},"xyz"]},"postfix","none"]}]}"""),
            Operation("starts-with-non-string-flag", """{"starts_with":[{"var":"num"},"abc"]}"""),
            Operation("ends-with-non-string-flag", """{"ends_with":[{"var":"num"},"xyz"]}"""),
            Operation("starts-with-wrong-args-flag", """{"starts_with":["abc"]}"""),
            Operation("ends-with-wrong-args-flag", """{"ends_with":["xyz"]}"""),
            Flag("equal-greater-lesser-version-flag", Same("equal", "greater", "lesser", "none"), "none",
                """{"if":[{"sem_ver":[{"var":"version"},"=","2.0.0"]},"equal",{"if":[{"sem_ver":[{"var":"version"},">","2.0.0"]},"greater",{"if":[{"sem_ver":[{"var":"version"},"<","2.0.0"]},"lesser","none"]}]}]}"""),
            Flag("major-minor-version-flag", Same("minor", "major", "none"), "none", """{"if":[{"sem_ver":[{"var":"version"},"~","3.0.0"]},"minor",{"if":[{"sem_ver":[{"var":"version"},"^","3.0.0"]},"major","none"]}]}"""),
            Operation("semver-invalid-version-flag", """{"sem_ver":[{"var":"version"},"=","1.0.0"]}"""),
            Operation("semver-invalid-operator-flag", """{"sem_ver":[{"var":"version"},"===","1.0.0"]}"""),
            Operation("semver-wrong-args-flag", """{"sem_ver":[{"var":"version"},"="]}"""),
            Flag("semver-v-prefix-flag", Same("match", "no-match"), "no-match", If("""{"sem_ver":[{"var":"version"},"=","v1.0.0"]}""", "match", "no-match")),
            Flag("semver-partial-version-flag", Same("match", "no-match"), "no-match", If("""{"sem_ver":[{"var":"version"},"^","1"]}""", "match", "no-match")),
            Flag("semver-numeric-context-flag", Same("match", "no-match"), "no-match", If("""{"sem_ver":[{"var":"version"},">","1.1"]}""", "match", "no-match")),
            Flag("targeting-null-variant-flag", """{"one":1,"two":2}""", "two", """{"if":[true,null,"one"]}"""),
            Flag("non-string-variant-targeting-flag", """{"false":1,"true":2}""", "false", """{"if":[true,true,false]}"""),
            Flag("empty-targeting-flag", """{"false":1,"true":2}""", "false", "{}"),
            Flag("targeting-null-flag", """{"one":1,"two":2}""", "two", "null"),
            Flag("timestamp-flag", """{"past":-1,"future":1,"none":0}""", "none", """{"if":[{">":[{"var":"$flagd.timestamp"},{"var":"time"}]},"past",{"if":[{"<":[{"var":"$flagd.timestamp"},{"var":"time"}]},"future","none"]}]}"""),
            Flag("semver-build-metadata-flag", Same("match", "no-match"), "no-match", If("""{"sem_ver":[{"var":"version"},"=","1.0.0+build"]}""", "match", "no-match")),
        ]) + """},"$evaluators":{"is_ballmer":{"==":["ballmer@macrosoft.com",{"var":["email"]}]},"is_privileged":{"or":[{"$ref":"is_ballmer"},{"==":[{"var":"role"},"admin"]}]}}}""";

    const string Key = "targetingKey";

    /// <summary>The flag, an attribute and its value, the value that comes (null: the caller's own default), and the reason where the suite asks for it.</summary>
    public static TheoryData<string, string, string, string?, string?> Examples => new()
    {
        // evaluation.feature, precision.feature, zero values
        { "boolean-flag", "", "", "true", null }, { "string-flag", "", "", "\"hi\"", null }, { "integer-flag", "", "", "10", null }, { "float-flag", "", "", "0.5", null }, { "object-flag", "", "", Template, null },
        { "large-integer-flag", "", "", "2147483647", "STATIC" }, { "integral-float-flag", "", "", "10.0", "STATIC" }, { "huge-integer-flag", "", "", "9007199254740991", "STATIC" },
        { "boolean-zero-flag", "", "", "false", "STATIC" }, { "string-zero-flag", "", "", "\"\"", "STATIC" }, { "integer-zero-flag", "", "", "0", "STATIC" }, { "float-zero-flag", "", "", "0.0", "STATIC" }, { "object-zero-flag", "", "", "{}", "STATIC" },
        { "boolean-targeted-zero-flag", "email", "ballmer@macrosoft.com", "false", "TARGETING_MATCH" }, { "string-targeted-zero-flag", "email", "ballmer@macrosoft.com", "\"\"", "TARGETING_MATCH" },
        { "integer-targeted-zero-flag", "email", "ballmer@macrosoft.com", "0", "TARGETING_MATCH" }, { "float-targeted-zero-flag", "email", "ballmer@macrosoft.com", "0.0", "TARGETING_MATCH" },
        { "boolean-targeted-zero-flag", "email", "", "false", "DEFAULT" }, { "string-targeted-zero-flag", "email", "", "\"\"", "DEFAULT" },
        // disabled.feature
        { "disabled-boolean-flag", "", "", null, "DISABLED" }, { "disabled-string-flag", "", "", null, "DISABLED" }, { "disabled-integer-flag", "", "", null, "DISABLED" }, { "disabled-float-flag", "", "", null, "DISABLED" }, { "disabled-object-flag", "", "", null, "DISABLED" },
        // no-default-variant.feature
        { "null-default-flag", "", "", null, "DEFAULT" }, { "undefined-default-flag", "", "", null, "DEFAULT" },
        { "no-default-flag-null-targeting-variant", "email", "wozniak@orange.com", null, "DEFAULT" }, { "no-default-flag-null-targeting-variant", "email", "jobs@orange.com", "\"CEO\"", "TARGETING_MATCH" },
        { "no-default-flag-undefined-targeting-variant", "email", "wozniak@orange.com", null, "DEFAULT" },
        // targeting.feature
        { "targeting-key-flag", Key, "5c3d8535-f81a-4478-a6d3-afaa4d51199e", "\"hit\"", "TARGETING_MATCH" }, { "targeting-key-flag", Key, "f20bd32d-703b-48b6-bc8e-79d53c85134a", "\"miss\"", "DEFAULT" },
        // evaluator-refs.feature
        { "some-email-targeted-flag", "email", "ballmer@macrosoft.com", "\"hi\"", null }, { "some-other-email-targeted-flag", "email", "ballmer@macrosoft.com", "\"yes\"", null },
        { "ref-whitespace-flag", "email", "ballmer@macrosoft.com", "\"hi\"", "TARGETING_MATCH" }, { "ref-whitespace-flag", "email", "user@example.com", "\"bye\"", "TARGETING_MATCH" },
        { "nested-ref-targeted-flag", "email", "ballmer@macrosoft.com", "\"privileged\"", null }, { "nested-ref-targeted-flag", "role", "admin", "\"privileged\"", null }, { "nested-ref-targeted-flag", "email", "other@example.com", "\"standard\"", null },
        // fractional.feature
        { "fractional-flag", "user.name", "jack", "\"hearts\"", null }, { "fractional-flag", "user.name", "queen", "\"spades\"", null }, { "fractional-flag", "user.name", "ten", "\"clubs\"", null }, { "fractional-flag", "user.name", "nine", "\"diamonds\"", null }, { "fractional-flag", "user.name", "3", "\"clubs\"", null },
        { "fractional-flag-shorthand", Key, "jon@company.com", "\"heads\"", null }, { "fractional-flag-shorthand", Key, "jane@company.com", "\"tails\"", null },
        { "fractional-flag-A-shared-seed", "user.name", "seven", "\"hearts\"", null }, { "fractional-flag-A-shared-seed", "user.name", "eight", "\"diamonds\"", null }, { "fractional-flag-A-shared-seed", "user.name", "nine", "\"clubs\"", null }, { "fractional-flag-A-shared-seed", "user.name", "two", "\"spades\"", null },
        { "fractional-flag-B-shared-seed", "user.name", "seven", "\"ace-of-hearts\"", null }, { "fractional-flag-B-shared-seed", "user.name", "eight", "\"ace-of-diamonds\"", null }, { "fractional-flag-B-shared-seed", "user.name", "nine", "\"ace-of-clubs\"", null }, { "fractional-flag-B-shared-seed", "user.name", "two", "\"ace-of-spades\"", null },
        { "fractional-hash-edge-flag", Key, "ejOoVL", "\"lower\"", null }, { "fractional-hash-edge-flag", Key, "bY9fO-", "\"lower\"", null }, { "fractional-hash-edge-flag", Key, "SI7p-", "\"lower\"", null }, { "fractional-hash-edge-flag", Key, "6LvT0", "\"upper\"", null }, { "fractional-hash-edge-flag", Key, "ceQdGm", "\"upper\"", null },
        { "fractional-nested-if-flag", "jon@company.com tier", "premium", "\"premium\"", null }, { "fractional-nested-if-flag", "jon@company.com tier", "basic", "\"standard\"", null }, { "fractional-nested-if-flag", "user1 tier", "premium", "\"standard\"", null }, { "fractional-nested-if-flag", "user1 tier", "basic", "\"standard\"", null },
        { "fractional-nested-var-flag", "jon@company.com color", "red", "\"red\"", null }, { "fractional-nested-var-flag", "jon@company.com color", "green", "\"green\"", null }, { "fractional-nested-var-flag", "user1 color", "red", "\"blue\"", null },
        { "fractional-nested-weight-flag", "jon@company.com tier", "premium", "\"red\"", null }, { "fractional-nested-weight-flag", "jon@company.com tier", "basic", "\"blue\"", null }, { "fractional-nested-weight-flag", "user1 tier", "premium", "\"red\"", null }, { "fractional-nested-weight-flag", "user1 tier", "basic", "\"blue\"", null },
        { "fractional-as-condition-flag", Key, "some-targeting-key", "\"hundreds\"", null }, { "fractional-as-condition-false-flag", Key, "some-targeting-key", "\"ones\"", null },
        { "fractional-single-entry-flag", "", "", "\"single\"", null }, { "fractional-null-bucket-key-flag", "", "", "\"fallback\"", null }, { "fractional-zero-weights-flag", Key, "any", "\"fallback\"", null }, { "fractional-negative-weight-flag", Key, "any", "\"two\"", null },
        // what the suite for providers has beside it (gherkin/targeting.feature)
        { "targeting-null-variant-flag", "", "", "2", null }, { "non-string-variant-targeting-flag", "", "", "2", null }, { "empty-targeting-flag", "", "", "1", null }, { "targeting-null-flag", "", "", "2", null }, { "timestamp-flag", "time", "#1", "-1", null }, { "timestamp-flag", "time", "#4133980802", "1", null },
        // string.feature
        { "starts-ends-flag", "id", "3", "\"none\"", null }, { "starts-ends-flag", "id", "abcdef", "\"prefix\"", null }, { "starts-ends-flag", "id", "uvwxyz", "\"postfix\"", null }, { "starts-ends-flag", "id", "abcxyz", "\"prefix\"", null }, { "starts-ends-flag", "id", "lmnopq", "\"none\"", null },
        { "starts-with-non-string-flag", "num", "#123", "\"fallback\"", "DEFAULT" }, { "ends-with-non-string-flag", "num", "#123", "\"fallback\"", "DEFAULT" }, { "starts-with-wrong-args-flag", "", "", "\"fallback\"", "DEFAULT" }, { "ends-with-wrong-args-flag", "", "", "\"fallback\"", "DEFAULT" },
        // semver.feature
        { "equal-greater-lesser-version-flag", "version", "2.0.0", "\"equal\"", null }, { "equal-greater-lesser-version-flag", "version", "2.1.0", "\"greater\"", null }, { "equal-greater-lesser-version-flag", "version", "1.9.0", "\"lesser\"", null }, { "equal-greater-lesser-version-flag", "version", "2.0.0-alpha", "\"lesser\"", null }, { "equal-greater-lesser-version-flag", "version", "2.0.0.0", "\"none\"", null },
        { "major-minor-version-flag", "version", "3.0.1", "\"minor\"", null }, { "major-minor-version-flag", "version", "3.1.0", "\"major\"", null }, { "major-minor-version-flag", "version", "4.0.0", "\"none\"", null },
        { "semver-v-prefix-flag", "version", "1.0.0", "\"match\"", null }, { "semver-v-prefix-flag", "version", "v1.0.0", "\"match\"", null }, { "semver-v-prefix-flag", "version", "V1.0.0", "\"match\"", null }, { "semver-v-prefix-flag", "version", "2.0.0", "\"no-match\"", null },
        { "semver-partial-version-flag", "version", "1.5.0", "\"match\"", null }, { "semver-partial-version-flag", "version", "1.0.0", "\"match\"", null }, { "semver-partial-version-flag", "version", "2.0.0", "\"no-match\"", null },
        { "semver-partial-version-flag", "version", "1.0", "\"match\"", null }, { "semver-partial-version-flag", "version", "1", "\"match\"", null }, { "semver-partial-version-flag", "version", "#1", "\"match\"", null }, { "semver-partial-version-flag", "version", "#1.2", "\"match\"", null },
        { "semver-numeric-context-flag", "version", "#1.2", "\"match\"", null }, { "semver-numeric-context-flag", "version", "#1.1", "\"no-match\"", null }, { "semver-numeric-context-flag", "version", "#2", "\"match\"", null }, { "semver-numeric-context-flag", "version", "#1", "\"no-match\"", null }, { "semver-numeric-context-flag", "version", "1.2", "\"match\"", null },
        { "semver-build-metadata-flag", "version", "1.0.0", "\"match\"", null }, { "semver-build-metadata-flag", "version", "1.0.0+other", "\"match\"", null }, { "semver-build-metadata-flag", "version", "2.0.0", "\"no-match\"", null },
        { "semver-invalid-version-flag", "version", "not-a-version", "\"fallback\"", null }, { "semver-invalid-operator-flag", "version", "1.0.0", "\"fallback\"", null }, { "semver-wrong-args-flag", "version", "1.0.0", "\"fallback\"", null },
    };

    public async ValueTask InitializeAsync() => (await server.Post("/v1/flags/import?env=staging&mode=replace", file)).Is(200);

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task An_example_of_the_suite_comes_out_as_the_suite_says(string flag, string attribute, string given, string? value, string? reason)
    {
        var answer = (await server.Post($"/ofrep/v1/evaluate/flags/{flag}?env=staging", $$"""{"context":{{Context(attribute, given)}}}""")).Is(200);
        Assert.Equal(value, answer.Json.TryGetProperty("value", out var found) ? found.GetRawText() : null);
        if (reason is not null) Assert.Equal(reason, answer["reason"].GetString());
        // and alike among all
        var all = (await server.Post("/ofrep/v1/evaluate/flags?env=staging", $$"""{"context":{{Context(attribute, given)}}}""")).Is(200);
        Assert.Equal(answer.Text, all["flags"].EnumerateArray().Single(item => item.GetProperty("key").GetString() == flag).GetRawText());
    }

    [Fact]
    public async Task Errors_and_metadata_are_the_suites_too()
    {
        OfrepTests.Failed(await server.Post("/ofrep/v1/evaluate/flags/missing-flag?env=staging", "{}"), 404, "FLAG_NOT_FOUND", "missing-flag");
        OfrepTests.Failed(await server.Post("/ofrep/v1/evaluate/flags/ref-to-nonexistent-evaluator-flag?env=staging", "{}"), 400, "PARSE_ERROR", "ref-to-nonexistent-evaluator-flag");
        // a rule that gives what is no variant is an error, in which the caller's own default counts: the suite's is "fallback"
        foreach (var color in (string[])["yellow", ""])
            OfrepTests.Failed(await server.Post("/ofrep/v1/evaluate/flags/fractional-nested-var-flag?env=staging", $$"""{"context":{"targetingKey":"jon@company.com","color":"{{color}}"} }"""), 400, "GENERAL", "fractional-nested-var-flag");
        var metadata = (await server.Post("/ofrep/v1/evaluate/flags/metadata-flag?env=staging", "{}")).Is(200)["metadata"];
        Assert.Equal(("1.0.2", 2, true, 0.1), (metadata.GetProperty("string").GetString(), metadata.GetProperty("integer").GetInt32(), metadata.GetProperty("boolean").GetBoolean(), metadata.GetProperty("float").GetDouble()));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    const string Undefined = "undefined";

    static string Flag(string name, string variants, string? defaultVariant, string? targeting = null) =>
        $"\"{name}\":{{\"state\":\"ENABLED\",\"variants\":{variants}{(defaultVariant == Undefined ? "" : $",\"defaultVariant\":{JsonSerializer.Serialize(defaultVariant)}")}{(targeting is null ? "" : $",\"targeting\":{targeting}")}}}";

    /// <summary>
    /// An operation that comes to null decides nothing: the default variant counts. Where later drafts of the suite ask for the same below an
    /// <c>if</c>, its second outcome counts here, as it does in flagd's own evaluators (@openfeature/flagd-core 4.0.1), and null is false.
    /// </summary>
    static string Operation(string name, string condition) => Flag(name, Same("true", "false", "fallback"), "fallback", condition);

    static string If(string condition, params string[] outcomes) => $$"""{"if":[{{condition}},{{string.Join(',', outcomes.Select(outcome => $"\"{outcome}\""))}}]}""";

    static string Same(params string[] names) => $"{{{string.Join(',', names.Select(name => $"\"{name}\":\"{name}\""))}}}";

    // "user.name" is nested, "KEY name" has a targeting key beside it, "#1" is a number
    static string Context(string attribute, string given)
    {
        var value = given.StartsWith('#') ? given[1..] : JsonSerializer.Serialize(given);
        return attribute.Length == 0 ? "{}"
            : attribute.Split('.') is [var outer, var inner] && !attribute.Contains(' ', StringComparison.Ordinal) ? $$"""{"{{outer}}":{ "{{inner}}":{{value}} } }"""
            : attribute.Split(' ') is [var key, var name] ? $$"""{"targetingKey":"{{key}}","{{name}}":{{value}}}"""
            : $$"""{"{{attribute}}":{{value}}}""";
    }
}
