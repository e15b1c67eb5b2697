using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using Stele.Server.Options;
using Xunit;

namespace Stele.Server.Tests.Tidy;

/// <summary>
/// What the documents name exists. Recognised in what people read (README, ARCHITECTURE, CONTRIBUTING, docs/, bench/): paths
/// in backticks and links, STELE_… variables anywhere, <c>stele word</c> in code, and, where the code is explained, types.
/// </summary>
public sealed partial class DocsTests
{
    // Prose whose backticked names are promised to be types.
    static readonly string[] explainTheCode = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

    // Extensions that only our own files have in these documents; a user's examples are .json, .yml, .properties.
    static readonly string[] ownExtensions = [".cs", ".csproj", ".sql", ".slnx", ".props", ".lua", ".proto", ".md"];

    // Names in backticks that look like types and are words of other products.
    static readonly string[] foreignNames = ["PostgreSQL", "GitHub", "OpenFeature", "LaunchDarkly", "JsonLogic", "OpenAPI", "YamlDotNet", "NuGet", "FsCheck"];

    static IReadOnlyList<(string Path, string Text)> Documents { get; } = [.. Repository.Files
        .Where(path => path.EndsWith(".md", StringComparison.Ordinal) && (!path.Contains('/') || path.StartsWith("docs/", StringComparison.Ordinal) || path.StartsWith("bench/", StringComparison.Ordinal)))
        .Select(path => (path, Repository.Read(path)))];

    [Fact]
    public void Every_path_that_a_document_names_exists() => Exemption.Check(
        "A path in backticks or a link leads somewhere.",
        Documents.SelectMany(document => CodeSpan().Matches(document.Text).Select(match => match.Groups[1].Value).Where(IsOwnPath)
                .Where(path => !ExistsFrom(document.Path, path) && !Repository.Files.Any(file => file.EndsWith("/" + path, StringComparison.Ordinal)))
            .Concat(Link().Matches(document.Text).Select(match => match.Groups[1].Value).Where(target => !ExistsFrom(document.Path, target)))
            .Select(path => new Breach(document.Path, path))));

    [Fact]
    public void Every_environment_variable_that_a_document_names_is_read() => Exemption.Check(
        "A STELE_… variable is read by the code or a script.",
        Documents.SelectMany(document => Variable().Matches(document.Text).Select(match => match.Value).Distinct()
            .Where(name => !Variables.Any(known => name.EndsWith('_') ? known.StartsWith(name, StringComparison.Ordinal) : known == name))
            .Select(name => new Breach(document.Path, name))));

    [Fact]
    public void Every_command_that_a_document_names_exists()
    {
        var known = Words();
        Exemption.Check("A stele command is a verb of the script, the server or the command line client.",
            Documents.SelectMany(document => CommandsIn(document.Text).Distinct().Where(word => !known.Contains(word)).Select(word => new Breach(document.Path, $"stele {word}"))));
    }

    [Fact]
    public void Every_type_that_the_explanations_name_exists()
    {
        var known = Repository.Sources("src", "tests", "bench").SelectMany(source => source.Types().Select(type => type.Name)).ToHashSet();
        Exemption.Check("A type in backticks is declared here or comes from a library that is in use.",
            Documents.Where(document => explainTheCode.Contains(document.Path))
                .SelectMany(document => CodeSpan().Matches(document.Text).Select(match => TypeName().Match(match.Groups[1].Value)).Where(match => match.Success)
                    .Select(match => match.Groups[1].Value).Distinct()
                    .Where(name => !known.Contains(name) && !foreignNames.Contains(name) && !IsLibraryType(name))
                    .Select(name => new Breach(document.Path, name))));
    }

    [Fact]
    public void Every_test_that_a_document_names_exists()
    {
        var known = Repository.Sources("tests").SelectMany(source => source.Functions().Select(function => function.Name)).ToHashSet();
        Exemption.Check("A sentence in backticks is the name of a test.",
            Documents.SelectMany(document => CodeSpan().Matches(document.Text).Select(match => match.Groups[1].Value).Where(span => TestName().IsMatch(span))
                .Where(name => !known.Contains(name)).Select(name => new Breach(document.Path, name))));
    }

    [Fact]
    public void Every_rule_of_the_simulation_that_the_promises_name_exists()
    {
        var rules = Repository.Sources("tests/Stele.Simulation").SelectMany(source => source.Literals).Select(literal => literal.Text).ToHashSet();
        Exemption.Check("A rule in quotes is one that the simulation checks.",
            Rule().Matches(Repository.Read("docs/guides/consistency.md")).Select(match => match.Groups[1].Value).Where(rule => !rules.Contains(rule))
                .Select(rule => new Breach("docs/guides/consistency.md", rule)));
    }

    [Fact]
    public void Every_promise_names_what_proves_it() => Exemption.Check(
        "A row of docs/guides/consistency.md names a test in its last column, or a rule of the simulation.",
        Repository.Read("docs/guides/consistency.md").Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| ---", StringComparison.Ordinal) && !line.EndsWith("| proved by |", StringComparison.Ordinal))
            .Where(row => row.Split('|')[^2] is var proof && !CodeSpan().Matches(proof).Any(match => TestName().IsMatch(match.Groups[1].Value)) && !Rule().IsMatch(proof))
            .Select(row => new Breach("docs/guides/consistency.md", row)));

    [Fact]
    public void What_the_readme_claims_is_promised()
    {
        var promises = Repository.Read("docs/guides/consistency.md");
        Exemption.Check("A claim in bold in README.md stands in docs/guides/consistency.md, with what proves it.",
            Claim().Matches(Repository.Read("README.md")).Select(match => match.Groups[1].Value.TrimEnd('.')).Where(claim => !promises.Contains($"| {claim}", StringComparison.Ordinal))
                .Select(claim => new Breach("README.md", claim)));
    }

    [Fact]
    public void The_recognisers_recognise()
    {
        Assert.True(IsOwnPath("Flags/FlagFeature.cs"));
        Assert.True(IsOwnPath("src/Stele.Core/"));
        Assert.False(IsOwnPath("/v1/config/{key}"));
        Assert.False(IsOwnPath("config/application.yml"));
        Assert.Equal(["up", "history"], CommandsIn("Type `./stele up` and\n```\n$ stele history a.b\n  the stele stands\n```\nThe stele stands."));
        Assert.Matches(TestName(), "Set_with_a_stale_expected_version_is_refused");
        Assert.DoesNotMatch(TestName(), "STELE_SIM_SEED");
        Assert.DoesNotMatch(TestName(), "Stele_x");
        Assert.Equal("FlagDecider", TypeName().Match("FlagDecider.Decide").Groups[1].Value);
        Assert.Equal("Outcome", TypeName().Match("Outcome<T>").Groups[1].Value);
        Assert.DoesNotMatch(TypeName(), "Stele-Cursor");
        Assert.DoesNotMatch(TypeName(), "GET /v1/config");
    }

    /// <summary>Every STELE_… name in the code's literals and in the scripts.</summary>
    internal static IReadOnlySet<string> Variables { get; } = Repository.Sources("src").SelectMany(source => source.Literals.SelectMany(literal => Variable().Matches(literal.Text)))
        .Concat(Scripts().SelectMany(text => Variable().Matches(text))).Select(match => match.Value).Concat(SteleSettings.All.Select(setting => setting.Variable)).ToHashSet();

    static IEnumerable<string> Scripts() => new[] { "stele", ".ci/run", "bench/run" }.Where(Repository.Exists).Select(Repository.Read);

    // Words that the command line knows: literals that are one lower-case word, in the client and the server's Program, and the script's cases.
    static HashSet<string> Words() =>
    [
        .. Repository.Sources("src/Stele.Cli").Concat(Repository.Sources("src/Stele.Server").Where(source => ServerVerbs().IsMatch(source.Path)))
            .SelectMany(source => source.Literals).Select(literal => literal.Text).Where(text => Word().IsMatch(text)),
        .. Scripts().SelectMany(text => ScriptCase().Matches(text)).SelectMany(match => match.Groups[1].Value.Split('|', StringSplitOptions.TrimEntries)),
    ];

    static IEnumerable<string> CommandsIn(string text)
    {
        var fences = Fence().Matches(text).SelectMany(fence => FenceCommand().Matches(fence.Value));
        var spans = CodeSpan().Matches(text).Select(span => SpanCommand().Match(span.Groups[1].Value)).Where(match => match.Success);
        return spans.Concat(fences).Select(match => match.Groups[1].Value);
    }

    // What a build or a run makes is not there yet.
    static readonly string[] generated = ["artifacts", ".stele"];

    static bool IsOwnPath(string span) => PathLike().IsMatch(span) && !generated.Contains(span.Split('/')[0])
        && (ownExtensions.Contains(Path.GetExtension(span)) || Repository.Files.Any(file => file.StartsWith(span.Split('/')[0] + "/", StringComparison.Ordinal)));

    static bool ExistsFrom(string document, string path)
    {
        var plain = path.Split('#')[0].TrimEnd('/');
        return plain.Length == 0 || Repository.Exists(plain) || Repository.Exists(Path.Combine(Path.GetDirectoryName(document)!, plain));
    }

    static bool IsLibraryType(string name) => LibraryTypes.Value.Contains(name);

    // By metadata, not by loading: the runtime's own library cannot be loaded twice.
    static readonly Lazy<HashSet<string>> LibraryTypes = new(() =>
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => LibraryFile().IsMatch(Path.GetFileName(path))).SelectMany(TypesOf)]);

    static IEnumerable<string> TypesOf(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        if (!file.HasMetadata) yield break;
        var metadata = file.GetMetadataReader();
        foreach (var handle in metadata.TypeDefinitions) yield return metadata.GetString(metadata.GetTypeDefinition(handle).Name).Split('`')[0];
    }

    [GeneratedRegex(@"(?<!`)`([^`\n]+)`(?!`)")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?!https?:|mailto:|#)([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\bSTELE_[A-Z0-9_]+")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^(?:\$ )?(?:\./)?stele ([a-z][a-z-]*)\b", RegexOptions.Multiline)]
    private static partial Regex FenceCommand();

    [GeneratedRegex(@"^(?:\./)?stele ([a-z][a-z-]*)\b")]
    private static partial Regex SpanCommand();

    [GeneratedRegex(@"^[\w.-]+/(?:[\w.-]+/)*[\w.-]*$")]
    private static partial Regex PathLike();

    [GeneratedRegex(@"^([A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+|[A-Z][A-Za-z0-9]+(?=<))(?:<\w+(?:, ?\w+)*>)?(?:\.\w+(?:\(\))?)?$")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^[A-Z][a-z0-9]*(?:_[A-Za-z0-9]+){2,}$")]
    private static partial Regex TestName();

    [GeneratedRegex(@"(?<=simulation,[^|;]*)""([^""]+)""")]
    private static partial Regex Rule();

    [GeneratedRegex(@"^- \*\*([^*]+)\*\*", RegexOptions.Multiline)]
    private static partial Regex Claim();

    [GeneratedRegex("^[a-z][a-z-]*$")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\s*([a-z][a-z-]*(?:\s*\|\s*[a-z-]+)*)\)", RegexOptions.Multiline)]
    private static partial Regex ScriptCase();

    [GeneratedRegex(@"/(Program|\w*Verbs?|\w*Commands?)\.cs$")]
    private static partial Regex ServerVerbs();

    [GeneratedRegex(@"^(System\.|Microsoft\.AspNetCore\.|Microsoft\.Extensions\.|Npgsql).*\.dll$")]
    private static partial Regex LibraryFile();
}
