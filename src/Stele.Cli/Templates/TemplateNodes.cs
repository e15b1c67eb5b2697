using System.Text;
using System.Text.Json;

namespace Stele.Cli.Templates;

/// <summary>A part of a template.</summary>
internal abstract record TemplateNode(int Line)
{
    internal abstract void Render(TemplateScope scope, StringBuilder to);
}

internal sealed record TextNode(string Text, int Line) : TemplateNode(Line)
{
    internal override void Render(TemplateScope scope, StringBuilder to) => to.Append(Text);
}

/// <summary><c>{{ services.payment.timeout | default "30" }}</c></summary>
internal sealed record OutputNode(TemplateExpression Expression, int Line) : TemplateNode(Line)
{
    internal override void Render(TemplateScope scope, StringBuilder to) => to.Append(TemplateText.Of(Expression.Evaluate(scope)
        ?? throw new TemplateException(Line, $"{Expression.Path} has no value; | default \"…\" gives it one")));
}

/// <summary><c>{{ if PATH }} … {{ else }} … {{ end }}</c>, with <c>not</c>, <c>defined</c>, <c>==</c> and <c>!=</c>.</summary>
internal sealed record IfNode(TemplateExpression Left, string? Operator, TemplateExpression? Right, bool Negated, IReadOnlyList<TemplateNode> Then, IReadOnlyList<TemplateNode> Else, int Line) : TemplateNode(Line)
{
    internal override void Render(TemplateScope scope, StringBuilder to)
    {
        var left = Left.Evaluate(scope);
        var truth = Operator is null ? IsTrue(left) : Operator == "defined" ? left is not null : left is not null == Right!.Evaluate(scope) is not null
            && (left is null || TemplateText.Of(left.Value) == TemplateText.Of(Right.Evaluate(scope)!.Value));
        if (Operator == "!=") truth = !truth;
        foreach (var node in truth != Negated ? Then : Else) node.Render(scope, to);
    }

    static bool IsTrue(JsonElement? value) => value is { } given && given.ValueKind switch
    {
        JsonValueKind.False or JsonValueKind.Null or JsonValueKind.Undefined => false,
        JsonValueKind.String => given.GetString()!.Length > 0,
        JsonValueKind.Number => given.GetRawText() is not ("0" or "-0"),
        JsonValueKind.Array => given.GetArrayLength() > 0,
        JsonValueKind.Object => given.GetPropertyCount() > 0,
        _ => true,
    };
}

/// <summary>
/// <c>{{ range item in PATH }} … {{ end }}</c> over a list, a map, or the keys below a prefix (<c>range item in services.*</c>), with
/// <c>item</c>, <c>item.key</c> and <c>item.value</c>; what is between <c>{{ else }}</c> and the end is for when there is none.
/// </summary>
internal sealed record RangeNode(string Name, TemplateExpression? Over, string? Prefix, IReadOnlyList<TemplateNode> Each, IReadOnlyList<TemplateNode> None, int Line) : TemplateNode(Line)
{
    internal override void Render(TemplateScope scope, StringBuilder to)
    {
        var any = false;
        foreach (var (key, value) in Items(scope))
        {
            any = true;
            var inner = scope.With(Name, key, value);
            scope.Spend(Line, to);
            foreach (var node in Each) node.Render(inner, to);
        }
        if (!any)
            foreach (var node in None) node.Render(scope, to);
    }

    IEnumerable<(string Key, JsonElement Value)> Items(TemplateScope scope)
    {
        if (Prefix is { } prefix) return scope.Below(prefix);
        return Over!.Evaluate(scope) switch
        {
            null => [],
            { ValueKind: JsonValueKind.Array } list => list.EnumerateArray().Select((value, index) => (index.ToString(System.Globalization.CultureInfo.InvariantCulture), value)),
            { ValueKind: JsonValueKind.Object } map => map.EnumerateObject().Select(member => (member.Name, member.Value)),
            _ => throw new TemplateException(Line, $"{Over.Path} is neither a list nor a map; {Over.Path}.* are the keys below it"),
        };
    }
}

/// <summary>What names mean while a template is rendered: the values, and the items of the loops around.</summary>
internal sealed class TemplateScope(IReadOnlyDictionary<string, JsonElement> values, HashSet<string> seen, TemplateScope? outer, string? name, string key, JsonElement item)
{
    // loops in loops: past this nothing that anybody reads comes of it
    const int RoundsMax = 1_000_000, CharactersMax = 64 << 20;
    readonly TemplateScope? outer = outer;
    readonly string? name = name;
    int rounds;

    internal TemplateScope(IReadOnlyDictionary<string, JsonElement> values) : this(values, new HashSet<string>(StringComparer.Ordinal), null, null, "", default)
    {
    }

    /// <summary>The names of the values that were looked at.</summary>
    internal IReadOnlySet<string> Seen => seen;

    /// <summary>The name of a secret among the values.</summary>
    internal static string Secret(string path) => $"secret {path}";

    /// <summary>Counts a round of a loop, wherever it is.</summary>
    internal void Spend(int line, StringBuilder to)
    {
        var whole = this;
        while (whole.outer is not null) whole = whole.outer;
        if (++whole.rounds > RoundsMax || to.Length > CharactersMax) throw new TemplateException(line, $"the loops come to more than {RoundsMax} rounds, or {CharactersMax >> 20} MiB");
    }

    internal TemplateScope With(string loop, string itemKey, JsonElement value) => new(values, seen, this, loop, itemKey, value);

    /// <summary>The keys below a prefix, in order, without it.</summary>
    internal IEnumerable<(string Key, JsonElement Value)> Below(string prefix) =>
        values.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal) && Saw(pair.Key)).OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => (pair.Key[prefix.Length..], pair.Value));

    /// <summary>What a path means: a loop's item or a part of it, a key, or a part of a key's JSON. Null: nothing.</summary>
    internal JsonElement? Find(string path)
    {
        for (var scope = this; scope.name is not null; scope = scope.outer!)
            if (path == scope.name || path.StartsWith(scope.name + ".", StringComparison.Ordinal)) return scope.OfItem(path == scope.name ? "" : path[(scope.name.Length + 1)..]);
        if (values.TryGetValue(path, out var value) && Saw(path)) return value;
        for (var dot = path.LastIndexOf('.'); dot > 0; dot = path.LastIndexOf('.', dot - 1))
            if (values.TryGetValue(path[..dot], out var whole) && Saw(path[..dot])) return Part(whole, path[(dot + 1)..]);
        return null;
    }

    bool Saw(string name) => seen.Add(name) || true;

    JsonElement? OfItem(string path) => path switch
    {
        "" => item,
        "key" => Part(item, "key") ?? TemplateText.Json(key),
        "value" => Part(item, "value") ?? item,
        _ => Part(item, path.StartsWith("value.", StringComparison.Ordinal) && Part(item, "value") is null ? path["value.".Length..] : path),
    };

    static JsonElement? Part(JsonElement whole, string path)
    {
        foreach (var name in path.Split('.'))
            if (whole.ValueKind == JsonValueKind.Object && whole.TryGetProperty(name, out var member)) whole = member;
            else if (whole.ValueKind == JsonValueKind.Array && int.TryParse(name, out var index) && index >= 0 && index < whole.GetArrayLength()) whole = whole[index];
            else return null;
        return whole;
    }
}
