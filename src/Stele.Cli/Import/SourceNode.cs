using System.Text;
using Stele.Cli.Values;

namespace Stele.Cli.Import;

/// <summary>A tree as YAML and JSON have it, with lines, so that what is refused can be pointed at.</summary>
internal abstract record SourceNode(int Line);

/// <summary>A scalar, already as JSON.</summary>
internal sealed record ScalarNode(string Json, int Line) : SourceNode(Line);

/// <summary>Members in the order of the file; a name may be there twice.</summary>
internal sealed record MapNode(IReadOnlyList<MapMember> Members, int Line) : SourceNode(Line);

internal sealed record MapMember(string Name, int Line, SourceNode Value);

internal sealed record ListNode(IReadOnlyList<SourceNode> Items, int Line) : SourceNode(Line);

/// <summary>
/// Trees to leaves, as Spring does: maps to dotted keys, lists to key[0], key[1] and so on. An empty map or list is a
/// value. A map whose only member is <see cref="Verbatim"/> holds one JSON value that is not taken apart: that is how
/// export writes a value which is a map or a list.
/// </summary>
internal static class Flattening
{
    /// <summary>'$' begins no key, so no map of keys can look like this.</summary>
    internal const string Verbatim = "$json";

    /// <summary>YAML aliases can make a small file into a huge one ("billion laughs"); past this many nodes it is refused.</summary>
    internal const int NodesMax = 2_000_000;

    /// <summary>No file says so much by aliases that each of its characters stands for more; a small one may say this much in any case.</summary>
    const int NodesPerCharacter = 16, NodesOfAny = 10_000;

    /// <param name="root">The tree.</param>
    /// <param name="characters">How long the text is that it was read from.</param>
    internal static List<SourceLeaf> Flatten(SourceNode root, int characters)
    {
        var leaves = new List<SourceLeaf>();
        var budget = Budget(characters);
        if (root is MapNode { Members: [{ Name: Verbatim }] } or ScalarNode { Json: not "null" } or ListNode)
            throw new SourceFormatException(root.Line, "the top level must be a map of keys");
        if (root is MapNode map)
            foreach (var member in map.Members) Walk(member.Value, member.Name, member.Line, leaves, ref budget);
        return leaves;
    }

    /// <summary>A tree as one JSON text; of a part of a text of so many characters.</summary>
    internal static string ToJson(SourceNode node, int characters)
    {
        var budget = Budget(characters);
        return ToJson(node, ref budget);
    }

    static int Budget(int characters) => (int)Math.Clamp((long)characters * NodesPerCharacter, NodesOfAny, NodesMax);

    static void Walk(SourceNode node, string path, int line, List<SourceLeaf> leaves, ref int budget)
    {
        Spend(node, ref budget);
        switch (node)
        {
            case ScalarNode scalar:
                leaves.Add(new SourceLeaf(path, scalar.Json, line));
                break;
            case MapNode { Members: [{ Name: Verbatim } only] }:
                leaves.Add(new SourceLeaf(path, ToJson(only.Value, ref budget), line));
                break;
            case MapNode { Members: [] }:
                leaves.Add(new SourceLeaf(path, "{}", line));
                break;
            case MapNode map:
                foreach (var member in map.Members) Walk(member.Value, $"{path}.{member.Name}", member.Line, leaves, ref budget);
                break;
            case ListNode { Items: [] }:
                leaves.Add(new SourceLeaf(path, "[]", line));
                break;
            case ListNode list:
                for (var i = 0; i < list.Items.Count; i++) Walk(list.Items[i], $"{path}[{i}]", list.Items[i].Line, leaves, ref budget);
                break;
        }
    }

    static string ToJson(SourceNode node, ref int budget)
    {
        var text = new StringBuilder();
        Write(node, text, ref budget);
        return text.ToString();
    }

    static void Write(SourceNode node, StringBuilder text, ref int budget)
    {
        Spend(node, ref budget);
        var separator = "";
        switch (node)
        {
            case ScalarNode scalar:
                text.Append(scalar.Json);
                break;
            case MapNode map:
                text.Append('{');
                foreach (var member in map.Members)
                {
                    text.Append(separator).Append(JsonText.Quote(member.Name)).Append(':');
                    Write(member.Value, text, ref budget);
                    separator = ",";
                }
                text.Append('}');
                break;
            case ListNode list:
                text.Append('[');
                foreach (var item in list.Items)
                {
                    text.Append(separator);
                    Write(item, text, ref budget);
                    separator = ",";
                }
                text.Append(']');
                break;
        }
    }

    static void Spend(SourceNode node, ref int budget)
    {
        if (--budget < 0) throw new SourceFormatException(node.Line, "too many values for a file of this size, aliases counted each time");
    }
}
