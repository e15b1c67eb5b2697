namespace Stele.Core.Schemas;

/// <summary>What the keywords of a schema may mean: the vocabularies of its meta-schema that are known here.</summary>
[Flags]
enum SchemaVocabularies
{
    Core = 0,
    Applicator = 1,
    Unevaluated = 2,
    Validation = 4,
    FormatAssertion = 8,
    /// <summary>Those of the draft's own meta-schema: formats, contents and meta-data only annotate.</summary>
    Draft = Applicator | Unevaluated | Validation,
}

/// <summary>A schema's text, and which of its values are schemas.</summary>
sealed class SchemaDocument(byte[] text)
{
    public JsonTape Tape { get; } = JsonTape.Keep(text);

    /// <summary>The resource that each schema in it belongs to.</summary>
    public Dictionary<int, SchemaResource> Places { get; } = [];
}

/// <summary>A schema with an identity of its own: a document's root, or what has an <c>$id</c>.</summary>
sealed class SchemaResource(string uri, SchemaDocument document, int node, SchemaVocabularies vocabularies)
{
    /// <summary>Absolute, without a fragment.</summary>
    public string Uri { get; } = uri;

    public SchemaDocument Document { get; } = document;

    public int Node { get; } = node;

    public SchemaVocabularies Vocabularies { get; } = vocabularies;

    /// <summary>The schemas that <c>$anchor</c> and <c>$dynamicAnchor</c> name.</summary>
    public Dictionary<string, int> Anchors { get; } = new(StringComparer.Ordinal);

    /// <summary>Those of them that <c>$dynamicAnchor</c> names; with the compiled schema once something may refer to it.</summary>
    public Dictionary<string, SchemaNode?> DynamicAnchors { get; } = new(StringComparer.Ordinal);
}
