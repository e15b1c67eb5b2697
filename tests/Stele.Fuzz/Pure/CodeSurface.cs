using System.Text;
using Stele.Cli.Code;
using Stele.Cli.Import;
using Stele.Cli.Running;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Files that plan and apply read, and the agent's own: read, or refused with the file and what is wrong with it.</summary>
internal static class CodeSurface
{
    static readonly string[] names = ["production/flags.yml", "production/schemas.yml", "production/config/app.yml", "agent.yml"];
    static readonly ThreadLocal<string> directory = new(() => Directory.CreateTempSubdirectory("stele-fuzz-code-").FullName);

    public static ISurface Surface() => new PureSurface("code", "directories as plan reads them and files of the agent: read, or refused with the file and the reason", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var name = dice.Next(names.Length);
        var text = dice.Chance(0.3) ? new FileMaker(dice).Yaml() : name switch
        {
            0 => Flags(dice),
            1 => string.Concat(Enumerable.Range(0, dice.Between(0, 3)).Select(_ => $"{dice.Pick<string>(["app.a", "app.b", "\"app.a\"", "x", "''"])}: {dice.Pick<string>(["{}", "{type: number}", "3", "[1]", "{a: 1, a: 2}", "~"])}\n")),
            2 => string.Concat(Enumerable.Range(0, dice.Between(0, 4)).Select(_ => $"{dice.Pick<string>(["a", "b", "c.d", "a"])}: {dice.Pick<string>(["1", "x", "[1, 2]", "{y: 1}", "{$json: {z: 1}}"])}\n")),
            _ => Agent(dice),
        };
        return [(byte)name, .. Mutation.Sometimes(dice, Nasty.Utf8(text))];
    }

    static string Flags(Dice dice)
    {
        var text = new StringBuilder();
        for (var parts = dice.Between(0, 3); parts > 0; parts--)
        {
            text.Append(dice.Pick<string>(["flags", "$evaluators", "metadata", "$schema", "other", "''", "flags"])).Append(dice.Pick<string>([":\n", ": 3\n", ": ~\n", ":\n", ":\n", ": []\n"]));
            for (var flags = dice.Next(3); flags > 0; flags--) text.Append("  ").Append(dice.Pick<string>(["f", "g", "''", "f", "$x"])).Append(": ").Append(dice.Pick<string>(["{state: ENABLED, variants: {on: true}, defaultVariant: on}", "1", "{}", "~"])).Append('\n');
        }
        return text.ToString();
    }

    static string Agent(Dice dice)
    {
        var text = new StringBuilder(dice.Chance(0.9) ? "templates:\n" : "");
        for (var count = dice.Between(0, 3); count > 0; count--)
        {
            text.Append("- source: ").Append(dice.Pick<string>(["t.tmpl", "none.tmpl", "\"\\0\"", "''", "[a]", "~", "t.tmpl"])).Append('\n');
            foreach (var member in (string[])["destination: out", "destination: \"a\\0b\"", "mode: \"0640\"", "mode: rw", "mode: -1", "owner: x", "command: true", "signal: HUP", "pid_file: p", "pid_file: \"\\0\"", "colour: red"])
                if (dice.Chance(member[0] == 'd' ? 0.5 : 0.15)) text.Append("  ").Append(member).Append('\n');
        }
        return text.ToString();
    }

    static bool Accepts(byte[] input)
    {
        var root = directory.Value!;
        foreach (var name in names) Put(root, name, name == names[2] ? "a: 1\nb: {c: 2}\n" : name == names[3] ? "templates: []\n" : "");
        Put(root, "t.tmpl", "{{ a }}");
        File.WriteAllBytes(Path.Combine(root, names[input[0] % names.Length]), input[1..]);
        var problems = new List<string>();
        if (names[input[0] % names.Length] == "agent.yml") AgentFile.Read(Path.Combine(root, "agent.yml"), problems);
        else
        {
            var notes = new ImportNotes();
            var code = CodeSet.Read(root, notes);
            problems.AddRange(notes.Problems.Select(problem => problem.ToString()));
            FuzzFinding.Unless(problems.Count > 0 || code is [{ Name: "production" }], () => "nothing is said, and there is no environment");
        }
        FuzzFinding.Unless(problems.All(problem => problem.Contains(".yml", StringComparison.Ordinal) || problem.Contains(".tmpl", StringComparison.Ordinal)), () => $"no file is named: {string.Join(" | ", problems)}");
        return problems.Count == 0;
    }

    static void Put(string root, string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, name))!);
        File.WriteAllText(Path.Combine(root, name), text);
    }
}
