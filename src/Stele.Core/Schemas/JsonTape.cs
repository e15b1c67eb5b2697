using System.Buffers;
using System.Globalization;
using System.Text;
using Stele.Core.Json;

namespace Stele.Core.Schemas;

/// <summary>
/// A JSON value as a flat row of nodes over its bytes, in document order: a container is followed by what is in it, a
/// member by its value. One pass makes it, without recursion, and nothing is copied. Disposing gives the row back.
/// </summary>
/// <remarks>The bytes are canonical (<see cref="CanonicalJson"/>), so two strings are equal when their bytes are, and no member is there twice.</remarks>
sealed class JsonTape : IDisposable
{
    const int PathNameBytes = 256;

    JsonNode[] nodes;
    bool kept;

    JsonTape(byte[] text, JsonNode[] nodes)
    {
        Text = text;
        this.nodes = nodes;
    }

    /// <summary>The value's bytes.</summary>
    public byte[] Text { get; }

    /// <summary>How many nodes there are.</summary>
    public int Count { get; private set; }

    /// <summary>How many containers are open at the deepest place.</summary>
    public int Depth { get; private set; }

    public ref readonly JsonNode this[int node] => ref nodes[node];

    /// <summary>Reads canonical bytes.</summary>
    public static JsonTape Parse(byte[] text)
    {
        var tape = new JsonTape(text, ArrayPool<JsonNode>.Shared.Rent(Math.Clamp(text.Length / 8, 32, 4096)));
        tape.Read();
        return tape;
    }

    /// <summary>Reads canonical bytes into a row of its own, which stays.</summary>
    public static JsonTape Keep(byte[] text)
    {
        using var tape = Parse(text);
        return new JsonTape(text, tape.nodes.AsSpan(0, tape.Count).ToArray()) { Count = tape.Count, Depth = tape.Depth, kept = true };
    }

    /// <summary>A string's bytes as they stand, escapes included.</summary>
    public ReadOnlySpan<byte> Raw(int node) => Text.AsSpan(nodes[node].Start, nodes[node].End - nodes[node].Start);

    /// <summary>A string's text as UTF-8.</summary>
    public ReadOnlySpan<byte> Bare(int node) => nodes[node].Escaped ? JsonEscapes.Bare(Raw(node)) : Raw(node);

    /// <summary>A string's text.</summary>
    public string String(int node) => JsonEscapes.Text(Raw(node), nodes[node].Escaped);

    /// <summary>A number's value.</summary>
    public JsonNumber Number(int node) => JsonNumber.Parse(Raw(node));

    /// <summary>Whether a literal is <c>true</c>.</summary>
    public bool IsTrue(int node) => Text[nodes[node].Start] == 't';

    /// <summary>The value of an object's member by its canonical name, or a negative number.</summary>
    public int Member(int container, ReadOnlySpan<byte> name)
    {
        if (nodes[container].Kind != JsonKind.Object) return -1;
        for (var at = container + 1; at < nodes[container].Next; at = nodes[at + 1].Next)
            if (Raw(at).SequenceEqual(name)) return at + 1;
        return -1;
    }

    /// <summary>An item of an array, or a negative number.</summary>
    public int ItemAt(int container, int index)
    {
        if (nodes[container].Kind != JsonKind.Array || index >= nodes[container].Count) return -1;
        var at = container + 1;
        for (var i = 0; i < index; i++) at = nodes[at].Next;
        return at;
    }

    /// <summary>The JSON pointer (RFC 6901) of a node.</summary>
    public string Pointer(int node)
    {
        var path = new StringBuilder();
        var at = 0;
        while (at != node)
        {
            var isObject = nodes[at].Kind == JsonKind.Object;
            var child = at + 1;
            for (var index = 0; ; index++)
            {
                var value = isObject ? child + 1 : child;
                if (node < nodes[value].Next)
                {
                    if (isObject) AppendName(path.Append('/'), child);
                    else path.Append('/').Append(index.ToString(CultureInfo.InvariantCulture));
                    if (node == child) return path.ToString();
                    at = value;
                    break;
                }
                child = nodes[value].Next;
            }
        }
        return path.ToString();
    }

    /// <summary>Appends a member's name as a segment of a pointer; one that is too long is shown as its beginning.</summary>
    public void AppendName(StringBuilder path, int name)
    {
        var raw = Raw(name);
        var text = raw.Length <= PathNameBytes ? String(name) : Encoding.UTF8.GetString(raw[..PathNameBytes]) + "…";
        path.Append(text.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
    }

    public void Dispose()
    {
        if (kept || nodes.Length == 0) return;
        ArrayPool<JsonNode>.Shared.Return(nodes);
        nodes = [];
    }

    void Read()
    {
        var (text, at, open, depth) = (Text, 0, -1, 0);
        while (at < text.Length)
        {
            switch (text[at])
            {
                // sound text: what separates values needs no look
                case (byte)',' or (byte)':' or (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t':
                    at++;
                    break;
                case (byte)'{' or (byte)'[':
                    Add(text[at] == '{' ? JsonKind.Object : JsonKind.Array, at, 0, open);
                    nodes[Count - 1].Next = open;
                    open = Count - 1;
                    Depth = Math.Max(Depth, ++depth);
                    at++;
                    break;
                case (byte)'}' or (byte)']':
                    ref var closed = ref nodes[open];
                    open = closed.Next;
                    closed.Next = Count;
                    closed.End = ++at;
                    if (closed.Kind == JsonKind.Object) closed.Count /= 2;
                    depth--;
                    break;
                case (byte)'"':
                    at = ReadString(at + 1, open);
                    break;
                case (byte)'t' or (byte)'f':
                    Add(JsonKind.Boolean, at, at += text[at] == 't' ? 4 : 5, open);
                    break;
                case (byte)'n':
                    Add(JsonKind.Null, at, at += 4, open);
                    break;
                default:
                    var run = text.AsSpan(at).IndexOfAny(",]} \n\r\t"u8);
                    Add(JsonKind.Number, at, at = run < 0 ? text.Length : at + run, open);
                    break;
            }
        }
    }

    int ReadString(int start, int open)
    {
        var (end, escaped) = (start, false);
        while (true)
        {
            end += Text.AsSpan(end).IndexOfAny((byte)'"', (byte)'\\');
            if (Text[end] == '"') break;
            escaped = true;
            end += 2;
        }
        Add(JsonKind.String, start, end, open);
        nodes[Count - 1].Escaped = escaped;
        return end + 1;
    }

    void Add(JsonKind kind, int start, int end, int open)
    {
        if (Count == nodes.Length) Grow();
        if (open >= 0) nodes[open].Count++;
        nodes[Count++] = new JsonNode { Kind = kind, Start = start, End = end, Next = Count };
    }

    void Grow()
    {
        var larger = ArrayPool<JsonNode>.Shared.Rent(nodes.Length * 2);
        nodes.AsSpan().CopyTo(larger);
        ArrayPool<JsonNode>.Shared.Return(nodes);
        nodes = larger;
    }
}
