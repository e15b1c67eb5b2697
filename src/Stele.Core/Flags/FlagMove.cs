using System.Globalization;
using System.Numerics;
using System.Text;
using Stele.Core.Json;
using Stele.Core.Schemas;

namespace Stele.Core.Flags;

/// <summary>How much of the bucket space gets another variant by a change of a flag: exactly, or not at all.</summary>
/// <param name="Share">From 0 to 1; null: there is no exact number.</param>
/// <param name="Reason">Why there is none, as a sentence; null with a share.</param>
public readonly record struct FlagMove(double? Share, string? Reason)
{
    const string Conditions = "Conditions change: who moves depends on who comes.";
    const string DefaultKey = """{"cat":[{"var":"$flagd.flagKey"},{"var":"targetingKey"}]}""";

    /// <summary>
    /// What a change moves. Exact when everybody had, or gets, one variant; when only the ranges of one split change, under one bucket
    /// key; and when nothing does. Where a split stands under conditions that stay, the share is that of who comes to it.
    /// </summary>
    /// <param name="before">The flag before; null: there was none.</param>
    /// <param name="after">The flag after; null: there is none any more.</param>
    public static FlagMove Between(FlagEntry? before, FlagEntry? after)
    {
        if ((after ?? before) is { Kind: not FlagItemKind.Flag }) return new FlagMove(null, "What flags share changes: what it does to each depends on its rule and on who comes.");
        if (before is not { Deleted: false, Archived: false }) return new FlagMove(null, "The flag is new: nobody had a variant of it.");
        if (after is not { Deleted: false, Archived: false }) return new FlagMove(null, "The flag goes: nobody has a variant of it any more.");
        if (before.Redacted || after.Redacted) return new FlagMove(null, "A definition was redacted: nobody knows any more who had which variant.");
        var (from, to) = (Side.Of(before), Side.Of(after));
        if (from.Same is { } a && to.Same is { } b) return Spread.Between(a, b);
        var pairs = new List<FlagMove>();
        if (from.Same is { } all) return Against(to, to.Root, all, isBefore: false, pairs) ? Told(pairs) : new FlagMove(null, Conditions);
        if (to.Same is { } everybody) return Against(from, from.Root, everybody, isBefore: true, pairs) ? Told(pairs) : new FlagMove(null, Conditions);
        if (from.Default != to.Default) return new FlagMove(null, "The default variant changes: who moves depends on who comes to it.");
        return Compare(from, from.Root, to, to.Root, isOutcome: true, pairs) ? Told(pairs) : new FlagMove(null, Conditions);
    }

    /// <summary>What the splits in which two rules differ come to.</summary>
    static FlagMove Told(List<FlagMove> pairs)
    {
        if (pairs.Find(pair => pair.Share is null) is { Reason: not null } unknown) return unknown;
        var moving = pairs.Where(pair => pair.Share > 0).ToList();
        return moving.Count switch
        {
            0 => new FlagMove(0, null),
            1 => moving[0],
            _ => new FlagMove(null, "Several splits change, and who comes to which depends on conditions."),
        };
    }

    /// <summary>Goes through a rule whose other side is one spread for everybody; false: not all that it comes to is known.</summary>
    static bool Against(Side side, int node, Spread other, bool isBefore, List<FlagMove> pairs)
    {
        if (Spread.Of(side, node, out var reason) is { } spread) pairs.Add(Nested(spread, other, isBefore));
        else if (reason is not null) pairs.Add(new FlagMove(null, reason));
        else if (side.Tape[node].Kind == JsonKind.Object && side.Tape[node].Count == 1 && side.Tape.String(node + 1) is "if" or "?:")
        {
            var items = side.Items(node + 2);
            // without an else the default variant counts
            if (items.Count % 2 == 0) pairs.Add(Nested(Spread.Everybody(side.Default), other, isBefore));
            for (var i = 0; i < items.Count; i++)
                if ((i % 2 == 1 || i == items.Count - 1) && !Against(side, items[i], other, isBefore, pairs)) return false;
        }
        else return false;
        return true;
    }

    // where everybody who comes gets another variant, the number would be that of who comes
    static FlagMove Nested(Spread spread, Spread other, bool isBefore) =>
        spread.AnyKey && other.AnyKey && spread.Shares[0].Variant != other.Shares[0].Variant ? new FlagMove(null, Conditions)
        : isBefore ? Spread.Between(spread, other) : Spread.Between(other, spread);

    /// <summary>Goes through two rules side by side, down to the splits in which they differ; false: they differ elsewhere.</summary>
    static bool Compare(Side from, int a, Side to, int b, bool isOutcome, List<FlagMove> pairs)
    {
        if (from.Text(a) == to.Text(b)) return true;
        string? reason = null;
        if (isOutcome && Spread.Of(from, a, out reason) is { } one && Spread.Of(to, b, out reason) is { } other)
        {
            pairs.Add(Nested(one, other, isBefore: true));
            return true;
        }
        if (isOutcome && reason is not null)
        {
            pairs.Add(new FlagMove(null, reason));
            return true;
        }
        var (x, y) = (from.Tape[a], to.Tape[b]);
        if (x.Kind != JsonKind.Object || y.Kind != JsonKind.Object || x.Count != 1 || y.Count != 1) return false;
        if (from.Tape.String(a + 1) is not ("if" or "?:") || from.Tape.String(a + 1) != to.Tape.String(b + 1)) return false;
        var (left, right) = (from.Items(a + 2), to.Items(b + 2));
        if (left.Count != right.Count) return false;
        for (var i = 0; i < left.Count; i++)
            if (!Compare(from, left[i], to, right[i], i % 2 == 1 || i == left.Count - 1, pairs)) return false;
        return true;
    }

    /// <summary>A flag on one side of a change.</summary>
    sealed class Side
    {
        Side(JsonTape tape) => Tape = tape;

        public JsonTape Tape { get; }

        /// <summary>Where the rule begins.</summary>
        public int Root { get; private init; }

        /// <summary>The default variant; empty: the caller's own default.</summary>
        public string Default { get; private init; } = "";

        /// <summary>What everybody is spread by, or gets; null: it depends on conditions.</summary>
        public Spread? Same { get; private set; }

        public static Side Of(FlagEntry entry)
        {
            var definition = FlagDefinition.Stored(entry.Text!);
            var tape = JsonTape.Keep(definition.Full);
            var side = new Side(tape) { Root = tape.Member(0, "targeting"u8), Default = definition.DefaultVariant?.Name ?? "" };
            if (entry.Killed || !definition.Enabled) side.Same = Spread.Everybody(definition.OffVariant?.Name ?? "");
            else if (definition.Rule is null) side.Same = Spread.Everybody(side.Default);
            else side.Same = Spread.Of(side, side.Root, out _);
            return side;
        }

        public string Text(int node) => Tape[node].Kind == JsonKind.String
            ? Encoding.UTF8.GetString(Tape.Text.AsSpan(Tape[node].Start - 1, Tape[node].End - Tape[node].Start + 2))
            : Encoding.UTF8.GetString(Tape.Text.AsSpan(Tape[node].Start, Tape[node].End - Tape[node].Start));

        public List<int> Items(int container)
        {
            if (Tape[container].Kind != JsonKind.Array) return [container];
            var items = new List<int>();
            for (var item = container + 1; item < Tape[container].Next; item = Tape[item].Next) items.Add(item);
            return items;
        }
    }

    /// <summary>Variants with their weights, under one bucket key; everybody's one variant is a spread under any.</summary>
    sealed record Spread(string? Key, bool AnyKey, IReadOnlyList<(string Variant, int Weight)> Shares)
    {
        long Total => Shares.Sum(share => (long)share.Weight);

        public static Spread Everybody(string variant) => new(null, true, [(variant, 1)]);

        /// <summary>The spread that a part of a rule is; null: it is none, or none that is known before somebody comes, and then there is a reason.</summary>
        public static Spread? Of(Side side, int node, out string? reason)
        {
            reason = null;
            var tape = side.Tape;
            if (tape[node].Kind == JsonKind.Null) return Everybody(side.Default);
            if (tape[node].Kind == JsonKind.String) return Everybody(tape.String(node));
            if (tape[node].Kind != JsonKind.Object || tape[node].Count != 1 || tape.String(node + 1) != "fractional") return null;
            var arguments = side.Items(node + 2);
            var key = arguments.Count > 0 && tape[arguments[0]].Kind != JsonKind.Array ? side.Text(arguments[0]) : null;
            var shares = new List<(string, int)>();
            foreach (var argument in arguments.Skip(key is null ? 0 : 1))
            {
                var parts = side.Items(argument);
                if (tape[argument].Kind != JsonKind.Array || parts.Count is 0 or > 2 || tape[parts[0]].Kind is not (JsonKind.String or JsonKind.Null))
                    return Unknown(out reason, "A share's variant is computed: who moves depends on who comes.");
                var weight = 1;
                if (parts.Count == 2 && (tape[parts[1]].Kind != JsonKind.Number || !double.TryParse(tape.Raw(parts[1]), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || (weight = (int)Math.Max(0, number)) != Math.Max(0, number)))
                    return Unknown(out reason, "A share's weight is computed: it changes by itself.");
                shares.Add((tape[parts[0]].Kind == JsonKind.Null ? side.Default : tape.String(parts[0]), weight));
            }
            var spread = new Spread(key == DefaultKey ? null : key, false, shares);
            return spread.Total > 0 ? spread : Everybody(side.Default);
        }

        static Spread? Unknown(out string? reason, string why)
        {
            reason = why;
            return null;
        }

        public static FlagMove Between(Spread from, Spread to)
        {
            if (!from.AnyKey && !to.AnyKey && from.Key != to.Key) return new FlagMove(null, "The bucket key changes: who is in which bucket depends on who comes.");
            // both rows of shares on one scale, on which all ends are whole numbers; 2^62 at most
            var (scale, other) = (to.Total, from.Total);
            var divisor = (long)BigInteger.GreatestCommonDivisor(scale, other);
            (scale, other) = (scale / divisor, other / divisor);
            var (moved, at, i, j) = (0L, 0L, 0, 0);
            var (endFrom, endTo) = (from.Shares[0].Weight * scale, to.Shares[0].Weight * other);
            var end = from.Total * scale;
            while (at < end)
            {
                while (endFrom <= at) endFrom += from.Shares[++i].Weight * scale;
                while (endTo <= at) endTo += to.Shares[++j].Weight * other;
                var next = Math.Min(endFrom, endTo);
                if (from.Shares[i].Variant != to.Shares[j].Variant) moved += next - at;
                at = next;
            }
            var common = moved == 0 ? 1 : (long)BigInteger.GreatestCommonDivisor(moved, end);
            return new FlagMove((double)(moved / common) / (end / common), null);
        }
    }
}
