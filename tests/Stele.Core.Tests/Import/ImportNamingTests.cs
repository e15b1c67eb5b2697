using Stele.Cli.Import;
using Xunit;

namespace Stele.Core.Tests.Import;

public sealed class ImportNamingTests
{
    static readonly NamingRules Plain = new(null, false, false);
    static readonly NamingRules Profiles = new(null, false, true);

    [Theory]
    [InlineData("customers-service.yml", "customers-service")]
    [InlineData("application.yml", "application")]
    [InlineData("application-docker.yml", "application-docker")]
    [InlineData(".env", "payments")]
    public void The_name_of_the_file_is_the_service(string name, string service) =>
        Assert.Equal((service, null), ImportFiles.Owner("/config/payments", name, new HashSet<string> { "customers" }, Plain));

    [Theory]
    [InlineData("customers-service.yml", "customers-service", null)]
    [InlineData("customers-service-docker.yml", "customers-service", "docker")]
    [InlineData("application-docker.yml", "application", "docker")]
    [InlineData("application-chaos-monkey.yml", "application", "chaos-monkey")]
    [InlineData(".env.production", "payments", "production")]
    public void With_profile_files_a_name_is_split_only_after_a_service_that_is_there(string name, string service, string? profile) =>
        Assert.Equal((service, profile), ImportFiles.Owner("/config/payments", name, new HashSet<string> { "customers-service", "x" }, Profiles));

    [Fact]
    public void A_service_given_by_hand_replaces_the_name_and_whole_keys_need_none()
    {
        Assert.Equal(("s", null), ImportFiles.Owner("/", "x.yml", new HashSet<string>(), Plain with { Service = "s" }));
        Assert.Equal((null, null), ImportFiles.Owner("/", "x.yml", new HashSet<string>(), Plain with { WholeKeys = true }));
    }

    [Fact]
    public void A_document_of_another_profile_than_its_file_is_reported()
    {
        var (set, notes) = ImportRead.Read(Profiles, false, ("application.yml", "x: 1"), ("application-docker.yml", "x: 2\n---\nspring.profiles: qa\nx: 3"));
        Assert.Equal(["dev application.x=1", "docker application.x=2"], ImportRead.Lines(set));
        Assert.Single(notes.Problems);
    }

    [Fact]
    public void Two_files_of_one_service_warn_where_they_meet()
    {
        var (set, notes) = ImportRead.Files(("a.properties", "x=1\ny=2"), ("a.yml", "x: 3"));
        Assert.Equal(["dev a.x=3", "dev a.y=\"2\""], ImportRead.Lines(set));
        Assert.Contains("a.properties line 1", Assert.Single(notes.Warnings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_keeps_number_text_lists_and_comments_and_says_where_it_is_broken()
    {
        Assert.Equal(["dev a.b[0]=1.10", "dev a.b[1]=\"x\"", "dev a.c=null"], ImportRead.Lines("a.json", "// why\n{\"b\": [1.10, \"x\"], /* so */ \"c\": null}"));
        Assert.Equal(3, Assert.Single(ImportRead.Files(("a.json", "{\n\"x\": 1,\n}")).Notes.Problems).Line);
        Assert.Equal(2, Assert.Single(ImportRead.Files(("a.json", "{\n\"a b\": 1}")).Notes.Problems).Line);
        Assert.Single(ImportRead.Files(("a.json", "{\"x\": \"\\ud800\"}")).Notes.Problems);
        Assert.Single(ImportRead.Files(("a.json", "{\"x\": 1} {}")).Notes.Problems);
        Assert.Empty(ImportRead.Lines("a.json", " \n"));
    }

    [Fact]
    public void A_directory_is_read_in_order_hidden_directories_and_unknown_files_are_told_apart()
    {
        var root = Directory.CreateTempSubdirectory("stele-import-");
        try
        {
            Directory.CreateDirectory(Path.Combine(root.FullName, ".git"));
            Directory.CreateDirectory(Path.Combine(root.FullName, "below"));
            foreach (var (name, text) in new[] { ("b.yml", "x: 1"), ("a.json", "{}"), (".git/config.yml", "x: 1"), ("below/c.env", "X=1"), ("LICENSE", "MIT") })
                File.WriteAllText(Path.Combine(root.FullName, name), text);
            var notes = new ImportNotes();
            File.WriteAllBytes(Path.Combine(root.FullName, "latin.yml"), [0x61, 0x3A, 0xE4]);
            var (files, skipped) = ImportFiles.Read(root.FullName, Plain, notes);
            Assert.Equal(["a.json", "b.yml", "below/c.env"], files.Select(file => file.Name));
            Assert.Equal(["LICENSE"], skipped);
            Assert.Equal("latin.yml", Assert.Single(notes.Problems).File);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
