using System.Text.Json;
using Stele.Cli.Running;
using Stele.Cli.Templates;
using Stele.Client;
using Xunit;

namespace Stele.Core.Tests.Cli;

/// <summary>The agent's templates, and the names of environment variables: what comes out, and what is refused with its line.</summary>
public sealed class TemplateTests
{
    static readonly Dictionary<string, JsonElement> values = new()
    {
        ["app.port"] = JsonElement.Parse("8080"), ["app.name"] = JsonElement.Parse("\"shop\""), ["app.on"] = JsonElement.Parse("true"), ["app.off"] = JsonElement.Parse("false"),
        ["app.hosts"] = JsonElement.Parse("""["a","b"]"""), ["app.db"] = JsonElement.Parse("""{"host":"h","ports":[1,2]}"""), ["app.servers"] = JsonElement.Parse("""[{"name":"x","key":"k1"},{"name":"y","key":"k2"}]"""),
        ["up.one"] = JsonElement.Parse("1"), ["up.two"] = JsonElement.Parse("2"), ["app.none"] = JsonElement.Parse("null"), ["app.lines"] = JsonElement.Parse("\"1\\n2\""),
    };

    [Theory]
    [InlineData("port={{ app.port }};", "port=8080;")]
    [InlineData("{{ app.name | upper }} {{ app.name | quote }} {{ app.name | base64 }}", "SHOP \"shop\" c2hvcA==")]
    [InlineData("{{ \"c2hvcA==\" | base64-decode }}", "shop")]
    [InlineData("{{ app.absent | default \"x | y\" }}{{ app.none | default \"z\" }}", "x | yz")]
    [InlineData("{{ app.db | json }} {{ app.db.host }} {{ app.db.ports.1 }}", """{"host":"h","ports":[1,2]} h 2""")]
    [InlineData("{{ app.hosts | join \",\" }}", "a,b")]
    [InlineData("{{ if app.on }}on{{ else }}off{{ end }}{{ if app.off }}x{{ end }}{{ if not app.off }}y{{ end }}{{ if app.absent }}z{{ end }}", "ony")]
    [InlineData("{{ if app.name == \"shop\" }}1{{ end }}{{ if app.port != 8080 }}2{{ end }}{{ if app.port == 8080 }}3{{ end }}{{ if app.absent != \"a\" }}4{{ end }}", "134")]
    [InlineData("{{ range h in app.hosts }}[{{ h.key }}{{ h }}]{{ end }}", "[0a][1b]")]
    [InlineData("{{ range s in app.servers }}{{ s.name }}={{ s.key }} {{ end }}", "x=k1 y=k2 ")]
    [InlineData("{{ range k in up.* }}{{ k.key }}:{{ k.value }} {{ end }}", "one:1 two:2 ")]
    [InlineData("{{ range m in app.db }}{{ m.key }} {{ end }}{{ range n in nothing.* }}x{{ else }}none{{ end }}", "host ports none")]
    [InlineData("{{ range a in app.hosts }}{{ range b in app.hosts }}{{ a }}{{ b }} {{ end }}{{ end }}", "aa ab ba bb ")]
    [InlineData("a {{- app.port -}}  b{{/* gone */}}", "a8080b")]
    [InlineData("x: {{ app.lines | indent 3 }}", "x: 1\n   2")]
    [InlineData("{{ range p in \"a,b\" | split \",\" }}<{{ p }}>{{ end }}{{ range p in \"\" | split \",\" }}x{{ else }}none{{ end }}", "<a><b>none")]
    [InlineData("{{ app.name | replace \"sh\" \"st\" }} {{ app.db | json | parse-json | json }} {{ \"a b/c\" | url-encode }}", """stop {"host":"h","ports":[1,2]} a%20b%2Fc""")]
    [InlineData("{{ \"{{\" }}", "{{")]
    [InlineData("{{ app.db | yaml }}", "host: h\nports:\n  - 1\n  - 2")]
    [InlineData("{{ \"?>~\" | base64url }} {{ \"\" | sha256 }}", "Pz5- e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("{{ if defined app.off }}1{{ end }}{{ if defined app.absent }}2{{ end }}{{ if not defined app.absent }}3{{ end }}", "13")]
    public void A_template_says_what_the_values_say(string template, string text) => Assert.Equal(text, Template.Parse(template).Render(values));

    [Theory]
    [InlineData("a\n{{ if x }}", 2, "if without an end")]
    [InlineData("{{ end }}", 1, "end without an if or a range")]
    [InlineData("{{ range x in y }}{{ else }}{{ else }}{{ end }}", 1, "a second else")]
    [InlineData("\n\n{{ x", 3, "{{ without }}")]
    [InlineData("{{ x | shout }}", 1, "is no filter: default, json, parse-json")]
    [InlineData("{{ x | default }}", 1, "default needs a text in quotes")]
    [InlineData("{{ x | indent y }}", 1, "indent needs a number")]
    [InlineData("{{ x | replace \"a\" }}", 1, "replace needs two texts")]
    [InlineData("{{ x | join \"a\" \"b\" }}", 1, "join has one text after it")]
    [InlineData("{{ x | split }}", 1, "split needs a text in quotes")]
    [InlineData("{{ exec \"rm\" }}", 1, "is not understood")]
    public void A_template_that_cannot_be_read_is_refused_with_its_line(string template, int line, string says)
    {
        var refusal = Assert.Throws<TemplateException>(() => Template.Parse(template));
        Assert.Equal(line, refusal.Line);
        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_is_not_there_fails_the_template_and_is_named()
    {
        var refusal = Assert.Throws<TemplateException>(() => Template.Parse("a\n{{ app.absent }}").Render(values));
        Assert.Equal(2, refusal.Line);
        Assert.Contains("app.absent has no value", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("neither a list nor a map", Assert.Throws<TemplateException>(() => Template.Parse("{{ range x in app.port }}{{ end }}").Render(values)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n{{ app.name | parse-json }}", "app.name is not JSON")]
    [InlineData("\n{{ app.db | base64-decode }}", "app.db is not base64")]
    [InlineData("\n{{ app.long | replace \"a\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\" }}", "app.long comes to more than 4 Mi characters")]
    [InlineData("\n{{ app.long | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 | base64 }}", "app.long comes to more than 4 Mi characters")]
    [InlineData("\n{{ app.long | split \"a\" }}", "comes to more than 10000 parts")]
    public void What_a_filter_cannot_do_fails_the_template_with_its_line(string template, string says)
    {
        var refusal = Assert.Throws<TemplateException>(() => Template.Parse(template).Render(new Dictionary<string, JsonElement>(values) { ["app.long"] = JsonElement.Parse($"\"{new string('a', 60_000)}\"") }));
        Assert.Equal(2, refusal.Line);
        Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_become_names_of_variables_and_two_that_meet_are_refused()
    {
        Assert.Equal(["SERVICES_PAYMENT_MAX_RATE", "A_0_B", "_1X"], ((string[])["services.payment.max-rate", "a[0].b", "1x"]).Select(EnvironmentVariables.Name));
        var problems = new List<string>();
        var variables = EnvironmentVariables.Of([Value("a.b", "1"), Value("a.text", "\"t\""), Value("a.json", """{"x":1}"""), Value("a.null", "null")], ["a."], true, problems);
        Assert.Empty(problems);
        Assert.Equal(["B=1", """JSON={"x":1}""", "TEXT=t"], variables.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal));
        EnvironmentVariables.Of([Value("a.b-c", "1"), Value("a.b_c", "2"), Value("a.nul", "\"\\u0000\"")], [], false, problems);
        Assert.Equal(["a.b-c and a.b_c both are A_B_C: rename one, or narrow --prefix", "a.nul holds U+0000, which no environment variable can"], problems);
    }

    static SteleValue Value(string key, string json) => new(key, JsonElement.Parse(json), null, 1, false);
}
