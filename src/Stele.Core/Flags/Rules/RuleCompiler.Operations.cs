using Stele.Core.Json;

namespace Stele.Core.Flags.Rules;

/// <summary>The operations whose arguments are not just parts.</summary>
sealed partial class RuleCompiler
{
    RuleNode Var(int node, List<int> arguments)
    {
        var otherwise = arguments.Count > 1 ? Part(arguments[1]) : null;
        if (arguments.Count == 0) return new VarNode(source, node, null, otherwise);
        if (tape[arguments[0]].Kind is JsonKind.Object or JsonKind.Array or JsonKind.Boolean)
        {
            // whatever is computed may be the path of the time
            reads.Clock = true;
            return new ComputedVarNode(source, node, Part(arguments[0]), otherwise);
        }
        var run = default(RuleRun);
        var path = tape[arguments[0]].Kind == JsonKind.Null ? "" : RuleText.Of(ref run, source.Data.Value(arguments[0]));
        if (path.Length == 0) return new VarNode(source, node, null, otherwise);
        if (!FlagdNode.IsNamed(path)) return new VarNode(source, node, VarPath.Parse(path), otherwise);
        if (path is not (FlagdNode.KeyPath or FlagdNode.TimePath))
            Refuse(arguments[0], "flag.var", $"Of {FlagdNode.Prefix} there are flagKey and timestamp; this is '{Shown(path)}'.");
        if (path == FlagdNode.TimePath) reads.Clock = true;
        return new FlagdNode(source, node, path, otherwise);
    }

    RuleNode Shared(int node, int value, bool isExit)
    {
        // flagd knows {"$ref":"name"} and nothing else
        if (tape[value].Kind != JsonKind.String) return Broken(node, "flag.reference", "$ref takes the name of a shared rule.");
        var name = tape.String(value);
        reads.Shared.Add((name, source.Pointer(value)));
        return new SharedNode(source, node, name, isExit);
    }

    RuleNode Prerequisite(int node, List<int> arguments)
    {
        if (arguments.Count is < 1 or > 2 || tape[arguments[0]].Kind != JsonKind.String)
            return Broken(node, "flag.prerequisite", "flag takes the name of another flag, as a literal, and what counts where that has no value.");
        var name = tape.String(arguments[0]);
        reads.Prerequisites.Add((name, source.Pointer(arguments[0])));
        return new PrerequisiteNode(source, node, name, arguments.Count > 1 ? Part(arguments[1]) : null);
    }

    RuleNode Schedule(int node, List<int> arguments)
    {
        var steps = FlagSchedule.Read(tape, node + 2, out var problem);
        if (problem is null)
        {
            reads.Schedules.Add((tape[node].Start..tape[node].End, steps));
            return new ScheduleNode(source, node, steps);
        }
        return Broken(problem.Value.Node, "flag.schedule", problem.Value.Message);
    }

    RuleNode Fractional(int node, List<int> arguments, bool isExit, bool isOutcome)
    {
        if (arguments.Count == 0)
        {
            Refuse(node, "flag.fractional", "fractional takes shares: arrays of a variant and its weight.");
            return Exit(new LiteralNode(source, node, RuleValue.Null), node, isExit);
        }
        var keyed = tape[arguments[0]].Kind != JsonKind.Array;
        // an operation in place of a share, or one in front that may come to a share: known only when it is evaluated
        if (arguments.Skip(keyed ? 1 : 0).Any(share => tape[share].Kind == JsonKind.Object) || (keyed && MayBeShare(arguments[0])))
            return Exit(new ComputedFractionalNode(source, node, Parts(arguments), isExit), node, isExit);
        var shares = arguments.Skip(keyed ? 1 : 0).Select(share => Share(share, isExit, isOutcome)).ToList();
        if (shares.Count == 0) Refuse(node, "flag.fractional", "fractional takes shares behind the key: arrays of a variant and its weight.");
        var total = shares.Sum(share => (long)(share?.Weight ?? 0));
        if (total > int.MaxValue) Refuse(node, "flag.fractional", $"The weights add up to {total}; at most 2147483647 is allowed.");
        if (shares.Count == 0 || shares.Contains(null)) return Exit(new LiteralNode(source, node, RuleValue.Null), node, isExit);
        return new FractionalNode(source, node, keyed ? Part(arguments[0]) : null, [.. shares.OfType<Share>()], isExit);
    }

    /// <summary>Whether an operation may come to an array. Most that are used to name a key cannot.</summary>
    bool MayBeShare(int key) => tape[key].Kind == JsonKind.Object && tape[key].Count == 1 && tape.String(key + 1) is not ("var" or "cat" or "substr");

    /// <summary>A share, or null if it is none: the whole operation then comes to null.</summary>
    Share? Share(int share, bool isExit, bool isOutcome)
    {
        var items = tape[share].Kind == JsonKind.Array ? Items(share) : [];
        if (items.Count is < 1 or > 2)
        {
            Refuse(share, "flag.fractional", "A share is an array of a variant and its weight; without one, the weight is 1.");
            return null;
        }
        var variant = Node(items[0], isExit, isOutcome);
        if (items.Count == 1) return new Share(variant, 1, null);
        if (!IsLiteral(items[1])) return new Share(variant, 0, Part(items[1]));
        var weight = source.Data.Value(items[1]);
        if (weight.Kind != RuleKind.Number || weight.Number != Math.Truncate(weight.Number) || Math.Abs(weight.Number) > int.MaxValue)
        {
            Refuse(items[1], "flag.fractional", "A weight is a whole number, at most 2147483647, or an operation that comes to one.");
            return null;
        }
        return new Share(variant, (int)Math.Max(0, weight.Number), null);
    }
}
