namespace Stele.Core.Schemas;

/// <summary>Finds schemas that lead back to themselves without going into the value: no evaluation of them would end.</summary>
static class SchemaLoops
{
    /// <summary>Refuses each schema from which such a circle closes. Without recursion: a chain may be as long as the text.</summary>
    /// <param name="nodes">All that is compiled.</param>
    /// <param name="isFixed">Whether a dynamic anchor stands in one place only, so that a dynamic reference to it leads there.</param>
    /// <param name="refusals">Gets the first circle.</param>
    public static void Refuse(IEnumerable<SchemaNode> nodes, Predicate<string> isFixed, SchemaRefusals refusals)
    {
        var done = new HashSet<SchemaNode>();
        var open = new HashSet<SchemaNode>();
        var path = new Stack<(SchemaNode Node, IEnumerator<SchemaNode> Ways)>();
        foreach (var start in nodes)
        {
            if (done.Contains(start)) continue;
            Enter(start);
            while (path.TryPeek(out var top))
            {
                if (!top.Ways.MoveNext())
                {
                    path.Pop();
                    open.Remove(top.Node);
                    done.Add(top.Node);
                }
                else if (open.Contains(top.Ways.Current))
                {
                    refusals.Add(top.Node.Document, top.Node.At, "schema.endless", "This schema refers to itself without end: it leads back here without going into the value.");
                    return;
                }
                else if (!done.Contains(top.Ways.Current))
                {
                    Enter(top.Ways.Current);
                }
            }
        }

        void Enter(SchemaNode node)
        {
            open.Add(node);
            path.Push((node, InPlace(node, isFixed).GetEnumerator()));
        }
    }

    /// <summary>What looks at the same value. A dynamic reference counts with the place it leads to if no other can take that place.</summary>
    static IEnumerable<SchemaNode> InPlace(SchemaNode node, Predicate<string> isFixed)
    {
        if (node.Reference is { } reference) yield return reference;
        if (node.Dynamic is { } dynamic && (dynamic.Anchor is null || isFixed(dynamic.Anchor))) yield return dynamic.Target;
        foreach (var schema in node.AllOf) yield return schema;
        foreach (var schema in node.AnyOf) yield return schema;
        foreach (var schema in node.OneOf) yield return schema;
        if (node.Not is { } not) yield return not;
        if (node.If is not null) yield return node.If;
        if (node.If is not null && node.Then is { } then) yield return then;
        if (node.If is not null && node.Else is { } otherwise) yield return otherwise;
        if (node.Object is { } rules)
            foreach (var (_, schema) in rules.DependentSchemas) yield return schema;
    }
}
