using System.Globalization;
using System.Text;
using Stele.Core.Faults;
using Stele.Core.Json;

namespace Stele.Core.Schemas;

/// <summary>
/// Where schemas are, by URI: those of the text that is compiled, the draft's meta-schemas, and documents that the caller
/// holds. Nothing is ever fetched: a reference to anything else is refused.
/// </summary>
sealed class SchemaIndex(SchemaRefusals refusals, IReadOnlyDictionary<string, byte[]> documents)
{
    enum Holds { Schema, List, Map }

    // the places of schemas in a schema; what stands elsewhere, in const or an unknown keyword, has no identity
    static readonly Dictionary<string, Holds> keywords = new(StringComparer.Ordinal)
    {
        ["additionalProperties"] = Holds.Schema, ["contains"] = Holds.Schema, ["contentSchema"] = Holds.Schema, ["else"] = Holds.Schema, ["if"] = Holds.Schema,
        ["items"] = Holds.Schema, ["not"] = Holds.Schema, ["propertyNames"] = Holds.Schema, ["then"] = Holds.Schema, ["unevaluatedItems"] = Holds.Schema,
        ["unevaluatedProperties"] = Holds.Schema, ["allOf"] = Holds.List, ["anyOf"] = Holds.List, ["oneOf"] = Holds.List, ["prefixItems"] = Holds.List,
        ["$defs"] = Holds.Map, ["definitions"] = Holds.Map, ["dependentSchemas"] = Holds.Map, ["patternProperties"] = Holds.Map, ["properties"] = Holds.Map,
    };

    static readonly Dictionary<string, byte[]> builtIn = MetaSchemas.Texts.Select(Canonical).ToDictionary(Id, StringComparer.Ordinal);

    readonly Dictionary<string, SchemaResource> resources = new(StringComparer.Ordinal);

    public IEnumerable<SchemaResource> Resources => resources.Values;

    /// <summary>Takes in a document: its root resource, and all that is in it.</summary>
    public SchemaResource Add(SchemaDocument document, string uri)
    {
        Walk(document, 0, new SchemaResource(uri, document, 0, SchemaVocabularies.Draft));
        return document.Places[0];
    }

    /// <summary>The resource of a URI without fragment, or null.</summary>
    public SchemaResource? Find(string uri)
    {
        if (resources.TryGetValue(uri, out var resource)) return resource;
        return TextOf(uri) is { } text ? Add(new SchemaDocument(text), uri) : null;
    }

    /// <summary>A document of that name that is at hand, or null.</summary>
    public byte[]? TextOf(string uri) => builtIn.GetValueOrDefault(uri) ?? documents.GetValueOrDefault(uri);

    /// <summary>The schema that a reference leads to: its resource and its node. False with the reason if it leads nowhere.</summary>
    public bool TryResolve(SchemaResource from, string reference, out SchemaResource resource, out int node, out string? anchor, out string why)
    {
        var (uri, fragment) = SchemaUri.Cut(SchemaUri.Resolve(from.Uri, reference));
        (resource, node, anchor, why) = (from, -1, null, "");
        if (Find(uri) is not { } target)
        {
            why = $"it refers to {uri}, which is another document: only this schema and the meta-schemas of draft 2020-12 can be referred to";
            return false;
        }
        resource = target;
        if (fragment.Length == 0) node = target.Node;
        else if (fragment[0] == '/') node = Follow(ref resource, fragment);
        else if (target.Anchors.TryGetValue(fragment, out node)) anchor = fragment;
        else node = -1;
        if (node >= 0 && resource.Document.Tape[node].Kind is JsonKind.Object or JsonKind.Boolean)
        {
            // a schema in a place where none is expected gets its identity from being referred to
            if (!resource.Document.Places.ContainsKey(node)) Walk(resource.Document, node, resource);
            resource = resource.Document.Places[node];
            return true;
        }
        why = node >= 0 ? $"what it refers to, {reference}, is not a schema" : $"there is no {reference} to refer to";
        return false;
    }

    int Follow(ref SchemaResource resource, string pointer)
    {
        var (tape, node) = (resource.Document.Tape, resource.Node);
        foreach (var segment in pointer[1..].Split('/'))
        {
            var name = segment.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (tape[node].Kind == JsonKind.Array)
                node = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? tape.ItemAt(node, index) : -1;
            else
                node = tape.Member(node, Escaped(name));
            if (node < 0) return -1;
            if (resource.Document.Places.TryGetValue(node, out var inner)) resource = inner;
        }
        return node;
    }

    void Walk(SchemaDocument document, int node, SchemaResource resource)
    {
        var tape = document.Tape;
        var isRoot = node == 0;
        if (tape[node].Kind == JsonKind.Object) resource = Identify(document, node, resource, isRoot);
        else if (isRoot) Register(resource, node);
        document.Places[node] = resource;
        if (tape[node].Kind != JsonKind.Object) return;
        TakeAnchor(resource, node, "$anchor"u8, isDynamic: false);
        TakeAnchor(resource, node, "$dynamicAnchor"u8, isDynamic: true);
        for (var name = node + 1; name < tape[node].Next; name = tape[name + 1].Next)
        {
            if (!keywords.TryGetValue(tape.String(name), out var holds)) continue;
            var value = name + 1;
            if (holds == Holds.Schema) WalkInto(document, value, resource);
            else if (holds == Holds.List && tape[value].Kind == JsonKind.Array)
                for (var item = value + 1; item < tape[value].Next; item = tape[item].Next) WalkInto(document, item, resource);
            else if (holds == Holds.Map && tape[value].Kind == JsonKind.Object)
                for (var member = value + 1; member < tape[value].Next; member = tape[member + 1].Next) WalkInto(document, member + 1, resource);
        }
    }

    void WalkInto(SchemaDocument document, int node, SchemaResource resource)
    {
        if (document.Tape[node].Kind is JsonKind.Object or JsonKind.Boolean) Walk(document, node, resource);
    }

    /// <summary>The resource that an object belongs to: a new one if it is the root or has an <c>$id</c>.</summary>
    SchemaResource Identify(SchemaDocument document, int node, SchemaResource resource, bool isRoot)
    {
        var id = document.Tape.Member(node, "$id"u8);
        var hasId = id >= 0 && document.Tape[id].Kind == JsonKind.String;
        if (!hasId && !isRoot) return resource;
        var uri = hasId ? SchemaUri.Cut(SchemaUri.Resolve(resource.Uri, document.Tape.String(id))).Document : resource.Uri;
        var dialect = document.Tape.Member(node, "$schema"u8);
        var vocabularies = dialect >= 0 && document.Tape[dialect].Kind == JsonKind.String ? Vocabularies(document, dialect) : resource.Vocabularies;
        var made = new SchemaResource(uri, document, node, vocabularies);
        Register(made, hasId ? id : node);
        // a document at hand is also known by the name under which it was found
        if (isRoot) resources.TryAdd(resource.Uri, made);
        return made;
    }

    void Register(SchemaResource resource, int node)
    {
        if (!resources.TryAdd(resource.Uri, resource) || (resource.Node != 0 && TextOf(resource.Uri) is not null))
            refusals.Add(resource.Document, node, "schema.id", $"The identity {resource.Uri} is taken.");
    }

    void TakeAnchor(SchemaResource resource, int node, ReadOnlySpan<byte> keyword, bool isDynamic)
    {
        var tape = resource.Document.Tape;
        var value = tape.Member(node, keyword);
        if (value < 0 || tape[value].Kind != JsonKind.String) return;
        var name = tape.String(value);
        if (!resource.Anchors.TryAdd(name, node) && resource.Anchors[name] != node)
            refusals.Add(resource.Document, value, "schema.anchor", $"The anchor {name} is taken.");
        if (isDynamic) resource.DynamicAnchors[name] = null;
    }

    /// <summary>The vocabularies of the meta-schema that <c>$schema</c> names.</summary>
    SchemaVocabularies Vocabularies(SchemaDocument document, int dialect)
    {
        var uri = document.Tape.String(dialect);
        if (uri is MetaSchemas.Draft) return SchemaVocabularies.Draft;
        if (TextOf(SchemaUri.Cut(uri).Document) is not { } text)
        {
            refusals.Add(document, dialect, "schema.dialect", $"The meta-schema {uri} is not known here; {MetaSchemas.Draft} is, and {MetaSchemas.AssertFormats}, in which formats are asserted.");
            return SchemaVocabularies.Draft;
        }
        using var tape = JsonTape.Parse(text);
        var list = tape.Member(0, "$vocabulary"u8);
        if (list < 0) return SchemaVocabularies.Draft;
        var known = SchemaVocabularies.Core;
        for (var name = list + 1; name < tape[list].Next; name = tape[name + 1].Next)
        {
            var vocabulary = tape.String(name);
            switch (vocabulary.StartsWith(VocabularyPrefix, StringComparison.Ordinal) ? vocabulary[VocabularyPrefix.Length..] : "")
            {
                case "core" or "meta-data" or "content" or "format-annotation": break;
                case "applicator": known |= SchemaVocabularies.Applicator; break;
                case "unevaluated": known |= SchemaVocabularies.Unevaluated; break;
                case "validation": known |= SchemaVocabularies.Validation; break;
                case "format-assertion": known |= SchemaVocabularies.FormatAssertion; break;
                default:
                    if (tape.IsTrue(name + 1)) refusals.Add(document, dialect, "schema.vocabulary", $"{uri} requires the vocabulary {vocabulary}, which is not known here.");
                    break;
            }
        }
        return known;
    }

    const string VocabularyPrefix = "https://json-schema.org/draft/2020-12/vocab/";

    static byte[] Escaped(string name) => CanonicalJson.TryFromString(name, out var canonical) ? canonical[1..^1] : [];

    static byte[] Canonical(string text) =>
        CanonicalJson.TryCanonicalize(Encoding.UTF8.GetBytes(text), "", [], out var canonical) ? canonical : throw new InvalidOperationException("a built-in meta-schema is not JSON");

    static string Id(byte[] text)
    {
        using var tape = JsonTape.Parse(text);
        return tape.String(tape.Member(0, "$id"u8));
    }
}
