using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Stele.Cli;
using Stele.Server.Tests.Client;
using Stele.Server.Tests.Fixtures;
using Xunit;

namespace Stele.Server.Tests.Cli;

/// <summary>
/// Everything that the API does, the tool does: each operation of docs/openapi/v1.json is asked for by the words that stand here
/// for it, or has a reason why no word does. Who adds an operation adds its word.
/// </summary>
public sealed class EveryOperationTests : IDisposable
{
    const string Id = "0198c0de-0000-7000-8000-000000000001";
    readonly TempDirectory home = new();

    static readonly Dictionary<string, string> words = new()
    {
        ["getConfig"] = "get a.b", ["setConfig"] = "set a.b 1", ["deleteConfig"] = "delete a.b --yes", ["listConfig"] = "list", ["getConfigHistory"] = "history a.b", ["rollbackConfig"] = "rollback a.b --version 1", ["restore"] = "rollback --revision 1 --yes",
        ["checkSchema"] = "schema check --schema FILE", ["validateSchema"] = "schema validate 1 --schema FILE", ["applyChanges"] = "delete a.b --yes -m why", ["diff"] = "diff staging production",
        ["listOrganizations"] = "org list", ["createOrganization"] = "org create acme", ["getOrganization"] = "org get acme", ["renameOrganization"] = "org rename acme other", ["archiveOrganization"] = "org archive acme", ["unarchiveOrganization"] = "org unarchive acme",
        ["getSettings"] = "settings", ["changeSettings"] = "settings set --default-environment production",
        ["listEnvironments"] = "env list", ["createEnvironment"] = "env create qa", ["reorderEnvironments"] = "env order a b", ["getEnvironment"] = "env get qa", ["changeEnvironment"] = "env describe qa text", ["deleteEnvironment"] = "env delete qa --confirm qa",
        ["listEvents"] = "events", ["countChanges"] = "usage changes", ["listLimits"] = "limits", ["getStatus"] = "status", ["getHealth"] = "health --alive", ["getReadiness"] = "health", ["getMetrics"] = "metrics", ["getOpenApi"] = "openapi",
        ["getWriteMode"] = "read-only", ["setReadOnly"] = "read-only on", ["listAudit"] = "audit list", ["listUsage"] = "usage", ["watch"] = "watch --until-synced", ["listSubscriptions"] = "subscriptions", ["ackRevision"] = $"subscriptions ack {Id} 1",
        ["listTokens"] = "token list", ["createToken"] = "token create ci --scope config:read", ["revokeToken"] = $"token revoke {Id}",
        ["listUsers"] = "user list", ["createUser"] = "user create a@example.com A --role viewer", ["getUser"] = $"user get {Id}", ["changeUser"] = $"user change {Id} --name B", ["removeUser"] = $"user remove {Id} --yes", ["setPassword"] = $"user password {Id}",
        ["listServiceAccounts"] = "service-account list", ["createServiceAccount"] = "service-account create ci --role viewer", ["getServiceAccount"] = $"service-account get {Id}", ["changeServiceAccount"] = $"service-account change {Id} --name B",
        ["removeServiceAccount"] = $"service-account remove {Id} --yes", ["listRoles"] = "role list", ["getRole"] = "role get viewer", ["setRole"] = "role set mine --grant config:read", ["removeRole"] = "role remove mine", ["explainAccess"] = "access explain config:read",
        ["getSession"] = "whoami", ["signIn"] = "login here --email a@example.com", ["signOut"] = "logout signed-in", ["changePassword"] = "password",
        ["listFlags"] = "flag list", ["getFlag"] = "flag get f", ["setFlag"] = "flag set f --on", ["deleteFlag"] = "flag delete f --yes", ["getFlagHistory"] = "flag history f", ["rollbackFlag"] = "flag rollback f 1", ["evaluateFlag"] = "flag evaluate f --key me",
        ["evaluateFlags"] = "flag evaluate", ["explainFlag"] = "flag explain f", ["compareFlags"] = "flag compare staging production", ["importFlags"] = "flag import FILE", ["exportFlags"] = "flag export", ["copyFlags"] = "flag copy staging production",
        ["listWebhooks"] = "webhook list", ["createWebhook"] = "webhook create https://example.com", ["getWebhook"] = $"webhook get {Id}", ["changeWebhook"] = $"webhook update {Id} --enabled true", ["removeWebhook"] = $"webhook delete {Id}",
        ["rotateWebhookSecret"] = $"webhook rotate {Id}", ["testWebhook"] = $"webhook test {Id}", ["listDeliveries"] = $"webhook deliveries {Id}", ["listDeadLetters"] = $"webhook dead-letters {Id}", ["redeliver"] = $"webhook redeliver {Id} 1",
        ["discardDeadLetters"] = $"webhook discard {Id}", ["replayWebhook"] = $"webhook replay {Id} 1", ["resumeWebhook"] = $"webhook resume {Id}",
        ["listSecrets"] = "secret list", ["getSecret"] = "secret get a/b", ["setSecret"] = "secret put a/b", ["deleteSecret"] = "secret delete a/b --yes", ["getSecretHistory"] = "secret versions a/b", ["generateSecret"] = "secret put a/b --generate",
        ["undeleteSecret"] = "secret undelete a/b", ["destroySecret"] = "secret destroy a/b --all --yes", ["wrapSecret"] = "secret wrap a/b", ["unwrapSecret"] = "secret unwrap", ["searchSecrets"] = "secret was-here", ["listKeys"] = "keys status", ["rotateKeys"] = "keys rotate", ["rewrapKeys"] = "keys rewrap", ["retireKey"] = "keys retire 1 --yes", ["getSecretStore"] = "secret store", ["moveSecrets"] = "secret move --to vault-kv",
    };

    static readonly Dictionary<string, string> reasons = new()
    {
        ["watchSocket"] = "the same stream as watch, for browsers",
        ["watchEvaluations"] = "tells providers of OpenFeature when to ask again; watch --kinds flag shows what changed",
        ["reportFlagUsage"] = "told by the processes that evaluate, of themselves",
    };

    public void Dispose() => home.Dispose();

    public static TheoryData<string> Operations => [.. Document().Select(operation => operation.Id)];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task An_operation_is_done_by_the_word_that_stands_for_it(string operation)
    {
        if (!words.TryGetValue(operation, out var line))
        {
            Assert.True(reasons.ContainsKey(operation), $"No word of the tool does {operation}: add it to the tool and here, or a reason why not.");
            return;
        }
        var file = Path.Combine(home.Path, "file.json");
        await File.WriteAllTextAsync(file, "{}", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(home.Path, ".config/stele"));
        await File.WriteAllTextAsync(Path.Combine(home.Path, ".config/stele/contexts.json"),
            """{"contexts":{"signed-in":{"url":"http://stele.test","session":{"cookie":"c","csrf_token":"t","org":"default"}}}}""", TestContext.Current.CancellationToken);
        var handler = new EveryAnswer();
        var error = new StringWriter();
        await CommandLine.Run([.. line.Split(' ').Select(word => word == "FILE" ? file : word)], new Surroundings
        {
            Out = TextWriter.Null, Error = error, In = () => new MemoryStream("one\ntwo\n"u8.ToArray()), CanAsk = false, OutIsTerminal = false, Handler = handler,
            Variable = name => name switch { "HOME" => home.Path, "STELE_URL" => "http://stele.test", "STELE_TOKEN" => "stele_default_x", _ => null },
        });
        Assert.True(handler.Asked.Contains(operation), $"stele {line} asked for {string.Join(", ", handler.Asked)}. {error}");
    }

    [Fact]
    public void No_word_and_no_reason_stands_for_an_operation_that_is_not_there()
    {
        var known = Document().Select(operation => operation.Id).ToHashSet();
        Assert.DoesNotContain(words.Keys.Concat(reasons.Keys), operation => !known.Contains(operation));
        Assert.DoesNotContain(words.Keys, reasons.ContainsKey);
    }

    static IEnumerable<(string Id, string Method, string Path, JsonObject Definition)> Document() => ContractHandler.Document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()
        .Where(method => method.Value is JsonObject definition && definition.ContainsKey("operationId")).Select(method => (method.Value!["operationId"]!.GetValue<string>(), method.Key.ToUpperInvariant(), path.Key, method.Value!.AsObject())));

    /// <summary>Answers every operation with the least that its documentation allows, and remembers which was asked for.</summary>
    sealed class EveryAnswer : HttpMessageHandler
    {
        internal List<string> Asked { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var path = request.RequestUri!.AbsolutePath;
            var found = Document().Where(one => one.Method == request.Method.Method && Regex.IsMatch(path, $"^{Regex.Replace(one.Path, @"\{[^}]+\}", "[^/]+")}$")).OrderBy(one => one.Path.Count(c => c == '{')).First();
            Asked.Add(found.Id);
            var (status, answer) = found.Definition["responses"]!.AsObject().First(one => one.Key[0] == '2');
            var response = new HttpResponseMessage((HttpStatusCode)int.Parse(status, System.Globalization.CultureInfo.InvariantCulture));
            response.Headers.Add("Set-Cookie", "stele_session=c; path=/");
            var (type, media) = answer!["content"] is JsonObject content ? content.First() : default;
            if (type == "text/event-stream") (response.Content, type) = (new StringContent("id: 1-00000000\nevent: synced\ndata: {\"revision\":1,\"cursor\":\"1-00000000\"}\n\n"), null);
            else if (type is not null) response.Content = new StringContent(Example(media!["schema"]!, secret: found.Id is "getSecret" or "unwrapSecret")?.ToJsonString() ?? "null", Encoding.UTF8);
            return Task.FromResult(response);
        }

        static JsonNode? Example(JsonNode schema, bool secret)
        {
            if (schema["$ref"] is { } reference) schema = ContractHandler.Document["components"]!["schemas"]![reference.GetValue<string>().Split('/')[^1]]!;
            if (schema["const"] is { } constant) return constant.DeepClone();
            if (schema["enum"] is JsonArray { Count: > 0 } values) return values[0]?.DeepClone();
            if ((schema["anyOf"] ?? schema["oneOf"]) is JsonArray choices) return Example(choices[0]!, secret);
            if (schema["format"]?.GetValue<string>() is { } format && format is "date-time" or "date" or "uuid") return format switch { "date" => "2026-01-31", "uuid" => Id, _ => "2026-01-31T14:03:00Z" };
            var type = schema["type"] is JsonArray several ? several[0]!.GetValue<string>() : schema["type"]?.GetValue<string>();
            return type switch
            {
                "object" => new JsonObject((schema["required"]?.AsArray() ?? []).Select(name => name!.GetValue<string>()).Concat(secret ? ["value"] : [])
                    .Select(name => KeyValuePair.Create(name, schema["properties"]?[name] is { } member ? Example(member, secret: false) : null))),
                "array" => new JsonArray(), "integer" or "number" => 0, "boolean" => false, "null" => null, _ => "text",
            };
        }
    }
}
