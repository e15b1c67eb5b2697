using System.Text;
using Stele.Cli.Import;
using Xunit;

namespace Stele.Core.Tests.Import;

public sealed class YamlImportTests
{
    [Fact]
    public void Maps_become_dotted_keys_below_the_name_of_the_file() =>
        Assert.Equal(["dev vets.cache.heap-size=100", "dev vets.cache.ttl=60", "dev vets.spring.messages.basename=\"messages/messages\""],
            ImportRead.Lines("vets.yml", "cache:\n  ttl: 60\n  heap-size: 100\nspring.messages.basename: messages/messages\n"));

    [Fact]
    public void Lists_become_indexed_keys_and_empty_ones_values() =>
        Assert.Equal(["dev a.hosts[0]=\"x\"", "dev a.hosts[1].name=\"y\"", "dev a.hosts[1].port=1", "dev a.hosts[2][0]=true", "dev a.none={}", "dev a.nothing=[]", "dev a.void=null"],
            ImportRead.Lines("a.yml", "hosts:\n- x\n- name: y\n  port: 1\n- [true]\nnone: {}\nnothing: []\nvoid:\n"));

    [Theory]
    [InlineData("1.10", "1.10")]
    [InlineData("9007199254740993", "9007199254740993")]
    [InlineData("-0", "-0")]
    [InlineData("1e3", "1e3")]
    [InlineData("1E+400", "1E+400")]
    [InlineData("1e1001", "\"1e1001\"")]
    [InlineData("0x1F", "\"0x1F\"")]
    [InlineData("0o17", "\"0o17\"")]
    [InlineData("007", "\"007\"")]
    [InlineData("1_000", "\"1_000\"")]
    [InlineData(".5", "\".5\"")]
    [InlineData("+1", "\"+1\"")]
    [InlineData("1.", "\"1.\"")]
    [InlineData(".inf", "\".inf\"")]
    [InlineData(".NaN", "\".NaN\"")]
    [InlineData("12:30", "\"12:30\"")]
    [InlineData("'30'", "\"30\"")]
    [InlineData("\"true\"", "\"true\"")]
    [InlineData("True", "true")]
    [InlineData("on", "\"on\"")]
    [InlineData("~", "null")]
    [InlineData("Null", "null")]
    [InlineData("!!str 5", "\"5\"")]
    [InlineData("!!int 5", "5")]
    [InlineData("! 5", "\"5\"")]
    [InlineData("${a.b}:${c}", "\"${a.b}:${c}\"")]
    [InlineData("2026-01-31T10:00:00Z", "\"2026-01-31T10:00:00Z\"")]
    public void A_scalar_is_typed_by_the_core_schema_and_numbers_keep_their_text(string yaml, string json) =>
        Assert.Equal([$"dev a.k={json}"], ImportRead.Lines("a.yml", $"k: {yaml}\n"));

    [Fact]
    public void Block_text_is_one_string() =>
        Assert.Equal([@"dev a.folded=""x y\n""", @"dev a.kept=""x\ny\n"""], ImportRead.Lines("a.yml", "kept: |\n  x\n  y\nfolded: >\n  x\n  y\n"));

    [Fact]
    public void Documents_without_a_profile_go_to_the_environment_and_the_others_to_theirs()
    {
        var lines = ImportRead.Lines("customers-service.yml", """
            # comment
            server:
              port: 0   # random
            ---
            spring:
              config:
                activate:
                  on-profile: docker      
            server.port: 8081
            ---
            spring.profiles: "staging, qa"
            server.port: 8082
            ---
            spring.config.activate.on-profile: [qa2]
            spring.profiles.active: x
            """);
        Assert.Equal(
        [
            "dev customers-service.server.port=0", "docker customers-service.server.port=8081", "qa customers-service.server.port=8082",
            "qa2 customers-service.spring.profiles.active=\"x\"", "staging customers-service.server.port=8082",
        ], lines);
    }

    [Theory]
    [InlineData("!docker")]
    [InlineData("a & b")]
    [InlineData("a | b")]
    [InlineData("with space")]
    public void A_profile_that_names_no_environment_is_reported(string profile)
    {
        var (set, notes) = ImportRead.Files(("a.yml", $"x: 1\n---\nspring.profiles: '{profile}'\ny: 2\n"));
        Assert.Equal(["dev a.x=1"], ImportRead.Lines(set));
        Assert.Contains(profile, Assert.Single(notes.Problems).Message, StringComparison.Ordinal);
        Assert.Equal(3, notes.Problems[0].Line);
    }

    [Fact]
    public void A_byte_order_mark_is_no_part_of_the_first_key_nor_of_a_later_document()
    {
        var text = ImportFiles.Decode([0xEF, 0xBB, 0xBF, .. "server:\n  port: 1\n"u8]);
        Assert.Equal(["dev a.server.port=1"], ImportRead.Lines("a.yml", text!));
        Assert.Equal(["dev a.x=1", "p a.y=2"], ImportRead.Lines("a.yml", "\uFEFFx: 1\n---\n\uFEFFspring.profiles: p\ny: 2\n"));
        Assert.Equal("x: ä", ImportFiles.Decode([0xFF, 0xFE, .. Encoding.Unicode.GetBytes("x: ä")]));
        Assert.Null(ImportFiles.Decode([0x78, 0xE4]));
    }

    [Fact]
    public void A_key_set_dotted_and_nested_takes_the_last_value_with_a_warning()
    {
        var (set, notes) = ImportRead.Files(("application.yml", "management.endpoints.include: '*'\nother: 1\nmanagement:\n  endpoints:\n    include: health\n"));
        Assert.Equal(["dev application.management.endpoints.include=\"health\"", "dev application.other=1"], ImportRead.Lines(set));
        Assert.Equal(3, set.Leaves);
        var warning = Assert.Single(notes.Warnings);
        Assert.Equal(5, warning.Line);
        Assert.Contains("line 1", warning.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_literally_repeated_key_takes_the_last_value_with_a_warning()
    {
        var (set, notes) = ImportRead.Files(("a.yml", "x: 1\nx: 2\n"));
        Assert.Equal(["dev a.x=2"], ImportRead.Lines(set));
        Assert.Single(notes.Warnings);
    }

    [Theory]
    [InlineData("with space: 1", "key.characters")]
    [InlineData("'a/b': 1", "key.characters")]
    [InlineData("'*': 1", "key.characters")]
    [InlineData("äöü: 1", "key.characters")]
    [InlineData("<<<: 1", "key.characters")]
    public void A_key_that_does_not_fit_is_reported_with_its_line_and_rule(string yaml, string rule)
    {
        var (set, notes) = ImportRead.Files(("a.yml", $"good: 1\n{yaml}\n"));
        Assert.Equal(["dev a.good=1"], ImportRead.Lines(set));
        var problem = Assert.Single(notes.Problems);
        Assert.Equal(2, problem.Line);
        Assert.Contains(rule, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: [1", "not YAML")]
    [InlineData("- 1\n- 2", "top level")]
    [InlineData("just words", "top level")]
    [InlineData("a: !vault x", "tag")]
    [InlineData("? [a, b]\n: 1", "one word")]
    [InlineData("a: *nowhere", "")]
    [InlineData("a: &x\n  b: *x", "anchor")]
    public void What_is_no_configuration_is_reported(string yaml, string part)
    {
        var (set, notes) = ImportRead.Files(("a.yml", yaml), ("b.yml", "x: 1"));
        Assert.Equal(["dev b.x=1"], ImportRead.Lines(set));
        Assert.Contains(part, Assert.Single(notes.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Anchors_and_merges_are_followed_and_what_the_map_says_itself_wins() =>
        Assert.Equal(["dev a.base.x=1", "dev a.base.y=2", "dev a.own.x=1", "dev a.own.y=3", "dev a.same=\"z\"", "dev a.word=\"z\""],
            ImportRead.Lines("a.yml", "base: &b {x: 1, y: 2}\nown:\n  y: 3\n  <<: *b\nword: &w z\nsame: *w\n"));

    [Fact]
    public void Aliases_that_multiply_are_refused_before_they_fill_the_memory()
    {
        var text = new StringBuilder("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (var i = 1; i < 9; i++) text.Append($"l{i}: &l{i} [{string.Join(", ", Enumerable.Repeat($"*l{i - 1}", 10))}]\n");
        Assert.Contains("too many", Assert.Single(ImportRead.Files(("a.yml", text.ToString())).Notes.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_without_end_is_refused_before_it_fills_the_stack() =>
        Assert.Single(ImportRead.Files(("a.yml", "a: " + new string('[', 100_000))).Notes.Problems);

    [Theory]
    [InlineData("")]
    [InlineData("# only a comment\n")]
    [InlineData("---\n---\n")]
    [InlineData("{}")]
    public void An_empty_file_says_nothing(string yaml) => Assert.Empty(ImportRead.Lines("a.yml", yaml));

    [Fact]
    public void A_marked_value_is_not_taken_apart() =>
        Assert.Equal(["""dev a.k={"x":1.10,"y":["z",null]}"""], ImportRead.Lines("a.yml", "k: {$json: {\"x\": 1.10, y: [z, ~]}}\n"));
}
