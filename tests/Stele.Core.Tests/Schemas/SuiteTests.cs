using System.Text;
using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Schemas;
using Xunit;

namespace Stele.Core.Tests.Schemas;

/// <summary>
/// All required tests of draft 2020-12 of the official test suite (Suite/README.md). The documents that some refer to are
/// at hand, as in the suite's own server; without them the validator refuses, which another test checks.
/// </summary>
public sealed class SuiteTests
{
    static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Schemas", "Suite");

    static readonly Dictionary<string, byte[]> Documents = Remotes();

    public static TheoryData<string> Files => [.. Directory.GetFiles(Folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void The_official_suite_passes(string file)
    {
        var (count, wrong) = Run(Path.Combine(Folder, file + ".json"));
        Assert.Empty(wrong);
        Assert.True(count > 0);
    }

    [Fact]
    public void The_suite_is_whole() => Assert.Equal(1176, Directory.GetFiles(Folder, "*.json").Sum(file => Run(file).Count));

    static (int Count, List<string> Wrong) Run(string path)
    {
        var (count, wrong) = (0, new List<string>());
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        foreach (var group in json.RootElement.EnumerateArray())
        {
            var problems = new List<Problem>();
            var schema = JsonSchema.Compile(SchemaText.Canonical(group.GetProperty("schema").GetRawText()), "", problems, Documents);
            foreach (var test in group.GetProperty("tests").EnumerateArray())
            {
                count++;
                var name = $"{group.GetProperty("description")}: {test.GetProperty("description")}";
                if (schema is null)
                {
                    wrong.Add($"{name}: refused, {string.Join(" ", problems.Select(problem => $"{problem.Name}: {problem.Message}"))}");
                    continue;
                }
                var errors = new List<SchemaError>();
                var value = SchemaText.Canonical(test.GetProperty("data").GetRawText());
                var verdict = schema.Validate(value, errors);
                if (verdict != (test.GetProperty("valid").GetBoolean() ? SchemaVerdict.Valid : SchemaVerdict.Invalid) || verdict != schema.Validate(value) || (verdict == SchemaVerdict.Valid) != (errors.Count == 0))
                    wrong.Add($"{name}: {verdict} {string.Join(" ", errors)}");
            }
        }
        return (count, wrong);
    }

    static Dictionary<string, byte[]> Remotes()
    {
        var documents = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        var folder = Path.Combine(Folder, "remotes");
        foreach (var file in Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(folder, file).Replace('\\', '/');
            var text = SchemaText.Canonical(File.ReadAllText(file));
            // those of no draft lie at the top of the suite's server
            documents[$"http://localhost:1234/draft2020-12/{name}"] = text;
            documents[$"http://localhost:1234/{name}"] = text;
        }
        return documents;
    }
}
