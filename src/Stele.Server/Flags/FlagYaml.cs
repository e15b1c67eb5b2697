using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Server.Flags;

/// <summary>
/// Files in YAML, read as the JSON that they stand for by the core schema of YAML 1.2, and written. From the parser's events: a text that
/// aliases swell is bounded by what it comes to, and nothing in it is anything but data.
/// </summary>
internal static partial class FlagYaml
{
    /// <summary>The JSON text of a YAML text; null with a problem (<c>yaml.syntax</c>, <c>json.depth</c>, <c>body.bytes</c>).</summary>
    public static byte[]? ToJson(ReadOnlySpan<byte> utf8, List<Problem> problems)
    {
        var parser = new Parser(new Scanner(new StringReader(Encoding.UTF8.GetString(utf8)), skipComments: true));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.TryConsume<StreamEnd>(out _)) throw new YamlException("There is no document.");
            parser.Consume<DocumentStart>();
            var json = new StringBuilder();
            new Reader(parser, json).Node(1);
            parser.Consume<DocumentEnd>();
            if (!parser.TryConsume<StreamEnd>(out _)) throw new YamlException(parser.Current!.Start, parser.Current.End, "A file of flags is one document.");
            return Encoding.UTF8.GetBytes(json.ToString());
        }
        catch (YamlException e)
        {
            problems.Add(Problem.Body("", "yaml.syntax", string.Create(CultureInfo.InvariantCulture, $"Line {e.Start.Line}: {e.Message}")));
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // the scanner's own: a flow that is never closed, a tag that is no URI, half a surrogate pair
            problems.Add(Problem.Body("", "yaml.syntax", string.Create(CultureInfo.InvariantCulture, $"Near line {parser.Current?.End.Line ?? 1}: {e.Message}")));
            return null;
        }
    }

    /// <summary>A JSON text in YAML's block style.</summary>
    public static byte[] FromJson(byte[] json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1_000 });
        var text = new StringBuilder();
        Write(text, document.RootElement, 0, "");
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    static void Write(StringBuilder text, JsonElement value, int indent, string first)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.EnumerateObject().Any():
                foreach (var (index, member) in value.EnumerateObject().Index())
                {
                    text.Append(index == 0 ? first : new string(' ', indent)).Append(Plain().IsMatch(member.Name) && !Reserved().IsMatch(member.Name) ? member.Name : Quoted(member.Name)).Append(':');
                    Nested(text, member.Value, indent);
                }
                break;
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                foreach (var (index, item) in value.EnumerateArray().Index())
                    Write(text, item, indent + 2, (index == 0 ? first : new string(' ', indent)) + "- ");
                break;
            default:
                text.Append(first).Append(value.ValueKind == JsonValueKind.String ? Quoted(value.GetString()!) : value.GetRawText()).Append('\n');
                break;
        }
    }

    static void Nested(StringBuilder text, JsonElement value, int indent)
    {
        var isBlock = value.ValueKind == JsonValueKind.Object ? value.EnumerateObject().Any() : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0;
        if (isBlock) Write(text.Append('\n'), value, indent + 2, new string(' ', indent + 2));
        else Write(text, value, indent, " ");
    }

    // JSON's escapes are YAML's, too
    static string Quoted(string text) => Encoding.UTF8.GetString(CanonicalJson.FromString(text)).Replace("\u0085", "\\u0085", StringComparison.Ordinal).Replace("\u2028", "\\u2028", StringComparison.Ordinal).Replace("\u2029", "\\u2029", StringComparison.Ordinal).Replace("\uFEFF", "\\uFEFF", StringComparison.Ordinal);

    [GeneratedRegex(@"^[A-Za-z_$][A-Za-z0-9_.$/-]*\z")]
    private static partial Regex Plain();

    [GeneratedRegex(@"^(?:y|n|yes|no|on|off|true|false|null|~)\z", RegexOptions.IgnoreCase)]
    private static partial Regex Reserved();

    [GeneratedRegex(@"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\z")]
    private static partial Regex JsonNumber();

    sealed class Reader(Parser parser, StringBuilder json)
    {
        readonly Dictionary<AnchorName, string> anchors = [];

        // what anchors hold and merges read, which neither the text nor what it comes to bounds
        long swollen;

        public void Node(int depth)
        {
            var at = parser.Current!.Start;
            if (depth > SteleLimits.JsonDepth.Value) throw new YamlException(at, at, $"A file has at most {SteleLimits.JsonDepth.Value} levels.");
            var begin = json.Length;
            var anchor = (parser.Current as NodeEvent)?.Anchor ?? AnchorName.Empty;
            if (parser.TryConsume<AnchorAlias>(out var alias))
                json.Append(anchors.TryGetValue(alias.Value, out var known) ? known : throw new YamlException(alias.Start, alias.End, $"There is no anchor {alias.Value} before this."));
            else if (parser.TryConsume<Scalar>(out var scalar)) json.Append(Json(scalar));
            else if (parser.TryConsume<SequenceStart>(out _)) Sequence(depth);
            else Mapping(depth);
            if (json.Length > SteleLimits.ChangeSetBytes.Value) throw new YamlException(at, at, $"As JSON this has more than {SteleLimits.ChangeSetBytes.Value} characters.");
            if (anchor.IsEmpty || alias is not null) return;
            Swell(json.Length - begin, at);
            anchors[anchor] = json.ToString(begin, json.Length - begin);
        }

        void Swell(int characters, Mark at)
        {
            if ((swollen += characters) > SteleLimits.ChangeSetBytes.Value)
                throw new YamlException(at, at, $"What anchors name and merges bring has more than {SteleLimits.ChangeSetBytes.Value} characters together.");
        }

        void Sequence(int depth)
        {
            json.Append('[');
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                if (json[^1] != '[') json.Append(',');
                Node(depth + 1);
            }
            json.Append(']');
        }

        void Mapping(int depth)
        {
            parser.Consume<MappingStart>();
            json.Append('{');
            var (own, merged) = ((HashSet<string>?)null, (List<string>?)null);
            var begin = json.Length;
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>();
                if (key is { Value: "<<", Style: ScalarStyle.Plain })
                {
                    (merged ??= []).Add(Merged(key, depth));
                    continue;
                }
                var name = String(key);
                if (json.Length > begin) json.Append(',');
                (own ??= new(StringComparer.Ordinal)).Add(name);
                json.Append(name).Append(':');
                Node(depth + 1);
            }
            foreach (var source in merged ?? []) Merge(source, own ??= new(StringComparer.Ordinal), json.Length > begin);
            json.Append('}');
        }

        // the value of a merge key (yaml.org/type/merge), as JSON: it stands in the text only as far as the mapping has not its members itself
        string Merged(Scalar key, int depth)
        {
            var begin = json.Length;
            Node(depth + 1);
            var text = json.ToString(begin, json.Length - begin);
            json.Length = begin;
            Swell(text.Length, key.Start);
            using var source = JsonDocument.Parse(text, Deep);
            if (source.RootElement.ValueKind != JsonValueKind.Object && (source.RootElement.ValueKind != JsonValueKind.Array || source.RootElement.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Object)))
                throw new YamlException(key.Start, key.End, "A merge key (<<) takes a mapping, or a list of mappings.");
            return text;
        }

        // of several the first that has a member counts
        void Merge(string text, HashSet<string> own, bool more)
        {
            using var source = JsonDocument.Parse(text, Deep);
            var mappings = source.RootElement.ValueKind == JsonValueKind.Object ? [source.RootElement] : source.RootElement.EnumerateArray().ToArray();
            foreach (var member in mappings.SelectMany(mapping => mapping.EnumerateObject()))
            {
                var name = Encoding.UTF8.GetString(CanonicalJson.FromString(member.Name));
                if (!own.Add(name)) continue;
                if (more) json.Append(',');
                more = true;
                json.Append(name).Append(':').Append(member.Value.GetRawText());
            }
            if (json.Length > SteleLimits.ChangeSetBytes.Value) throw new YamlException($"As JSON this has more than {SteleLimits.ChangeSetBytes.Value} characters.");
        }

        static readonly JsonDocumentOptions Deep = new() { MaxDepth = 1_000 };

        static string Json(Scalar scalar)
        {
            var tag = scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific ? "" : scalar.Tag.Value;
            if (tag is not ("" or "tag:yaml.org,2002:str" or "tag:yaml.org,2002:int" or "tag:yaml.org,2002:float" or "tag:yaml.org,2002:bool" or "tag:yaml.org,2002:null"))
                throw new YamlException(scalar.Start, scalar.End, $"The tag {tag} is not known.");
            if (tag is "tag:yaml.org,2002:str" || (tag.Length == 0 && (scalar.Style != ScalarStyle.Plain || scalar.Tag.IsNonSpecific))) return String(scalar);
            return scalar.Value switch
            {
                "" or "~" or "null" or "Null" or "NULL" => "null",
                "true" or "True" or "TRUE" => "true",
                "false" or "False" or "FALSE" => "false",
                var text when JsonNumber().IsMatch(text) => text,
                _ => String(scalar),
            };
        }

        static string String(Scalar scalar) => CanonicalJson.TryFromString(scalar.Value, out var canonical) ? Encoding.UTF8.GetString(canonical)
            : throw new YamlException(scalar.Start, scalar.End, "A text has no U+0000 and no half of a surrogate pair.");
    }
}
