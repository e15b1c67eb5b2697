using FsCheck;
using FsCheck.Fluent;
using Stele.Cli.Export;
using Stele.Cli.Import;
using Stele.Cli.Values;
using Stele.Core.Configs;
using Xunit;

namespace Stele.Core.Tests.Import;

/// <summary>Import of an export changes nothing: for any keys and values, in every format, whole or per service.</summary>
public sealed class RoundTripTests
{
    static readonly string[] Segments =
        ["a", "b", "A", "a-b", "spring", "profiles", "config.activate.on-profile", "null", "on", "1", "-", "_", "[0]", "[1]", "[01]", "x[0]", "x[1]", "x[0][0]", "x[2]", "]", "", "stele-other-keys"];

    static readonly string[] Values =
    [
        "1", "1.10", "-0", "1e3", "0.30000000000000000001", "9007199254740993", "true", "false", "null", "{}", "[]", "[{}]", "[[]]",
        """{"a":{"b":[1.0,"x",null,true,{}]},"$json":{"$json":1}}""", """{"$stele":{"keys":"whole"}}""", """["- a","b: c"]""", """{"":""}""", """{"a/b":"ä\"\\\u0001"}""",
    ];

    static readonly string[] Texts =
    [
        "", " ", "x", "30", "1.10", "true", "null", "~", "on", "yes", "{}", "[]", "{\"x\":1}", "'", "\"", "\\", "\\n", "a\nb", "a\r\nb", "\n", "\t", " x ", "x: y", "x #y", "#x", "- x", "*", "&a", "!t", "a:", "${x}", "$(x)",
        "`id`", "0x1F", "007", ".5", "2026-01-31", "12:30", "\u0001", "\u0085", "\u2028", "\uFEFFx", "\uFFFE", "😀", "ä", "---", "...", "x=y", "=", ":", "key=\"v\" # c", "\u007f", "\v\f", "x\\", "?", "|", ">", "%", "@", "http://h:1/p?q=1&r=2#f",
    ];

    static readonly Gen<string> Key =
        from service in Gen.Elements("a", "A", "b-c", "_x", "stele-other-keys", "s[0]")
        from below in Gen.Elements(Segments).ListOf()
        select string.Join('.', [service, .. below.Take(4)]) is var key && ConfigKey.TryParse(key, null, out _) ? key : service;

    static readonly Gen<string> Text = Gen.OneOf(
        Gen.Elements(Texts),
        Gen.Elements([.. Texts.Where(text => text.Length > 0)]).ListOf().Select(parts => string.Concat(parts.Take(3))),
        ArbMap.Default.GeneratorFor<UnicodeString>().Select(text => text.Item ?? "").Where(text => JsonText.IsWellFormedText(text) && !text.Contains('\0', StringComparison.Ordinal)));

    static readonly Gen<string> Value = Gen.OneOf(Gen.Elements(Values), Text.Select(JsonText.Quote), ArbMap.Default.GeneratorFor<decimal>().Select(number => number.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    static readonly Gen<ExportEntry[]> Environment =
        from entries in Gen.Select(Key, key => key).SelectMany(key => Value.Select(value => new ExportEntry(key, value))).ListOf()
        select entries.DistinctBy(entry => entry.Key).ToArray();

    [Theory]
    [InlineData("yaml")]
    [InlineData("json")]
    [InlineData("properties")]
    [InlineData("env")]
    public void Import_of_an_export_changes_nothing(string word)
    {
        var format = ConfigFormats.All.First(known => known.Word == word).Format;
        Prop.ForAll(Environment.ToArbitrary(), entries =>
        {
            var expected = entries.OrderBy(entry => entry.Key, StringComparer.Ordinal).ToArray();
            Expect(expected, [.. ExportFiles.PerService(entries, format).Select(file => (file.Name, file.Text))]);
            Expect(expected, ($"all{ConfigFormats.Ending(format)}", ExportFiles.One(entries, format)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    static void Expect(ExportEntry[] expected, params (string Name, string Text)[] files)
    {
        Assert.Distinct(files.Select(file => file.Name), StringComparer.OrdinalIgnoreCase);
        var (set, notes) = ImportRead.Files(files);
        Assert.Empty(notes.Problems);
        Assert.Empty(notes.Warnings);
        Assert.Equal(expected.Select(entry => entry.Key), set.Entries.Select(entry => entry.Key));
        foreach (var (before, after) in expected.Zip(set.Entries))
            Assert.True(JsonText.Same(JsonText.Parse(before.Json)!.Value, JsonText.Parse(after.Json)!.Value), $"{before.Key}: {before.Json} became {after.Json} in\n{files[0].Text}");
    }

    [Fact]
    public void An_export_is_written_as_people_write_it()
    {
        ExportEntry[] entries =
        [
            new("a.server.port", "8080"), new("a.server.name", "\"x y\""), new("a.hosts[0]", "\"h\""), new("a.hosts[1].port", "1.10"), new("a.server.port.old", "1"),
            new("a.limits", """{"soft":1,"hard":[2]}"""), new("b", "true"), new("a.flag", "\"true\""),
        ];
        var files = ExportFiles.PerService(entries, ConfigFormat.Yaml);
        Assert.Equal(["a.yml", "stele-other-keys.yml"], files.Select(file => file.Name));
        Assert.Equal("""
            flag: "true"
            hosts:
              - h
              -
                port: 1.10
            limits: {$json: {"soft": 1, "hard": [2]}}
            server:
              name: "x y"
              port: 8080
            server.port.old: 1

            """, files[0].Text);
        Assert.Equal("# stele:keys whole\nb: true\n", files[1].Text);
        Assert.Equal("flag=true\nhosts[0]=h\n# stele:type number\nhosts[1].port=1.10\n", string.Join('\n', ExportFiles.PerService(entries, ConfigFormat.Properties)[0].Text.Split('\n')[..4]) + "\n");
    }
}
