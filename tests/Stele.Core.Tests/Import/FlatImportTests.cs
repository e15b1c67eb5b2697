using Xunit;

namespace Stele.Core.Tests.Import;

public sealed class FlatImportTests
{
    [Theory]
    [InlineData("k=v", "k", "v")]
    [InlineData("k:v", "k", "v")]
    [InlineData("k v", "k", "v")]
    [InlineData("  k \t = \f v  ", "k", "v  ")]
    [InlineData("k = = v", "k", "= v")]
    [InlineData("k", "k", "")]
    [InlineData("k=one, \\\n    two, \\\r\n\tthree", "k", "one, two, three")]
    [InlineData("k\\\n  k2=v", "kk2", "v")]
    [InlineData("k=a\\tb\\nc\\\\d\\q", "k", "a\tb\nc\\dq")]
    [InlineData("k=\\u00e4\\uD83D\\uDE00ö", "k", "ä😀ö")]
    [InlineData("k=v\\\\\nl=w", "k", "v\\")]
    [InlineData("k=30", "k", "30")]
    [InlineData("k=\"quoted\"", "k", "\"quoted\"")]
    [InlineData("# c\\\n! d\n\n \t\nk=v # not a comment", "k", "v # not a comment")]
    [InlineData("k=v\\", "k", "v")]
    public void Properties_follow_the_rules_of_Java(string text, string key, string value)
    {
        var (set, notes) = ImportRead.Files(("a.properties", text));
        Assert.Empty(notes.Problems);
        Assert.Contains(set.Entries, entry => entry.Key == $"a.{key}" && entry.Json == Stele.Cli.Values.JsonText.Quote(value));
    }

    [Fact]
    public void Properties_know_documents_profiles_and_lists() =>
        Assert.Equal(["dev a.hosts[0]=\"x\"", "prod a.port=\"1\""], ImportRead.Lines("a.properties", "hosts[0]=x\n#---\nspring.config.activate.on-profile=prod\nport=1\n"));

    [Theory]
    [InlineData("a\nk=\\u12g4", 2)]
    [InlineData("k=\\uD800x", 1)]
    [InlineData("\n\nwith\\ space=1", 3)]
    [InlineData("# stele:type number\nk=abc", 2)]
    public void What_properties_cannot_say_is_reported_with_its_line(string text, int line) =>
        Assert.Equal(line, Assert.Single(ImportRead.Files(("a.properties", text)).Notes.Problems).Line);

    [Theory]
    [InlineData("K=v", "v")]
    [InlineData("export K=v", "v")]
    [InlineData("K = v # comment", "v")]
    [InlineData("K=v#no comment", "v#no comment")]
    [InlineData("K=", "")]
    [InlineData("K=   # comment", "")]
    [InlineData("K='a # \"b\" \\n ${x}' # comment", "a # \"b\" \\n ${x}")]
    [InlineData("K=\"a\\nb\\t\\\"c\\\" \\$x \\d\"", "a\nb\t\"c\" $x \\d")]
    [InlineData("K=\"two\nlines\"", "two\nlines")]
    [InlineData("K='two\r\nlines'", "two\r\nlines")]
    [InlineData("\n# c\r\n\r\nK=v\r\n", "v")]
    [InlineData("K=postgres://u:p@h/db?x=${Y}", "postgres://u:p@h/db?x=${Y}")]
    public void Dotenv_takes_quotes_exports_comments_and_escapes(string text, string value)
    {
        var (set, notes) = ImportRead.Files(("a.env", text));
        Assert.Empty(notes.Problems);
        var entry = Assert.Single(set.Entries);
        Assert.Equal(("a.K", Stele.Cli.Values.JsonText.Quote(value)), (entry.Key, entry.Json));
    }

    [Theory]
    [InlineData("A=1\nnonsense", 2)]
    [InlineData("A=1\nB=\"open\nmore", 2)]
    [InlineData("A='x' y", 1)]
    [InlineData("A B=1", 1)]
    public void What_dotenv_cannot_say_is_reported_with_its_line(string text, int line) =>
        Assert.Equal(line, Assert.Single(ImportRead.Files(("a.env", text)).Notes.Problems).Line);

    [Fact]
    public void Types_are_inferred_only_when_asked()
    {
        Assert.Equal(["dev a.K=\"30\""], ImportRead.Lines("a.env", "K=30"));
        var (set, _) = ImportRead.Read(new(null, false, false), infer: true, ("a.env", "K=30\nL=true\nM=text\nN='{\"x\": 1.0}'"));
        Assert.Equal(["dev a.K=30", "dev a.L=true", "dev a.M=\"text\"", "dev a.N={\"x\": 1.0}"], ImportRead.Lines(set));
    }
}
