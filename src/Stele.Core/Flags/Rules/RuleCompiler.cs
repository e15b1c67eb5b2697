using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags.Rules;

/// <summary>
/// From a rule's text to <see cref="RuleNode"/>s: JsonLogic (jsonlogic.com) with flagd's operations and Stele's own. What
/// cannot be evaluated becomes a node that says so, and a problem with its place.
/// </summary>
/// <param name="source">The text.</param>
/// <param name="variants">The names that the rule may come to, each as the one string that is used for it; null: it may come to anything.</param>
sealed partial class RuleCompiler(RuleSource source, IReadOnlyDictionary<string, FlagVariant>? variants)
{
    readonly JsonTape tape = source.Data.Tape;
    readonly RuleReads reads = new();

    /// <summary>What is wrong.</summary>
    public List<RuleProblem> Problems { get; } = [];

    /// <summary>Compiles the rule at a node.</summary>
    public Rule Compile(int node)
    {
        var root = Node(node, isExit: true, isOutcome: true);
        return new Rule(root, Problems.Find(problem => problem.Breaks)?.Message, reads);
    }

    /// <summary>Compiles a part.</summary>
    /// <param name="node">Where it is.</param>
    /// <param name="isExit">Whether what it comes to may be what the rule comes to.</param>
    /// <param name="isOutcome">Whether a literal there is what the rule comes to, and so has to be a variant.</param>
    RuleNode Node(int node, bool isExit, bool isOutcome)
    {
        switch (tape[node].Kind)
        {
            case JsonKind.Object when tape[node].Count == 1:
                return Operation(node, isExit, isOutcome);
            case JsonKind.Array when Items(node).Any(item => !IsLiteral(item)):
                if (isOutcome) Refuse(node, "flag.variant", "A rule comes to the name of a variant, or to null; this is an array.");
                return Exit(new ArrayNode(source, node, [.. Items(node).Select(item => Node(item, false, false))]), node, isExit);
            case JsonKind.Object when tape[node].Count > 1:
                Refuse(node, "flag.operation", "An operation is an object with one member, its name; this object has several.");
                break;
        }
        if (isOutcome) CheckOutcome(node);
        return Exit(new LiteralNode(source, node, Literal(node)), node, isExit);
    }

    /// <summary>A literal's value; a variant's name is the very string that the variant has, so that it is found at once.</summary>
    RuleValue Literal(int node)
    {
        var value = source.Data.Value(node);
        return value.Kind == RuleKind.String && variants is not null && variants.TryGetValue(value.Text, out var variant) ? RuleValue.Of(variant.Name) : value;
    }

    RuleNode Exit(RuleNode node, int at, bool isExit) => isExit ? new ExitNode(source, at, node) : node;

    RuleNode Operation(int node, bool isExit, bool isOutcome)
    {
        var name = tape.String(node + 1);
        var value = node + 2;
        var arguments = tape[value].Kind == JsonKind.Array ? Items(value) : [value];
        RuleNode built = name switch
        {
            "if" or "?:" => new IfNode(source, node, [.. arguments.Select((item, i) => IsConsequent(i, arguments.Count) ? Node(item, isExit, isOutcome) : Part(item))]),
            "and" => new AndNode(source, node, Operands(arguments, isExit, isOutcome)),
            "or" => new OrNode(source, node, Operands(arguments, isExit, isOutcome)),
            "log" => new LogNode(source, node, arguments.Count > 0 ? Node(arguments[0], isExit, isOutcome) : Absent(node)),
            "fractional" => Fractional(node, arguments, isExit, isOutcome),
            "$ref" => Shared(node, value, isExit),
            _ => Exit(Computed(node, name, arguments), node, isExit),
        };
        (built is ExitNode exit ? exit.Inner : built).Operation = name;
        return built;
    }

    RuleNode Computed(int node, string name, List<int> arguments) => name switch
    {
        "var" => Var(node, arguments),
        "missing" => new MissingNode(source, node, Parts(arguments)),
        "missing_some" => arguments.Count >= 2 ? new MissingSomeNode(source, node, Parts(arguments)) : Broken(node, "flag.arguments", "missing_some takes a number and a list of paths."),
        "==" or "!=" => new EqualNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), strict: false, expected: name == "=="),
        "===" or "!==" => new EqualNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), strict: true, expected: name == "==="),
        "<" or "<=" when arguments.Count > 2 =>
            new BetweenNode(source, node, Part(arguments[0]), Part(arguments[1]), Part(arguments[2]), orEqual: name == "<="),
        "<" or "<=" or ">" or ">=" =>
            new OrderNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), swap: name[0] == '>', orEqual: name.Length == 2),
        "!" or "!!" => new TruthNode(source, node, Part(node, arguments, 0), expected: name == "!!"),
        "+" => new AddNode(source, node, Parts(arguments)),
        "*" => arguments.Count > 0 ? new MultiplyNode(source, node, Parts(arguments)) : Broken(node, "flag.arguments", "* takes one number or more."),
        "-" or "/" or "%" => new DyadicNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), name[0]),
        "min" or "max" => new ExtremeNode(source, node, Parts(arguments), largest: name == "max"),
        "cat" => new CatNode(source, node, Parts(arguments)),
        "substr" => new SubstrNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), Part(node, arguments, 2)),
        "starts_with" or "ends_with" => new AffixNode(source, node, Parts(arguments), atEnd: name == "ends_with"),
        "sem_ver" => new SemVerNode(source, node, Parts(arguments)),
        "merge" => new MergeNode(source, node, Parts(arguments)),
        "in" => new InNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1)),
        "map" or "filter" => new MapNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), filter: name == "filter"),
        "reduce" => new ReduceNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), arguments.Count > 2 ? Part(arguments[2]) : null),
        "all" or "none" or "some" => new QuantifierNode(source, node, Part(node, arguments, 0), Part(node, arguments, 1), name switch
        {
            "all" => Quantifier.All,
            "none" => Quantifier.None,
            _ => Quantifier.Some,
        }),
        "flag" => Prerequisite(node, arguments),
        "schedule" => Schedule(node, arguments),
        _ => Broken(node, "flag.operation", $"There is no operation '{Shown(name)}'."),
    };

    RuleNode Part(int node) => Node(node, isExit: false, isOutcome: false);

    RuleNode Part(int operation, List<int> arguments, int index) => index < arguments.Count ? Part(arguments[index]) : Absent(operation);

    RuleNode[] Parts(List<int> arguments) => [.. arguments.Select(Part)];

    RuleNode[] Operands(List<int> arguments, bool isExit, bool isOutcome) =>
        [.. arguments.Select((item, i) => Node(item, isExit, isOutcome && i == arguments.Count - 1))];

    /// <summary>An argument that is not there is undefined.</summary>
    LiteralNode Absent(int node) => new(source, node, default);

    BrokenNode Broken(int node, string rule, string message)
    {
        Problems.Add(new RuleProblem(node, rule, message, Breaks: true));
        return new BrokenNode(source, node, message);
    }

    void Refuse(int node, string rule, string message) => Problems.Add(new RuleProblem(node, rule, message, Breaks: false));

    /// <summary>A literal that the rule may come to is a variant's name, as text, or null.</summary>
    void CheckOutcome(int node)
    {
        if (variants is null || tape[node].Kind == JsonKind.Null) return;
        var value = source.Data.Value(node);
        if (value.Kind is RuleKind.Array or RuleKind.Object)
        {
            Refuse(node, "flag.variant", $"A rule comes to the name of a variant, or to null; this is {(value.Kind == RuleKind.Array ? "an array" : "an object")}.");
            return;
        }
        var run = default(RuleRun);
        var name = RuleText.Of(ref run, value);
        if (!variants.ContainsKey(name)) Refuse(node, "flag.variant", $"There is no variant '{Shown(name)}'; known are {Shown(string.Join(", ", variants.Keys))}.");
    }

    /// <summary>In an if, all but the conditions: every second argument, and a last one that has no partner.</summary>
    static bool IsConsequent(int index, int count) => index % 2 == 1 || index == count - 1;

    List<int> Items(int container)
    {
        var items = new List<int>();
        for (var item = container + 1; item < tape[container].Next; item = tape[item].Next) items.Add(item);
        return items;
    }

    /// <summary>Whether nothing in a value is an operation.</summary>
    bool IsLiteral(int node)
    {
        if (tape[node].Kind == JsonKind.Object) return tape[node].Count != 1;
        return tape[node].Kind != JsonKind.Array || Items(node).All(IsLiteral);
    }

    static string Shown(string text) => text.Length <= 100 ? text : text[..100] + "…";
}
