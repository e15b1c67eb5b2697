using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Core.Secrets;

namespace Stele.Cli.Templates;

/// <summary>
/// Text with <c>{{ … }}</c> in it: values, conditions, loops. No calls, no assignments, no files: what it says follows from the
/// values alone, and it always ends. <c>{{-</c> and <c>-}}</c> take the white space before and after with them, <c>{{/* … */}}</c> is a comment.
/// </summary>
internal sealed partial class Template
{
    // a template is somebody's own; these are so that a slip in one does not take the agent with it
    const int DepthMax = 64, TagCharactersMax = 4_096, IndentMax = 200;
    readonly IReadOnlyList<TemplateNode> nodes;

    Template(IReadOnlyList<TemplateNode> nodes, IReadOnlyCollection<string> secrets) => (this.nodes, Secrets) = (nodes, secrets);

    /// <summary>The paths of the secrets that it names.</summary>
    internal IReadOnlyCollection<string> Secrets { get; }

    /// <summary>The template, or <see cref="TemplateException"/> with the line and what is wrong there.</summary>
    internal static Template Parse(string text)
    {
        var reader = new Reader([.. Tokens(text)]);
        var nodes = reader.Block(out var end, out var line);
        return end is null ? new Template(nodes, reader.Secrets) : throw new TemplateException(line, $"{end} without an if or a range");
    }

    internal string Render(IReadOnlyDictionary<string, JsonElement> values) => Render(values, out _);

    /// <summary>The same, with the names of the values that it looked at.</summary>
    internal string Render(IReadOnlyDictionary<string, JsonElement> values, out IReadOnlySet<string> seen)
    {
        var text = new StringBuilder();
        var scope = new TemplateScope(values);
        foreach (var node in nodes) node.Render(scope, text);
        seen = scope.Seen;
        return text.ToString();
    }

    static IEnumerable<(bool IsTag, string Text, int Line)> Tokens(string text)
    {
        var line = 1;
        var trims = false;
        for (var at = 0; at < text.Length;)
        {
            var open = text.IndexOf("{{", at, StringComparison.Ordinal);
            var plain = open < 0 ? text[at..] : text[at..open];
            var before = plain;
            if (trims) plain = plain.TrimStart();
            if (open >= 0 && open + 2 < text.Length && text[open + 2] == '-') plain = plain.TrimEnd();
            if (plain.Length > 0) yield return (false, plain, line);
            line += before.Count(c => c == '\n');
            if (open < 0) yield break;
            var close = text.IndexOf("}}", open, StringComparison.Ordinal);
            if (close < 0) throw new TemplateException(line, "{{ without }}");
            var tag = text[(open + 2)..close];
            if (tag.Length > TagCharactersMax && !tag.StartsWith("/*", StringComparison.Ordinal)) throw new TemplateException(line, $"what is between {{{{ and }}}} has more than {TagCharactersMax} characters");
            trims = tag.EndsWith('-');
            yield return (true, tag.Trim('-').Trim(), line);
            line += tag.Count(c => c == '\n');
            at = close + 2;
        }
    }

    sealed class Reader(IReadOnlyList<(bool IsTag, string Text, int Line)> tokens)
    {
        readonly HashSet<string> secrets = new(StringComparer.Ordinal);
        int next, depth;

        internal IReadOnlyCollection<string> Secrets => secrets;

        // up to the end, or to an else or end that is not one of its own
        internal List<TemplateNode> Block(out string? end, out int line)
        {
            var nodes = new List<TemplateNode>();
            while (next < tokens.Count)
            {
                var (isTag, text, at) = tokens[next++];
                if (!isTag) nodes.Add(new TextNode(text, at));
                else if (text is "end" or "else")
                {
                    (end, line) = (text, at);
                    return nodes;
                }
                else if (text.StartsWith("/*", StringComparison.Ordinal)) continue;
                else if (IfTag().Match(text) is { Success: true } condition) nodes.Add(If(condition, at));
                else if (RangeTag().Match(text) is { Success: true } loop) nodes.Add(Range(loop, at));
                else nodes.Add(new OutputNode(Expression(text, at), at));
            }
            (end, line) = (null, 0);
            return nodes;
        }

        IfNode If(Match tag, int line)
        {
            var (then, otherwise) = Branches("if", line);
            var isNot = tag.Groups["not"].Success;
            if (tag.Groups["defined"].Success) return new IfNode(Expression(tag.Groups["what"].Value, line), "defined", null, isNot, then, otherwise, line);
            if (Comparison().Match(tag.Groups["what"].Value) is { Success: true } both)
                return new IfNode(Expression(both.Groups[1].Value, line), both.Groups[2].Value, Expression(both.Groups[3].Value, line), isNot, then, otherwise, line);
            return new IfNode(Expression(tag.Groups["what"].Value, line), null, null, isNot, then, otherwise, line);
        }

        RangeNode Range(Match tag, int line)
        {
            var (each, none) = Branches("range", line);
            var over = tag.Groups["over"].Value.Trim();
            return over.EndsWith('*') ? new RangeNode(tag.Groups["name"].Value, null, over[..^1], each, none, line) : new RangeNode(tag.Groups["name"].Value, Expression(over, line), null, each, none, line);
        }

        (List<TemplateNode> First, List<TemplateNode> Second) Branches(string what, int line)
        {
            if (depth == DepthMax) throw new TemplateException(line, $"more than {DepthMax} of if and range are inside each other");
            depth++;
            try
            {
                return Both(what, line);
            }
            finally
            {
                depth--;
            }
        }

        (List<TemplateNode> First, List<TemplateNode> Second) Both(string what, int line)
        {
            var first = Block(out var end, out _);
            if (end is null) throw new TemplateException(line, $"{what} without an end");
            if (end == "end") return (first, []);
            var second = Block(out end, out var at);
            return end == "end" ? (first, second) : throw new TemplateException(end is null ? line : at, end is null ? $"{what} without an end" : "a second else");
        }

        TemplateExpression Expression(string text, int line)
        {
            var parts = Pipe().Split(text);
            var filters = new List<TemplateFilter>();
            foreach (var part in parts.Skip(1))
            {
                var filter = FilterTag().Match(part);
                var name = filter.Groups[1].Value;
                if (!TemplateExpression.Known.Contains(name)) throw new TemplateException(line, $"{part.Trim()} is no filter: {string.Join(", ", TemplateExpression.Known)} are");
                var (argument, second) = (Argument(filter, 2), Argument(filter, 4));
                if ((argument is null && name is "default" or "join" or "split") || (name == "indent" && !(int.TryParse(argument, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var spaces) && spaces <= IndentMax)))
                    throw new TemplateException(line, $"{name} needs {(name == "indent" ? $"a number up to {IndentMax}" : "a text in quotes")} after it");
                if ((name == "replace") != (second is not null)) throw new TemplateException(line, name == "replace" ? "replace needs two texts in quotes after it" : $"{name} has one text after it, or none");
                filters.Add(new TemplateFilter(name, argument, second));
            }
            var head = parts[0].Trim();
            if (head.Length > 1 && head[0] == '"' && head[^1] == '"') return new TemplateExpression(head, TemplateText.Json(head[1..^1]), filters, line);
            if (SecretHead().Match(head) is { Success: true } secret)
            {
                var path = secret.Groups[1].Success ? secret.Groups[1].Value : secret.Groups[2].Value;
                if (!SecretPath.TryParse(path, out _, out _, out var wrong)) throw new TemplateException(line, wrong);
                secrets.Add(path);
                return new TemplateExpression(TemplateScope.Secret(path), null, filters, line);
            }
            if (Path().IsMatch(head)) return new TemplateExpression(head, Values.JsonText.IsNumber(head) || head is "true" or "false" ? JsonElement.Parse(head) : null, filters, line);
            throw new TemplateException(line, $"{{{{ {text} }}}} is not understood: a key, secret \"PATH\", if, range NAME in KEY, else or end are");
        }
    }

    static string? Argument(Match filter, int group) => filter.Groups[group].Success ? filter.Groups[group].Value : filter.Groups[group + 1].Success ? filter.Groups[group + 1].Value : null;

    [GeneratedRegex(@"^if\s+(?<not>not\s+)?(?<defined>defined\s+)?(?<what>.+)$", RegexOptions.Singleline)]
    private static partial Regex IfTag();

    [GeneratedRegex(@"^range\s+(?<name>[A-Za-z_]\w*)\s+in\s+(?<over>.+)$", RegexOptions.Singleline)]
    private static partial Regex RangeTag();

    [GeneratedRegex(@"^(.+?)\s*(==|!=)\s*(.+)$", RegexOptions.Singleline)]
    private static partial Regex Comparison();

    [GeneratedRegex(@"\|(?=(?:[^""]*""[^""]*"")*[^""]*$)")]
    private static partial Regex Pipe();

    [GeneratedRegex(@"^\s*([a-z0-9-]+)(?:\s+(?:""([^""]*)""|(\S+))(?:\s+(?:""([^""]*)""|(\S+)))?)?\s*$")]
    private static partial Regex FilterTag();

    [GeneratedRegex(@"^secret\s+(?:""([^""]*)""|(\S+))$")]
    private static partial Regex SecretHead();

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._\[\]-]*$")]
    private static partial Regex Path();
}
