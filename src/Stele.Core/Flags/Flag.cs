using Stele.Core.Collections;
using Stele.Core.Faults;
using Stele.Core.Flags.Rules;
using Stele.Core.Limits;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>A flag of an environment: its name and definition, which is compiled when it is first used.</summary>
public sealed class Flag : IKeyed
{
    readonly byte[] text;
    FlagDefinition? definition;

    /// <summary>A flag whose definition was read.</summary>
    public Flag(string name, FlagDefinition definition)
    {
        Name = name;
        this.definition = definition;
        text = definition.Text;
    }

    /// <summary>A flag as the journal or a table holds it: canonical JSON bytes that were accepted once.</summary>
    public Flag(string name, byte[] text)
    {
        Name = name;
        this.text = text;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public string Key => Name;

    /// <summary>Whether the flag's kill switch is on: it is evaluated as if it were disabled.</summary>
    public bool Killed { get; init; }

    /// <summary>The definition's canonical JSON bytes.</summary>
    public ReadOnlyMemory<byte> Text => text;

    /// <summary>What it is.</summary>
    public FlagDefinition Definition => definition ??= FlagDefinition.Stored(text);
}

/// <summary>A shared rule of an environment, one of flagd's <c>$evaluators</c>: a segment that the rules of flags refer to by <c>$ref</c>.</summary>
public sealed class SharedRule : IKeyed
{
    readonly byte[] text;
    Rule? rule;

    SharedRule(string name, byte[] text)
    {
        Name = name;
        this.text = text;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public string Key => Name;

    /// <summary>Canonical JSON bytes.</summary>
    public ReadOnlyMemory<byte> Text => text;

    /// <summary>The flags that it reads itself.</summary>
    public IEnumerable<string> Prerequisites => Rule.Reads.Prerequisites.Select(flag => flag.Name).Distinct();

    internal Rule Rule => rule ??= Compile([]);

    /// <summary>A shared rule that somebody gave, checked.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="canonical">Canonical JSON bytes, which are kept.</param>
    /// <param name="pointer">The rule's JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets the reasons if it cannot be used: <c>flag.bytes</c>, <c>flag.rule</c> and those of a rule (<see cref="FlagDefinition.Parse"/>).</param>
    /// <returns>The rule, or null.</returns>
    public static SharedRule? Parse(string name, byte[] canonical, string pointer, List<Problem> problems)
    {
        var before = problems.Count;
        var shared = new SharedRule(name, canonical);
        if (canonical.Length > SteleLimits.FlagBytes.Value)
            problems.Add(Problem.Body(pointer, "flag.bytes", $"A shared rule has at most {SteleLimits.FlagBytes.Value} bytes as canonical JSON; this one has {canonical.Length}."));
        else if (canonical[0] != '{')
            problems.Add(Problem.Body(pointer, "flag.rule", "A shared rule is an operation: an object with one member, its name."));
        else
            Add(problems, pointer, shared);
        return problems.Count == before ? shared : null;
    }

    /// <summary>A shared rule as the journal or a table holds it.</summary>
    public static SharedRule Stored(string name, byte[] canonical) => new(name, canonical);

    static void Add(List<Problem> problems, string pointer, SharedRule shared)
    {
        var found = new List<RuleProblem>();
        shared.rule = shared.Compile(found);
        var tape = JsonTape.Keep(shared.text);
        foreach (var problem in found.Take((int)SteleLimits.BodyProblems.Value)) problems.Add(Problem.Body(pointer + tape.Pointer(problem.Node), problem.Name, problem.Message));
    }

    Rule Compile(List<RuleProblem> problems)
    {
        var data = new RuleData(JsonTape.Keep(text));
        var compiler = new RuleCompiler(new RuleSource(data, $"/$evaluators/{Name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}"), null);
        // a rule nested deeper than any text that is accepted would take the stack with it
        if (text.AsSpan().SequenceEqual(FlagEntry.RedactedText)) return new Rule(new LiteralNode(new RuleSource(data, ""), 0, default), "its text of then was redacted.", new RuleReads());
        var rule = data.Tape.Depth > RuleArray.TextDepth ? new Rule(new LiteralNode(new RuleSource(data, ""), 0, default), "it is nested too deep.", new RuleReads()) : compiler.Compile(0);
        problems.AddRange(compiler.Problems);
        if (data.Tape.Depth > RuleArray.TextDepth) problems.Add(new RuleProblem(0, "json.depth", $"A rule has at most {RuleArray.TextDepth} levels.", true));
        return rule;
    }
}
