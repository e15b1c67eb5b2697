using System.Buffers;
using Stele.Core.Json;

namespace Stele.Core.Schemas;

/// <summary>
/// Equality of JSON values as JSON Schema means it: numbers by value, objects regardless of the order of their members.
/// Work is counted down; at the end of the budget the answer is false and the caller finds the budget below zero.
/// </summary>
static class JsonEquality
{
    const int FewMembers = 8;
    const int BytesPerStep = 64;

    public static bool AreEqual(JsonTape left, int a, JsonTape right, int b, ref long steps)
    {
        ref readonly var x = ref left[a];
        ref readonly var y = ref right[b];
        if (x.Kind != y.Kind || --steps < 0) return false;
        switch (x.Kind)
        {
            case JsonKind.Null:
                return true;
            case JsonKind.Boolean:
                return left.IsTrue(a) == right.IsTrue(b);
            case JsonKind.String:
                steps -= (x.End - x.Start) / BytesPerStep;
                return left.Raw(a).SequenceEqual(right.Raw(b));
            case JsonKind.Number:
                if (left.Raw(a).SequenceEqual(right.Raw(b))) return true;
                var (first, second) = (left.Number(a), right.Number(b));
                steps -= first.Cost + second.Cost;
                return first.Equals(second);
            case JsonKind.Array:
                if (x.Count != y.Count) return false;
                for (int i = a + 1, j = b + 1; i < x.Next; i = left[i].Next, j = right[j].Next)
                    if (!AreEqual(left, i, right, j, ref steps)) return false;
                return true;
            default:
                if (x.Count != y.Count) return false;
                return x.Count <= FewMembers ? HaveEqualMembers(left, a, right, b, ref steps) : HaveEqualSorted(left, a, right, b, ref steps);
        }
    }

    /// <summary>A hash that equal values share. It differs from process to process, so nobody can prepare values whose hashes collide.</summary>
    public static int Hash(JsonTape tape, int node, ref long steps)
    {
        ref readonly var value = ref tape[node];
        if (--steps < 0) return 0;
        switch (value.Kind)
        {
            case JsonKind.Null:
                return 1;
            case JsonKind.Boolean:
                return tape.IsTrue(node) ? 2 : 3;
            case JsonKind.String:
                steps -= (value.End - value.Start) / BytesPerStep;
                return Hash(tape.Raw(node));
            case JsonKind.Number:
                var number = tape.Number(node);
                steps -= number.Cost;
                return number.GetHashCode();
            case JsonKind.Array:
                var hash = new HashCode();
                for (var item = node + 1; item < value.Next; item = tape[item].Next) hash.Add(Hash(tape, item, ref steps));
                return hash.ToHashCode();
            default:
                // a sum, which no order of members changes
                var sum = 5;
                for (var name = node + 1; name < value.Next; name = tape[name + 1].Next)
                    sum += HashCode.Combine(Hash(tape.Raw(name)), Hash(tape, name + 1, ref steps));
                return sum;
        }
    }

    static int Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = new HashCode();
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    static bool HaveEqualMembers(JsonTape left, int a, JsonTape right, int b, ref long steps)
    {
        for (var name = a + 1; name < left[a].Next; name = left[name + 1].Next)
        {
            var value = right.Member(b, left.Raw(name));
            if (value < 0 || !AreEqual(left, name + 1, right, value, ref steps)) return false;
        }
        return true;
    }

    static bool HaveEqualSorted(JsonTape left, int a, JsonTape right, int b, ref long steps)
    {
        var count = left[a].Count;
        steps -= 2L * count;
        if (steps < 0) return false;
        var (first, second) = (Sorted(left, a), Sorted(right, b));
        var equal = true;
        for (var i = 0; i < count && equal; i++)
            equal = left.Raw(first[i]).SequenceEqual(right.Raw(second[i])) && AreEqual(left, first[i] + 1, right, second[i] + 1, ref steps);
        ArrayPool<int>.Shared.Return(first);
        ArrayPool<int>.Shared.Return(second);
        return equal;
    }

    static int[] Sorted(JsonTape tape, int node)
    {
        var names = ArrayPool<int>.Shared.Rent(tape[node].Count);
        var count = 0;
        for (var name = node + 1; name < tape[node].Next; name = tape[name + 1].Next) names[count++] = name;
        names.AsSpan(0, count).Sort((x, y) => tape.Raw(x).SequenceCompareTo(tape.Raw(y)));
        return names;
    }
}
