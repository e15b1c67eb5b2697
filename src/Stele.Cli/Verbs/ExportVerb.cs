using System.CommandLine;
using System.Text;
using Stele.Cli.Export;
using Stele.Cli.Import;
using Stele.Client;

namespace Stele.Cli.Verbs;

/// <summary><c>stele export</c>: an environment, now or in the past, as files that import takes back unchanged.</summary>
internal static class ExportVerb
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    internal static Command Make(Surroundings surroundings, GlobalOptions options)
    {
        var format = new Option<string?>("--format") { Description = "yaml, json, properties or env; without: by the ending of --out, else yaml" };
        format.AcceptOnlyFromAmong([.. ConfigFormats.All.Select(known => known.Word)]);
        var prefix = new Option<string?>("--prefix") { Description = "Only keys that begin with this", HelpName = "PREFIX" };
        var to = new Option<string?>("--out", "-o") { Description = "A directory (one file for each service) or a file; without: standard output", HelpName = "PATH" };
        var asCode = new Option<bool>("--as-code") { Description = "The directory that plan and apply read: --env, or every environment, with schemas and flags" };
        var past = new PastOptions();
        var command = new Command("export", "Write an environment as files") { format, prefix, to, asCode };
        past.AddTo(command);
        return command.Does(surroundings, options, async call =>
        {
            if (!past.TryGet(call, out var at, out var revision)) return ExitCode.Usage;
            var path = call.Parsed.GetValue(to);
            if (call.Parsed.GetValue(asCode)) return path is null || at is not null || revision is not null || call.Parsed.GetValue(prefix) is not null ? call.Usage("--as-code needs --out DIR, and writes what is there now, all of it.") : await Code.CodeExport.Write(call, path);
            var isDirectory = path is not null && (Directory.Exists(path) || Path.EndsInDirectorySeparator(path) || (!File.Exists(path) && ConfigFormats.OfFile(path) is null));
            var word = call.Parsed.GetValue(format);
            var kind = word is null ? (path is null ? null : ConfigFormats.OfFile(path)) ?? (call.Json ? ConfigFormat.Json : ConfigFormat.Yaml) : ConfigFormats.All.First(known => known.Word == word).Format;
            var entries = new List<ExportEntry>();
            var list = new ConfigList { Environment = call.Environment, Prefix = call.Parsed.GetValue(prefix), Limit = ListVerb.PageItems, At = at, Revision = revision };
            var redacted = new List<string>();
            using (var progress = new Progress(call.Surroundings, "export", 0))
                await foreach (var item in call.Client.ListAllConfigAsync(list, call.Cancellation))
                {
                    if (item.Redacted) redacted.Add(item.Key);
                    else entries.Add(new ExportEntry(item.Key, item.Value.GetRawText()));
                    progress.Report(entries.Count);
                }
            // null would be a value, and import would write it
            if (redacted.Count > 0) call.Note($"warning: left out, because their values of then were redacted: {string.Join(", ", redacted)}");
            if (path is null) await call.Surroundings.Out.WriteAsync(ExportFiles.One(entries, kind));
            else if (isDirectory) await WriteDirectory(call, path, ExportFiles.PerService(entries, kind), entries.Count);
            else
            {
                await File.WriteAllTextAsync(path, ExportFiles.One(entries, kind), Utf8, call.Cancellation);
                call.Note($"{entries.Count} values in {path}");
            }
            return ExitCode.Done;
        });
    }

    static async Task WriteDirectory(Call call, string path, IReadOnlyList<ExportFile> files, int values)
    {
        Directory.CreateDirectory(path);
        foreach (var file in files) await File.WriteAllTextAsync(Path.Combine(path, file.Name), file.Text, Utf8, call.Cancellation);
        call.Note($"{values} values in {files.Count} files in {path}");
        // A service whose last key is deleted writes no file any more: what an earlier export wrote would come back on import.
        var stale = Directory.EnumerateFiles(path).Select(Path.GetFileName).Where(name => ConfigFormats.OfFile(name!) is not null).Except(files.Select(file => file.Name)).Order(StringComparer.Ordinal).ToList();
        if (stale.Count > 0) call.Note($"warning: not of this export, and import would read them too: {string.Join(", ", stale)}");
    }
}
