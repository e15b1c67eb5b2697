using System.Globalization;
using System.Text;
using Stele.Core.Json;

namespace Stele.Core.Flags.Rules;

/// <summary>A dotted path into data, as <c>var</c> takes it: names of members, numbers of items, and <c>length</c> of arrays and strings.</summary>
sealed class VarPath
{
    /// <summary>The longest path that is followed, in characters; a longer one finds nothing.</summary>
    const int CharactersMax = 4_096;

    readonly Segment[] segments;

    VarPath(Segment[] segments) => this.segments = segments;

    /// <summary>A path with one step or more; the empty one is the data itself, and not for here.</summary>
    public static VarPath Parse(string text) =>
        new(text.Length > CharactersMax ? [] : [.. text.Split('.').Select(name => new Segment(name))]);

    /// <summary>What the path leads to; undefined if to nothing.</summary>
    public RuleValue Find(ref RuleRun run, RuleValue data)
    {
        if (segments.Length == 1) return segments[0].Of(ref run, data);
        if (segments.Length == 0) return default;
        foreach (var segment in segments)
        {
            data = segment.Of(ref run, data);
            if (data.Kind == RuleKind.Undefined) return default;
        }
        return data;
    }

    sealed class Segment
    {
        // members looked through for one step
        const int MembersPerStep = 16;

        readonly byte[] canonical;
        readonly ulong mark;
        readonly int index;

        public Segment(string name)
        {
            Name = name;
            var bare = Encoding.UTF8.GetBytes(name);
            var escaped = new byte[bare.Length * JsonEscapes.LongestEscape];
            canonical = escaped[..JsonEscapes.Escape(bare, escaped)];
            mark = MemberIndex.Mark(canonical);
            // only the number's own spelling is the name of an item
            index = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number.ToString(CultureInfo.InvariantCulture) == name ? number : -1;
        }

        public string Name { get; }

        public RuleValue Of(ref RuleRun run, RuleValue data) => data.Kind switch
        {
            RuleKind.Object => data.Frame is { } frame ? OfFrame(frame) : Member(ref run, data.Data!, data.Node),
            RuleKind.Array => Name == "length" ? RuleValue.Of((double)data.Count) : index < 0 || index >= data.Count ? default : Item(ref run, data),
            RuleKind.String => Name == "length" ? RuleValue.Of((double)data.Text.Length) : index < 0 || index >= data.Text.Length ? default : RuleValue.Of(data.Text[index].ToString()),
            _ => default,
        };

        RuleValue OfFrame(ReduceFrame frame) => Name switch
        {
            "current" => frame.Current,
            "accumulator" => frame.Accumulator,
            _ => default,
        };

        RuleValue Member(ref RuleRun run, RuleData data, int node)
        {
            if (data.Tape[node].Count >= MembersPerStep && !run.Pay(data.Tape[node].Count / MembersPerStep)) return default;
            if (node == 0) return data.RootMember(canonical, mark);
            var value = data.Tape.Member(node, canonical);
            return value < 0 ? default : data.Value(value);
        }

        RuleValue Item(ref RuleRun run, RuleValue array)
        {
            if (array.Made is { } made) return made.Items[index];
            if (index >= MembersPerStep && !run.Pay(index / MembersPerStep)) return default;
            return array.Data!.Value(array.Data.Tape.ItemAt(array.Node, index));
        }
    }
}
