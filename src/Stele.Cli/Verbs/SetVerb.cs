using System.CommandLine;
using System.Text.Json;
using Stele.Cli.Import;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary>
/// <c>stele set KEY VALUE</c>. A value that is JSON is taken as JSON, anything else as text. The write is conditional
/// on what was there a moment ago, unless told otherwise: two people at two terminals must not undo each other unseen.
/// </summary>
internal static class SetVerb
{
    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var (key, value) = (new Argument<string>("KEY"), new Argument<string?>("VALUE") { Arity = ArgumentArity.ZeroOrOne, Description = "JSON (30, true, '\"x\"', '{\"a\":1}'), else text; after -- when it begins with --" });
        var asText = new Option<bool>("--string") { Description = "Take the value as text, whatever it looks like" };
        var asJson = new Option<bool>("--json-value") { Description = "Refuse the value if it is not JSON" };
        var file = new Option<string?>("--file", "-f") { Description = "Take the value from a file, all of it; - is standard input", HelpName = "FILE" };
        var type = new Option<string?>("--type") { Description = "The value's type; needed to change the type of a key: string, number, boolean, json" };
        type.AcceptOnlyFromAmong("string", "number", "boolean", "json");
        var schema = new Option<string?>("--schema") { Description = "The JSON Schema to which this and later values keep, from a file; none: no schema any more", HelpName = "FILE|none" };
        var write = new WriteOptions();
        var command = new Command("set", "Write a value") { key, value, asText, asJson, file, type, schema };
        write.AddTo(command);
        var wait = new SubscriberWait();
        wait.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (call.Key(key) is not { } name || !write.Check(call) || !wait.TryGet(call, out var waiting)) return ExitCode.Usage;
            var (given, path) = (call.Parsed.GetValue(value), call.Parsed.GetValue(file));
            if (given is null == path is null) return call.Usage("set takes VALUE or --file, one of them.");
            if ((given ?? await ReadFile(call, path!)) is not { } text) return ExitCode.Usage;
            if (Parse(call, text, call.Parsed.GetValue(asText) || (call.Parsed.GetValue(type) == "string" && !call.Parsed.GetValue(asJson)), call.Parsed.GetValue(asJson)) is not { } json) return ExitCode.Usage;
            if (await SchemaVerb.Read(call, call.Parsed.GetValue(schema)) is not { } rules) return ExitCode.Usage;
            var set = new ConfigSet { Value = json, Schema = rules, ValueType = call.Parsed.GetValue(type), ChangeLog = call.Parsed.GetValue(write.Message), ExpectedVersion = await write.ExpectedVersion(call, name) };
            if (waiting is not null) return await SetAndWait(call, name, set, waiting);
            var item = await call.Client.SetConfigAsync(name, call.Environment, set, call.Cancellation);
            if (call.Json) return call.Print(item, SteleJson.Default.ConfigItem);
            call.Line($"{item.Key} = {Ink.Show(item.Value)} {call.Ink.Faint($"({item.Environment}, version {item.Version}, revision {item.Revision})")}");
            return ExitCode.Done;
        });
    }

    /// <summary>Only change sets wait, so it is one of one.</summary>
    static async Task<int> SetAndWait(Call call, string key, ConfigSet set, ChangeWait wait)
    {
        var change = new Change { Op = "set", Key = key, Value = set.Value, ValueType = set.ValueType, ExpectedVersion = set.ExpectedVersion, Schema = set.Schema.ValueKind == JsonValueKind.Undefined ? null : set.Schema };
        var result = await call.Client.ApplyChangesAsync(call.Environment, new ChangeSet { Changes = [change], ChangeLog = set.ChangeLog }, wait, call.Cancellation);
        if (call.Json) call.Print(result, SteleJson.Default.ChangeSetResult);
        else call.Line($"{key} = {Ink.Show(set.Value)} {call.Ink.Faint($"({result.Results?[0].Environment}, version {result.Results?[0].Version}, revision {result.Revision})")}");
        return SubscriberWait.Report(call, result);
    }

    static JsonElement? Parse(Call call, string text, bool asText, bool asJson)
    {
        if (!JsonText.IsWellFormedText(text)) call.Usage("the value holds half a surrogate pair, which no encoding can carry.");
        else if (asText) return JsonText.Parse(JsonText.Quote(text));
        else if (JsonText.Parse(text) is { } json) return json;
        else if (asJson) call.Usage("--json-value: the value is not JSON.");
        else
        {
            if (text.AsSpan().TrimStart() is ['{' or '[', ..]) call.Note("stele: the value begins like JSON and is not: taken as text. --string says that you mean it, --json-value refuses it.");
            return JsonText.Parse(JsonText.Quote(text));
        }
        return null;
    }

    internal static async Task<string?> ReadFile(Call call, string path)
    {
        using var buffer = new MemoryStream();
        if (path == "-") await call.Surroundings.In().CopyToAsync(buffer, call.Cancellation);
        else await buffer.WriteAsync(await File.ReadAllBytesAsync(path, call.Cancellation), call.Cancellation);
        var text = ImportFiles.Decode(buffer.ToArray());
        if (text is null) call.Usage($"{(path == "-" ? "standard input" : path)} is not UTF-8: a value is text or JSON.");
        return text;
    }
}
