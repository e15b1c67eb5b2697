using System.Globalization;
using System.Text.Json.Nodes;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Making;

/// <summary>A parameter of an operation.</summary>
internal sealed record ApiParameter(string Name, string In, bool Required, JsonObject Schema);

/// <summary>An operation that the contract describes.</summary>
internal sealed record ApiOperation(string Method, string Path, IReadOnlyList<ApiParameter> Parameters, JsonObject? Body, bool TakesYaml);

/// <summary>The contract, docs/openapi/v1.json: every operation there is, so that what is added later is fuzzed too.</summary>
internal static class OpenApi
{
    static readonly string[] methods = ["get", "put", "post", "delete", "patch"];

    static readonly Lazy<JsonObject> document = new(() => JsonNode.Parse(File.ReadAllText(Path.Combine(RepositoryRoot(), "docs/openapi/v1.json")))!.AsObject());

    static readonly Lazy<IReadOnlyList<ApiOperation>> operations = new(() => [.. document.Value["paths"]!.AsObject()
        .SelectMany(path => path.Value!.AsObject().Where(operation => methods.Contains(operation.Key)).Select(operation => Of(operation.Key.ToUpperInvariant(), path.Key, operation.Value!.AsObject())))]);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ApiOperation> Operations => operations.Value;

    /// <summary>The body of an operation, by its method and path.</summary>
    public static JsonObject BodyOf(string method, string path) => Operations.Single(operation => operation.Method == method && operation.Path == path).Body!;

    /// <summary>What a reference refers to, or the same.</summary>
    public static JsonObject Resolve(JsonNode node) => node["$ref"] is { } reference
        ? Resolve(((string)reference!).Split('/').Skip(1).Aggregate((JsonNode)document.Value, (at, name) => at[name]!))
        : node.AsObject();

    static ApiOperation Of(string method, string path, JsonObject operation) => new(method, path,
        [.. (operation["parameters"]?.AsArray() ?? []).Select(parameter => Resolve(parameter!)).Select(parameter => new ApiParameter((string)parameter["name"]!, (string)parameter["in"]!, (bool?)parameter["required"] ?? false, Resolve(parameter["schema"]!)))],
        operation["requestBody"] is { } body && Resolve(body)["content"]?["application/json"]?["schema"] is { } schema ? Resolve(schema) : null,
        operation["requestBody"]?["content"]?["application/yaml"] is not null);

    static string RepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Stele.slnx"))) directory = directory.Parent ?? throw new InvalidOperationException("Stele.slnx is nowhere above this program.");
        return directory.FullName;
    }
}

/// <summary>Bodies and parameters by the contract, most of them as it says.</summary>
internal sealed class ApiMaker(JsonMaker json)
{
    static readonly string[] keys = ["app.a", "app.b", "app.c", "services.payment.timeout", "x", "a.b[0].c"];

    readonly Dice dice = json.Dice;

    /// <summary>A body.</summary>
    public string Body(JsonObject schema) => Value(schema, "", 4);

    /// <summary>A parameter's text, not yet escaped.</summary>
    public string Parameter(ApiParameter parameter)
    {
        if (json.Odd(0.15)) return json.AnyText();
        // none that is waited for long: 60 s are the most that a wait may be
        if (parameter.Name is "wait" or "timeout" or "max_staleness") return dice.Pick<string>(["0s", "1ms", "20ms", "60ms", "0m", "61s", "99999999999s", "-1s", "1", "s", "1h", ""]);
        var text = Value(parameter.Schema, parameter.Name, 1);
        return text.StartsWith('"') ? text.Trim('"') : text;
    }

    string Value(JsonObject schema, string name, int depth)
    {
        schema = OpenApi.Resolve(schema);
        if (depth <= 0) return json.Any(1);
        if ((schema["oneOf"] ?? schema["anyOf"]) is JsonArray choices) return Value(OpenApi.Resolve(choices[dice.Next(choices.Count)]!), name, depth);
        if (schema["allOf"] is JsonArray all && schema["properties"] is null) return Value(OpenApi.Resolve(all[dice.Next(all.Count)]!), name, depth);
        if (schema["enum"] is JsonArray values) return values[dice.Next(values.Count)]?.ToJsonString() ?? "null";
        if (schema["const"] is { } only) return only.ToJsonString();
        return Type(schema) switch
        {
            "object" when Meant(name) is { } meant => meant,
            "object" => Object(schema, depth),
            "array" => json.List(dice.Pick<int>([0, 1, 1, 2, 3, 10]), () => Value(OpenApi.Resolve(schema["items"] ?? new JsonObject()), name.TrimEnd('s'), depth - 1)),
            "string" => json.Quote(Text(schema, name)),
            "integer" => json.Odd(0.2) ? json.Number() : dice.Next(5).ToString(CultureInfo.InvariantCulture),
            "number" => json.Number(),
            "boolean" => dice.Chance(0.5) ? "true" : "false",
            "null" => "null",
            _ => Meant(name) ?? json.Any(3),
        };
    }

    string Object(JsonObject schema, int depth)
    {
        var required = schema["required"]?.AsArray().Select(name => (string)name!).ToHashSet() ?? [];
        var members = (schema["properties"]?.AsObject() ?? []).Where(member => required.Contains(member.Key) || dice.Chance(0.4))
            .Select(member => (member.Key, (Func<string>)(() => Value(OpenApi.Resolve(member.Value!), member.Key, depth - 1)))).ToList();
        if (schema["additionalProperties"] is JsonObject more)
            for (var i = dice.Next(3); i > 0; i--) members.Add((Nasty.Word(dice), () => Value(more, "", depth - 1)));
        return json.Object(members);
    }

    string Type(JsonObject schema) => schema["type"] switch
    {
        JsonArray several => (string)several[dice.Next(several.Count)]!,
        JsonNode one => (string)one!,
        _ => schema["properties"] is null ? "" : "object",
    };

    // what stands in the contract as anything, and means something
    string? Meant(string name) => name switch
    {
        "definition" => new RuleMaker(json).Definition(),
        "schema" => new SchemaMaker(json).Schema(3),
        "context" => new RuleMaker(json).Context(),
        "value" => json.Any(4),
        "targeting" => new RuleMaker(json).Rule(4),
        _ => null,
    };

    string Text(JsonObject schema, string name)
    {
        if (json.Odd(0.1)) return json.AnyText();
        if ((string?)schema["format"] is { } format)
            return format switch
            {
                "date-time" => dice.Pick<string>(["2026-01-31T14:03:00Z", "2031-01-31T14:03:00.123456789+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "2026-01-31t14:03:00z"]),
                "date" => dice.Pick<string>(["2026-01-31", "0001-01-01", "9999-12-31", "2026-13-01", "2026-02-29"]),
                "uuid" => dice.Pick<string>(["0196f0de-0000-7000-8000-000000000000", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
                _ => json.AnyText(),
            };
        return name switch
        {
            "key" or "prefix" or "prefixe" => dice.Next(8) == 0 ? "flag-a" : dice.Pick(keys),
            "env" or "environment" or "from" or "to" => dice.Pick<string>(["development", "staging", "production", "production", "nowhere", "*", "development@1", "staging@2026-01-31T14:03:00Z"]),
            "cursor" or "from_cursor" or "after_cursor" or "Stele-Min-Cursor" or "Last-Event-ID" => dice.Pick<string>(["0-00000000", RequestMaker.Place, "1-00000000", "9223372036854775807-ffffffff", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""]),
            "email" => dice.Pick<string>(["ada@example.com", "ADA@EXAMPLE.COM", "x@y", "a@b@c", "\u202Ea@b.c"]),
            "url" => dice.Pick<string>(["http://127.0.0.1:9/hook", "https://example.com/", "ftp://x", "http://user:pass@127.0.0.1/", "http://[::1]:9/"]),
            "name" or "flag" or "names" => dice.Pick<string>(["flag-a", "flag-b", "flag-c", "team/flag-d", "acme", "qa", "viewer", "admin", "deploy"]),
            "permission" => dice.Pick<string>(["config:read", "config:write", "flag:read", "user:write", "operate", "secret:read"]),
            "role" or "roles" => dice.Pick<string>(["admin", "editor", "viewer", "owner", "deploy"]),
            "targetingKey" => "user-1",
            _ => dice.Chance(0.6) ? Nasty.Word(dice) : json.AnyText(),
        };
    }
}
