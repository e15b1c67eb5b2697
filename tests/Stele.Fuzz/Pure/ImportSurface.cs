using System.Text;
using System.Text.Json;
using Stele.Cli.Export;
using Stele.Cli.Import;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Server.Flags;
using Stele.Simulation.Scheduling;
using Values = Stele.Cli.Values;

namespace Stele.Fuzz.Pure;

/// <summary>Files that people import: YAML, properties, .env and JSON of configuration, and YAML of flags.</summary>
internal static class ImportSurface
{
    const string FlagFile = "flags";

    public static ISurface Surface() => new PureSurface("import", "files in YAML, properties, .env and JSON: read or refused with lines; what was read, exported and read again is the same", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var maker = new FileMaker(dice);
        var (word, text) = dice.Next(5) switch
        {
            0 => ("yaml", maker.Yaml()),
            1 => ("properties", maker.Properties()),
            2 => ("env", maker.Dotenv()),
            3 => ("json", new JsonMaker(dice).Any(5)),
            _ => (FlagFile, maker.Yaml()),
        };
        return [.. Encoding.ASCII.GetBytes(word + "\n"), .. Mutation.Sometimes(dice, Nasty.Utf8(text))];
    }

    static bool Accepts(byte[] input)
    {
        var line = input.AsSpan().IndexOf((byte)'\n');
        if (line < 0) return false;
        var (word, bytes) = (Encoding.ASCII.GetString(input.AsSpan(0, line)), input[(line + 1)..]);
        return word == FlagFile ? FlagsInYaml(bytes) : ConfigFormats.All.Any(format => format.Word == word) && Configuration(ConfigFormats.All.First(format => format.Word == word).Format, bytes);
    }

    static bool Configuration(ConfigFormat format, byte[] bytes)
    {
        if (ImportFiles.Decode(bytes) is not { } text) return false;
        var notes = new ImportNotes();
        var set = Read(format, text, "app", notes);
        Read(format, text, null, new ImportNotes(), infer: true);
        if (notes.Problems.Count > 0) return false;
        var entries = set.Entries.Where(entry => entry.Environment == "dev").Select(entry => new ExportEntry(entry.Key, entry.Json)).ToArray();
        foreach (var entry in entries)
            FuzzFinding.Unless(Values.JsonText.Parse(entry.Json) is not null, () => $"{entry.Key} is read as {entry.Json}, which is no JSON");
        // what no value may be, the server refuses: an export has only what it took
        if (!entries.All(entry => CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(entry.Json), "", [], out _))) return true;
        foreach (var (_, other, _) in ConfigFormats.All) SameAgain(entries, other);
        return true;
    }

    static void SameAgain(ExportEntry[] entries, ConfigFormat format)
    {
        var notes = new ImportNotes();
        var written = ExportFiles.One(entries, format);
        var again = Read(format, written, null, notes).Entries;
        FuzzFinding.Unless(notes.Problems.Count == 0, () => $"an export as {format} cannot be imported: {notes.Problems[0]}\n{written}");
        FuzzFinding.Unless(again.Select(entry => entry.Key).SequenceEqual(entries.Select(entry => entry.Key).Order(StringComparer.Ordinal)), () => $"an export as {format} has other keys\n{written}");
        foreach (var (before, after) in entries.OrderBy(entry => entry.Key, StringComparer.Ordinal).Zip(again))
            FuzzFinding.Unless(Values.JsonText.Same(Values.JsonText.Parse(before.Json)!.Value, Values.JsonText.Parse(after.Json)!.Value), () => $"{before.Key}: {before.Json} came back as {after.Json} in {format}\n{written}");
    }

    static ImportSet Read(ConfigFormat format, string text, string? service, ImportNotes notes, bool infer = false) =>
        ImportSet.Read([new SourceFile("fuzz", service, null, format, text)], "dev", infer, notes);

    static bool FlagsInYaml(byte[] bytes)
    {
        var problems = new List<Problem>();
        var json = FlagYaml.ToJson(bytes, problems);
        FuzzFinding.Unless(json is null == problems.Count > 0, () => $"read: {json is not null}, with {problems.Count} problems");
        if (json is null || !CanonicalJson.TryCanonicalize(json, "", problems, out var canonical))
        {
            // what a file of YAML may say beyond what a value may be: a member twice, too many digits
            FuzzFinding.Unless(json is null || problems.All(problem => problem.Rule is not ("json.syntax" or "json.utf8" or "json.surrogate" or "json.nul")), () => $"read as what is no JSON: {problems[0]}");
            return false;
        }
        var again = FlagYaml.ToJson(FlagYaml.FromJson(canonical), problems);
        FuzzFinding.Unless(again is not null, () => $"what is written cannot be read: {problems[0]}");
        using JsonDocument one = JsonDocument.Parse(canonical, new JsonDocumentOptions { MaxDepth = 1_000 }), other = JsonDocument.Parse(again!, new JsonDocumentOptions { MaxDepth = 1_000 });
        FuzzFinding.Unless(JsonSurface.Same(one.RootElement, other.RootElement), () => $"what was written is read as something else: {Encoding.UTF8.GetString(again!)}");
        return true;
    }
}
