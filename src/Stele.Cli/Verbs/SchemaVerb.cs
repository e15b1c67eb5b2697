using System.CommandLine;
using System.Text.Json;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>
/// <c>stele schema validate</c> and <c>stele schema check</c>: a JSON Schema tried against a value, or against all values
/// under a prefix, before it is set. Nothing is written; the exit code says whether anything would be refused.
/// </summary>
internal static class SchemaVerb
{
    const string None = "none";

    internal static Command Make(Surroundings surroundings, GlobalOptions options) =>
        new("schema", "Try a JSON Schema; stele set --schema sets it") { Validate(surroundings, options), Check(surroundings, options) };

    /// <summary>The schema of a file: undefined where no file is given, JSON null for the word none; null after saying what is wrong.</summary>
    internal static async Task<JsonElement?> Read(Call call, string? path)
    {
        if (path is null) return default(JsonElement);
        if (path == None) return JsonText.Parse("null");
        if (await SetVerb.ReadFile(call, path) is not { } text) return null;
        if (JsonText.Parse(text) is { } schema) return schema;
        call.Usage($"{path} is not JSON.");
        return null;
    }

    static Command Validate(Surroundings surroundings, GlobalOptions options)
    {
        var (schema, value) = (SchemaOption(), new Argument<string?>("VALUE") { Arity = ArgumentArity.ZeroOrOne, Description = "JSON, else text" });
        var file = new Option<string?>("--file", "-f") { Description = "Take the value from a file of JSON; - is standard input", HelpName = "FILE" };
        return new Command("validate", "Check a value against a schema; exit code 1 if it is refused") { value, schema, file }.Does(surroundings, options, async call =>
        {
            var (given, path) = (call.Parsed.GetValue(value), call.Parsed.GetValue(file));
            if (given is null == path is null) return call.Usage("schema validate takes VALUE or --file, one of them.");
            if (await Read(call, call.Parsed.GetValue(schema)) is not { } rules) return ExitCode.Usage;
            if ((path is null ? JsonText.Parse(given!) ?? JsonText.Parse(JsonText.Quote(given!)) : await Read(call, path)) is not { } json) return ExitCode.Usage;
            var verdict = await call.Client.ValidateSchemaAsync(rules, json, call.Cancellation);
            if (call.Json) call.Print(verdict, SteleJson.Default.SchemaVerdict);
            else if (verdict.Valid) call.Line("valid");
            else foreach (var error in verdict.Errors) call.Line(Show(error));
            return verdict.Valid ? ExitCode.Done : ExitCode.Refused;
        });
    }

    static Command Check(Surroundings surroundings, GlobalOptions options)
    {
        var (schema, prefix) = (SchemaOption(), new Argument<string?>("PREFIX") { Arity = ArgumentArity.ZeroOrOne, Description = "Keys that begin with this" });
        return new Command("check", "Say which values there are a schema would refuse; exit code 1 if any") { prefix, schema }.Does(surroundings, options, async call =>
        {
            if (await Read(call, call.Parsed.GetValue(schema)) is not { } rules) return ExitCode.Usage;
            var check = new SchemaCheck { Schema = rules, Environment = call.Environment, Prefix = call.Parsed.GetValue(prefix), Limit = ListVerb.PageItems };
            var (items, looked) = (new List<RefusedValue>(), 0L);
            var page = await call.Client.CheckSchemaAsync(check, call.Cancellation);
            while (true)
            {
                items.AddRange(page.Items);
                looked += page.Checked;
                if (!call.Json)
                    foreach (var item in page.Items)
                        foreach (var error in item.Errors) call.Line($"{item.Key} (version {item.Version}): {Show(error)}");
                if (page.NextCursor is null) break;
                page = await call.Client.CheckSchemaAsync(check with { Cursor = page.NextCursor }, call.Cancellation);
            }
            if (call.Json) call.Print(new SchemaCheckPage { Items = items, Checked = looked, Revision = page.Revision }, SteleJson.Default.SchemaCheckPage);
            else call.Note(call.Ink.Faint($"{items.Count} of {looked} values would be refused (revision {page.Revision})."));
            return items.Count == 0 ? ExitCode.Done : ExitCode.Refused;
        });
    }

    static Option<string?> SchemaOption() => new("--schema", "-s") { Description = "The schema, from a file; - is standard input", HelpName = "FILE", Required = true };

    static string Show(SchemaError error) =>
        $"{(error.InstanceLocation.Length > 0 ? error.InstanceLocation + ": " : "")}{error.Message}{(error.KeywordLocation.Length > 0 ? $" ({error.KeywordLocation})" : "")}";
}
