using System.Text;
using System.Text.Json;
using Stele.Cli.Export;
using Stele.Cli.Import;
using Stele.Cli.Values;
using Stele.Client;

namespace Stele.Cli.Code;

/// <summary><c>stele export --as-code</c>: environments as the directory that plan and apply read.</summary>
internal static class CodeExport
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    const int SchemasAtOnce = 8;

    internal static async Task<int> Write(Call call, string root)
    {
        var all = (await call.Client.ListEnvironmentsAsync(call.Cancellation)).Items.Select(item => item.Name);
        var environments = call.Environment is { } one ? [one] : all.ToList();
        foreach (var environment in environments)
        {
            var (revision, items) = await CodeReading.Values(call, environment, null);
            var config = Path.Combine(root, environment, CodeSet.ConfigDirectory);
            var files = ExportFiles.PerService(items.Values.Select(item => new ExportEntry(item.Key, item.Value.GetRawText())), ConfigFormat.Yaml);
            Directory.CreateDirectory(config);
            foreach (var file in files) await File.WriteAllTextAsync(Path.Combine(config, file.Name), file.Text, Utf8, call.Cancellation);
            // what an earlier export wrote, and is not there any more, would come back with apply
            foreach (var stale in Directory.EnumerateFiles(config, "*" + ConfigFormats.Ending(ConfigFormat.Yaml)).Where(path => files.All(file => file.Name != Path.GetFileName(path)))) File.Delete(stale);
            await Schemas(call, environment, items.Values, Path.Combine(root, environment, CodeSet.SchemasFile));
            await call.Client.ExportFlagsAsync(new ConfigRead { Environment = environment, Revision = revision }, "yaml", async stream =>
            {
                await using var file = File.Create(Path.Combine(root, environment, CodeSet.FlagsFile));
                await stream.CopyToAsync(file, call.Cancellation);
            }, call.Cancellation);
            call.Note($"{environment}: {items.Count} values in {files.Count} files, as of revision {revision}");
        }
        return ExitCode.Done;
    }

    static async Task Schemas(Call call, string environment, IEnumerable<ConfigItem> items, string path)
    {
        var schemas = new System.Collections.Concurrent.ConcurrentDictionary<string, JsonElement>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(items, new ParallelOptions { MaxDegreeOfParallelism = SchemasAtOnce, CancellationToken = call.Cancellation }, async (item, _) =>
        {
            if (await CodeReading.Schema(call, environment, item, true) is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } schema) schemas[item.Key] = schema;
        });
        if (schemas.IsEmpty) File.Delete(path);
        // JSON is YAML, and a schema is known as JSON to who writes one
        else await File.WriteAllTextAsync(path, string.Concat(schemas.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{JsonText.Quote(pair.Key)}: {pair.Value.GetRawText()}\n")), Utf8, call.Cancellation);
    }
}
