using System.Buffers;
using System.Text;
using Stele.Core.Json;
using Stele.Core.Schemas.Patterns;

namespace Stele.Core.Schemas;

/// <summary>The members of objects and the items of arrays.</summary>
sealed partial class SchemaEvaluation
{
    const int FewNames = 256;
    const int FewItems = 8;

    bool EvaluateObject(ObjectRules rules, int node, int row)
    {
        var count = tape[node].Count;
        var valid = true;
        if (count < rules.MinProperties) valid = errors is not null && Fail("minProperties", $"An object of at least {rules.MinProperties} members is expected; this has {count}.");
        if (count > rules.MaxProperties) valid = errors is not null && Fail("maxProperties", $"An object of at most {rules.MaxProperties} members is expected; this has {count}.");
        if ((!valid && errors is null) || !rules.LooksAtMembers) return valid;
        var words = (rules.Names.Count + 63) >> 6;
        if (rules.Names.Count <= FewNames)
        {
            Span<ulong> seen = stackalloc ulong[FewNames / 64];
            return valid & EvaluateMembers(rules, node, row, seen[..words]);
        }
        var rented = ArrayPool<ulong>.Shared.Rent(words);
        Array.Clear(rented, 0, words);
        valid &= EvaluateMembers(rules, node, row, rented.AsSpan(0, words));
        ArrayPool<ulong>.Shared.Return(rented);
        return valid;
    }

    bool EvaluateMembers(ObjectRules rules, int node, int row, Span<ulong> seen)
    {
        var (valid, end, child) = (true, tape[node].Next, 0);
        for (var name = node + 1; name < end; name = tape[name + 1].Next, child++)
        {
            if (--steps < 0) return false;
            valid &= EvaluateMember(rules, name, row, child, seen);
            if (!valid && errors is null) return false;
        }
        foreach (var slot in rules.Required)
            if (!Has(seen, slot))
            {
                valid = errors is not null && Fail("required", $"The member {Text(rules, slot)} is missing.");
                if (errors is null) return false;
            }
        return (valid || errors is not null) && (valid & EvaluateDependents(rules, node, row, seen));
    }

    bool EvaluateMember(ObjectRules rules, int name, int row, int child, Span<ulong> seen)
    {
        var (valid, matched) = (true, false);
        var slot = rules.Names.Count == 0 ? -1 : rules.Names.Find(tape.Raw(name), ref steps);
        if (slot >= 0)
        {
            seen[slot >> 6] |= 1UL << (slot & 63);
            if (rules.Properties[slot] is { } schema)
            {
                matched = true;
                valid = IntoMember(schema, name, "properties", errors is null ? null : Text(rules, slot));
            }
        }
        if (rules.PatternProperties.Count > 0)
            foreach (var (pattern, schema) in rules.PatternProperties)
                if ((valid || errors is not null) && PatternMatch.In(pattern, tape.Bare(name), ref steps))
                {
                    matched = true;
                    valid &= IntoMember(schema, name, "patternProperties", pattern.Source);
                }
        if (!matched && rules.Additional is { } additional && (valid || errors is not null))
        {
            matched = true;
            valid &= IntoMember(additional, name, "additionalProperties", null);
        }
        if (matched) Mark(row, child);
        if (rules.PropertyNames is { } names && (valid || errors is not null)) valid &= IntoName(names, name);
        return valid;
    }

    bool EvaluateDependents(ObjectRules rules, int node, int row, Span<ulong> seen)
    {
        var valid = true;
        foreach (var (slot, required) in rules.DependentRequired)
            if (Has(seen, slot))
                foreach (var other in required)
                    if (!Has(seen, other))
                        valid = errors is not null && Fail("dependentRequired", $"Beside the member {Text(rules, slot)} there must be {Text(rules, other)}, which is missing.");
        foreach (var (slot, schema) in rules.DependentSchemas)
        {
            if (!valid && errors is null) return false;
            if (!Has(seen, slot)) continue;
            var mark = errors?.Mark() ?? default;
            errors?.IntoKeyword("dependentSchemas");
            errors?.IntoKeywordMember(Text(rules, slot));
            valid &= Evaluate(schema, node, row);
            errors?.Return(mark);
        }
        return valid;
    }

    bool EvaluateArray(ArrayRules rules, int node, int row)
    {
        var (count, valid) = (tape[node].Count, true);
        if (count < rules.MinItems) valid = errors is not null && Fail("minItems", $"An array of at least {rules.MinItems} items is expected; this has {count}.");
        if (count > rules.MaxItems) valid = errors is not null && Fail("maxItems", $"An array of at most {rules.MaxItems} items is expected; this has {count}.");
        if (!valid && errors is null) return false;
        if (rules.PrefixItems.Length > 0 || rules.Items is not null) valid &= EvaluateItems(rules, node, row);
        if (rules.Contains is { } contains && (valid || errors is not null)) valid &= EvaluateContains(rules, contains, node, row);
        if (rules.UniqueItems && (valid || errors is not null)) valid &= EvaluateUnique(node);
        return valid;
    }

    bool EvaluateItems(ArrayRules rules, int node, int row)
    {
        var (valid, end, index) = (true, tape[node].Next, 0);
        for (var item = node + 1; item < end; item = tape[item].Next, index++)
        {
            if (--steps < 0) return false;
            var isPrefix = index < rules.PrefixItems.Length;
            if ((isPrefix ? rules.PrefixItems[index] : rules.Items) is not { } schema) return valid;
            Mark(row, index);
            valid &= IntoItem(schema, item, index, isPrefix ? "prefixItems" : "items", isPrefix ? index : -1);
            if (!valid && errors is null) return false;
        }
        return valid;
    }

    bool EvaluateContains(ArrayRules rules, SchemaNode contains, int node, int row)
    {
        var (found, end, index) = (0L, tape[node].Next, 0);
        for (var item = node + 1; item < end; item = tape[item].Next, index++)
        {
            if (--steps < 0) return false;
            if (!Holds(contains, item, NoMarks)) continue;
            Mark(row, index);
            // once it is enough, the rest matters only for who is asked what was looked at, or how many there may be
            if (++found >= rules.MinContains && rules.MaxContains == long.MaxValue && row < 0) return true;
            if (found > rules.MaxContains && errors is null) return false;
        }
        if (found < rules.MinContains)
            return errors is not null && Fail(rules.MinContains == 1 ? "contains" : "minContains", $"At least {rules.MinContains} items must keep to the schema of contains; {found} do.");
        return found <= rules.MaxContains || (errors is not null && Fail("maxContains", $"At most {rules.MaxContains} items may keep to the schema of contains; {found} do."));
    }

    bool EvaluateUnique(int node)
    {
        var count = tape[node].Count;
        if (count < 2) return true;
        if (count > FewItems) return EvaluateUniqueHashed(node, count);
        var i = 0;
        for (var first = node + 1; first < tape[node].Next; first = tape[first].Next, i++)
        {
            var j = i + 1;
            for (var second = tape[first].Next; second < tape[node].Next; second = tape[second].Next, j++)
                if (JsonEquality.AreEqual(tape, first, tape, second, ref steps)) return errors is not null && Fail("uniqueItems", $"No two items may be equal; those at {i} and {j} are.");
        }
        return true;
    }

    /// <summary>By hash: equal items are compared only with those of the same hash, so that length does not multiply with itself.</summary>
    bool EvaluateUniqueHashed(int node, int count)
    {
        var size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count * 2);
        var (nodes, hashes) = (ArrayPool<int>.Shared.Rent(size), ArrayPool<int>.Shared.Rent(size));
        Array.Clear(nodes, 0, size);
        var unique = true;
        for (var item = node + 1; item < tape[node].Next && unique && steps >= 0; item = tape[item].Next)
        {
            var hash = JsonEquality.Hash(tape, item, ref steps);
            var at = (int)((uint)hash * 2654435769u) & (size - 1);
            for (; nodes[at] != 0 && unique; at = (at + 1) & (size - 1))
            {
                steps--;
                if (hashes[at] == hash && JsonEquality.AreEqual(tape, nodes[at], tape, item, ref steps))
                    unique = errors is not null && Fail("uniqueItems", $"No two items may be equal; those at {Index(node, nodes[at])} and {Index(node, item)} are.");
                else if (steps < 0) unique = false;
            }
            (nodes[at], hashes[at]) = (item, hash);
        }
        ArrayPool<int>.Shared.Return(nodes);
        ArrayPool<int>.Shared.Return(hashes);
        return unique;
    }

    bool EvaluateUnevaluated(SchemaNode schema, int node, int row)
    {
        var (valid, child) = (true, 0);
        switch (tape[node].Kind)
        {
            case JsonKind.Object when schema.Object?.Unevaluated is { } rest:
                for (var name = node + 1; name < tape[node].Next; name = tape[name + 1].Next, child++)
                {
                    if (--steps < 0) return false;
                    if (IsMarked(row, child)) continue;
                    Mark(row, child);
                    valid &= IntoMember(rest, name, "unevaluatedProperties", null);
                    if (!valid && errors is null) return false;
                }
                return valid;
            case JsonKind.Array when schema.Array?.Unevaluated is { } rest:
                for (var item = node + 1; item < tape[node].Next; item = tape[item].Next, child++)
                {
                    if (--steps < 0) return false;
                    if (IsMarked(row, child)) continue;
                    Mark(row, child);
                    valid &= IntoItem(rest, item, child, "unevaluatedItems", -1);
                    if (!valid && errors is null) return false;
                }
                return valid;
            default:
                return true;
        }
    }

    bool IntoMember(SchemaNode schema, int name, string keyword, string? member)
    {
        if (errors is null) return Evaluate(schema, name + 1, NoMarks);
        var mark = errors.Mark();
        errors.IntoKeyword(keyword);
        if (member is not null) errors.IntoKeywordMember(member);
        errors.IntoMember(tape, name);
        var valid = Evaluate(schema, name + 1, NoMarks);
        errors.Return(mark);
        return valid;
    }

    /// <summary>A member's name as a value; errors are told of the member.</summary>
    bool IntoName(SchemaNode schema, int name)
    {
        var mark = errors?.Mark() ?? default;
        errors?.IntoKeyword("propertyNames");
        errors?.IntoMember(tape, name);
        var valid = Evaluate(schema, name, NoMarks);
        errors?.Return(mark);
        return valid;
    }

    bool IntoItem(SchemaNode schema, int item, int index, string keyword, int position)
    {
        if (errors is null) return Evaluate(schema, item, NoMarks);
        var mark = errors.Mark();
        errors.IntoKeyword(keyword);
        if (position >= 0) errors.IntoKeyword(position);
        errors.IntoItem(index);
        var valid = Evaluate(schema, item, NoMarks);
        errors.Return(mark);
        return valid;
    }

    int Index(int node, int item)
    {
        var index = 0;
        for (var at = node + 1; at < item; at = tape[at].Next) index++;
        return index;
    }

    static bool Has(Span<ulong> seen, int slot) => (seen[slot >> 6] >> (slot & 63) & 1) != 0;

    static string Text(ObjectRules rules, int slot) => JsonEscapes.Text(rules.Names[slot], escaped: rules.Names[slot].Contains((byte)'\\'));
}
