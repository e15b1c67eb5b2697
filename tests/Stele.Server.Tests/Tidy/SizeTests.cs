using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>A file can be read in one sitting, a function on one screen.</summary>
public sealed class SizeTests
{
    const int FileLinesMax = 400;
    const int TestFileLinesMax = 600;
    const int FunctionLinesMax = 70;
    const int ProgramLinesMax = 80;

    // Path of each file that is longer than it should be. Only ever shortened.
    static readonly string[] longFiles = [];

    // "path name" of each function that is longer than it should be. Only ever shortened.
    static readonly string[] longFunctions = [];

    [Fact]
    public void No_file_is_longer_than_one_sitting() => Exemption.Check(
        $"A file has at most {FileLinesMax} lines, a test's {TestFileLinesMax}.",
        Repository.Sources("src", "tests", "bench")
            .Where(source => source.Lines > (source.Path.StartsWith("tests/", StringComparison.Ordinal) ? TestFileLinesMax : FileLinesMax))
            .Select(source => new Breach(source.Path, $"{source.Lines} lines")),
        longFiles);

    [Fact]
    public void No_function_is_longer_than_one_screen() => Exemption.Check(
        $"A function has at most {FunctionLinesMax} lines.",
        Repository.Sources("src", "tests", "bench").SelectMany(source => source.Functions()
            .Where(function => function.Lines > FunctionLinesMax)
            .Select(function => new Breach($"{source.Path} {function.Name}", $"{function.Lines} lines from line {function.Line}"))),
        longFunctions);

    [Fact]
    public void Program_is_a_table_of_contents() => Exemption.Check(
        $"Program.cs has at most {ProgramLinesMax} lines.",
        Repository.Sources("src", "bench").Where(source => Path.GetFileName(source.Path) == "Program.cs" && source.Lines > ProgramLinesMax)
            .Select(source => new Breach(source.Path, $"{source.Lines} lines")));

    [Fact]
    public void Functions_are_found_and_counted_through_strings_and_comments()
    {
        var source = CSharpSource.Of(""""
            namespace A;
            // a { in a comment
            sealed class B<T>(int x = 1) : C where T : class
            {
                const string XSql = """
                    SELECT '{' FROM "t"
                    """;
                int Field = Call(() => { return 1; });
                public string Name { get; } = "}";
                [Attribute("(")]
                public string M(string s = "{")
                {
                    var y = $"{s + "}"} {{ {(s.Length > 0 ? $"{x}" : "\"")}";
                    return y + '{' + '\'' + @"\" + $$"""{{{s}}} " {""";
                }
                static (int A, int B) E((int, int) p) =>
                    1;
                record Inner(int A) { int P => 2; }
                enum Kind { One, Two }
            }
            """");
        Assert.Equal([("Name", 9, 1), ("M", 10, 6), ("E", 16, 2), ("P", 18, 1)], source.Functions().Where(f => f.Name != "Kind"));
        Assert.Equal(["B", "Inner", "Kind"], source.Types().Select(type => type.Name));
        Assert.Contains("C", source.Types().First().Bases, StringComparison.Ordinal);
        Assert.DoesNotContain("comment", source.Code, StringComparison.Ordinal);
    }
}
