using Stele.Core.Json;

namespace Stele.Core.Schemas;

/// <summary>
/// From a schema's text to <see cref="SchemaNode"/>s. Each schema is compiled once, whoever refers to it, from a queue, so
/// that references in circles end. The text has passed its meta-schema: what is of another shape here is passed over.
/// </summary>
sealed partial class SchemaCompiler(SchemaIndex index, SchemaRefusals refusals)
{
    // a node with rules and their slots; an instruction with its share of a set; a node of the text
    const int NodeBytes = 400, InstructionBytes = 64, TapeBytes = 24;

    readonly Dictionary<(SchemaDocument, int), SchemaNode> nodes = [];
    readonly Queue<SchemaNode> pending = [];
    int instructions;
    readonly HashSet<string> dynamicAnchors = new(StringComparer.Ordinal);

    /// <summary>Whether a <c>$dynamicRef</c> asks through which resources an evaluation came.</summary>
    public bool NeedsScope => dynamicAnchors.Count > 0;

    /// <summary>About how many bytes of memory the schema takes, its text aside.</summary>
    public long MemoryBytes => nodes.Count * NodeBytes + (long)instructions * InstructionBytes + nodes.Keys.Select(key => key.Item1).Distinct().Sum(document => (long)document.Tape.Count * TapeBytes);

    /// <summary>The compiled root of a resource; whole only if nothing was refused.</summary>
    public SchemaNode Compile(SchemaResource root)
    {
        var node = Node(root.Document, root.Node, root);
        // what nothing refers to is compiled too, so that a mistake in it is found now and not when something does
        foreach (var (at, resource) in root.Document.Places.ToList()) Node(root.Document, at, resource);
        Drain();
        if (!refusals.Any) SchemaLoops.Refuse(nodes.Values, anchor => index.Resources.Count(resource => resource.DynamicAnchors.ContainsKey(anchor)) == 1, refusals);
        return node;
    }

    void Drain()
    {
        while (pending.TryDequeue(out var node))
        {
            Fill(node);
            if (pending.Count > 0) continue;
            // whatever bears a dynamic anchor that is asked for may be in scope; compiling it may lead to more resources
            foreach (var resource in index.Resources.Where(resource => resource.DynamicAnchors.Count > 0).ToList())
                foreach (var anchor in resource.DynamicAnchors.Where(anchor => anchor.Value is null && dynamicAnchors.Contains(anchor.Key)).ToList())
                    resource.DynamicAnchors[anchor.Key] = Node(resource.Document, resource.Anchors[anchor.Key], resource);
        }
    }

    SchemaNode Node(SchemaDocument document, int at, SchemaResource resource)
    {
        if (nodes.TryGetValue((document, at), out var known)) return known;
        var node = new SchemaNode(document.Places.GetValueOrDefault(at, resource), document, at);
        nodes.Add((document, at), node);
        pending.Enqueue(node);
        return node;
    }

    void Fill(SchemaNode node)
    {
        var (tape, at) = (node.Document.Tape, node.At);
        if (tape[at].Kind != JsonKind.Object)
        {
            node.Constant = tape[at].Kind != JsonKind.Boolean || tape.IsTrue(at);
            return;
        }
        var vocabularies = node.Resource.Vocabularies;
        for (var name = at + 1; name < tape[at].Next; name = tape[name + 1].Next)
        {
            var keyword = tape.String(name);
            var taken = FillCore(node, keyword, name + 1)
                || ((vocabularies & SchemaVocabularies.Applicator) != 0 && (FillInPlace(node, keyword, name + 1) || FillChildren(node, keyword, name + 1)))
                || ((vocabularies & SchemaVocabularies.Validation) != 0 && (FillValue(node, keyword, name + 1) || FillCounts(node, keyword, name + 1)))
                || ((vocabularies & SchemaVocabularies.Unevaluated) != 0 && FillUnevaluated(node, keyword, name + 1));
            if (!taken && keyword == "format" && (vocabularies & SchemaVocabularies.FormatAssertion) != 0) FillFormat(node, name + 1);
        }
        node.HasInPlace = node.Reference is not null || node.Dynamic is not null || node.Not is not null || node.If is not null
            || node.AllOf.Length + node.AnyOf.Length + node.OneOf.Length > 0;
    }

    bool FillCore(SchemaNode node, string keyword, int value)
    {
        if (keyword is not ("$ref" or "$dynamicRef")) return keyword.StartsWith('$');
        var tape = node.Document.Tape;
        if (!index.TryResolve(node.Resource, tape.String(value), out var resource, out var target, out var anchor, out var why))
        {
            refusals.Add(node.Document, value, "schema.reference", $"This reference cannot be followed: {why}.");
            return true;
        }
        var schema = Node(resource.Document, target, resource);
        if (keyword == "$ref")
        {
            node.Reference = schema;
            return true;
        }
        // only where a dynamic anchor stands does the reference move to the outermost one of that name
        if (anchor is not null && !resource.DynamicAnchors.ContainsKey(anchor)) anchor = null;
        if (anchor is not null) dynamicAnchors.Add(anchor);
        node.Dynamic = new DynamicReference(schema, anchor);
        return true;
    }

    bool FillInPlace(SchemaNode node, string keyword, int value)
    {
        switch (keyword)
        {
            case "allOf": node.AllOf = List(node, value); return true;
            case "anyOf": node.AnyOf = List(node, value); return true;
            case "oneOf": node.OneOf = List(node, value); return true;
            case "not": node.Not = Child(node, value); return true;
            case "if": node.If = Child(node, value); return true;
            case "then": node.Then = Child(node, value); return true;
            case "else": node.Else = Child(node, value); return true;
            default: return false;
        }
    }

    bool FillChildren(SchemaNode node, string keyword, int value)
    {
        switch (keyword)
        {
            case "prefixItems": Items(node).PrefixItems = List(node, value); return true;
            case "items": Items(node).Items = Child(node, value); return true;
            case "contains": Items(node).Contains = Child(node, value); return true;
            case "additionalProperties": Members(node).Additional = Child(node, value); return true;
            case "propertyNames": Members(node).PropertyNames = Child(node, value); return true;
            case "properties":
                foreach (var member in MembersOf(node, value)) Members(node).Properties[Members(node).Slot(node.Document.Tape.Raw(member))] = Child(node, member + 1);
                return true;
            case "dependentSchemas":
                foreach (var member in MembersOf(node, value)) Members(node).DependentSchemas.Add((Members(node).Slot(node.Document.Tape.Raw(member)), Child(node, member + 1)));
                return true;
            case "patternProperties":
                foreach (var member in MembersOf(node, value))
                    if (Pattern(node, member) is { } pattern) Members(node).PatternProperties.Add((pattern, Child(node, member + 1)));
                return true;
            default: return false;
        }
    }

    bool FillUnevaluated(SchemaNode node, string keyword, int value)
    {
        if (keyword == "unevaluatedItems") Items(node).Unevaluated = Child(node, value);
        else if (keyword == "unevaluatedProperties") Members(node).Unevaluated = Child(node, value);
        else return false;
        return true;
    }

    static ArrayRules Items(SchemaNode node) => node.Array ??= new ArrayRules();

    static ObjectRules Members(SchemaNode node) => node.Object ??= new ObjectRules();

    SchemaNode Child(SchemaNode node, int at) => Node(node.Document, at, node.Resource);

    SchemaNode[] List(SchemaNode node, int value)
    {
        var tape = node.Document.Tape;
        var list = new List<SchemaNode>();
        if (tape[value].Kind != JsonKind.Array) return [];
        for (var item = value + 1; item < tape[value].Next; item = tape[item].Next) list.Add(Child(node, item));
        return [.. list];
    }

    static List<int> MembersOf(SchemaNode node, int value)
    {
        var tape = node.Document.Tape;
        var names = new List<int>();
        if (tape[value].Kind != JsonKind.Object) return names;
        for (var name = value + 1; name < tape[value].Next; name = tape[name + 1].Next) names.Add(name);
        return names;
    }
}
