namespace Stele.Core.Flags.Rules;

/// <summary>One share of a <see cref="FractionalNode"/>.</summary>
/// <param name="Variant">What it comes to.</param>
/// <param name="Weight">Its weight, if it is a literal; a negative one counts as 0.</param>
/// <param name="Computed">The rule for its weight, if it is not.</param>
sealed record Share(RuleNode Variant, int Weight, RuleNode? Computed);

/// <summary>
/// <c>fractional</c> as flagd 2026 has it: subjects are spread over shares by the hash of a key. A first argument that is
/// a text is the key, else it is the flag's name and the targeting key. Weights are whole numbers, together at most 2^31-1.
/// What does not fit gives null, and the default variant counts.
/// </summary>
/// <remarks>
/// The variant of a share is evaluated only when the share is chosen. A single share takes everybody, keyed or not. A
/// context without targeting key fails where nothing else was named to bucket by, and gives null where something was,
/// which then is not there.
/// </remarks>
sealed class FractionalNode(RuleSource source, int at, RuleNode? key, Share[] shares, bool isExit) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        Span<int> ends = shares.Length <= 64 ? stackalloc int[shares.Length] : new int[shares.Length];
        if (shares.Length == 1 && key is null)
            return TotalWeight(ref run, ends) > 0 ? Choose(ref run, 0) : RuleValue.Null;
        if (!TryHash(ref run, out var hash)) return RuleValue.Null;
        var total = TotalWeight(ref run, ends);
        if (total <= 0 || run.Steps < 0) return RuleValue.Null;
        var bucket = Murmur3.Bucket(hash, total);
        var share = 0;
        while (ends[share] <= bucket) share++;
        run.Trace?.Split(hash, bucket, total, ends);
        // a variant may be a split of its own, whose bucket then is the one that counts
        if (isExit) (run.Bucket, run.BucketTotal) = (bucket, total);
        return Choose(ref run, share);
    }

    RuleValue Choose(ref RuleRun run, int share)
    {
        var value = shares[share].Variant.Evaluate(ref run);
        return value.Kind is RuleKind.Array or RuleKind.Object or RuleKind.Undefined ? RuleValue.Null : value;
    }

    /// <summary>Fills in where each share ends, and gives the total; negative: the weights are none.</summary>
    int TotalWeight(ref RuleRun run, Span<int> ends)
    {
        long total = 0;
        for (var i = 0; i < shares.Length; i++)
        {
            var weight = (double)shares[i].Weight;
            if (shares[i].Computed is { } computed)
            {
                var value = computed.Evaluate(ref run);
                if (value.Kind != RuleKind.Number || value.Number != Math.Truncate(value.Number) || value.Number > int.MaxValue) return -1;
                weight = Math.Max(0, value.Number);
            }
            total += (long)weight;
            if (total > int.MaxValue) return -1;
            ends[i] = (int)total;
        }
        return (int)total;
    }

    bool TryHash(ref RuleRun run, out uint hash)
    {
        var text = new TextBuffer(stackalloc char[TextBuffer.StackCharacters]);
        var found = AppendKey(ref run, ref text);
        hash = found ? text.Hash() : 0;
        run.Trace?.Key(found ? text.ToString() : null);
        text.Dispose();
        return found && run.Steps >= 0;
    }

    bool AppendKey(ref RuleRun run, ref TextBuffer text)
    {
        if (key is CatNode cat && run.Trace is null)
        {
            cat.AppendTo(ref run, ref text);
            return true;
        }
        if (key is not null)
        {
            var value = key.Evaluate(ref run);
            if (value.Kind == RuleKind.String)
            {
                text.Append(ref run, value.Text);
                return true;
            }
            if (!value.IsNullish) return false;
        }
        if (run.TargetingKey is { } subject)
        {
            if (run.Flag is { } flag) text.Append(ref run, flag.Name);
            text.Append(ref run, subject);
            return true;
        }
        if (key is null) run.Fail(FlagErrorCode.TargetingKeyMissing, "The rule spreads subjects by their targeting key, and the context has none.");
        return false;
    }
}

/// <summary><c>fractional</c> with shares that are only known when it is evaluated: those of a computed array.</summary>
sealed class ComputedFractionalNode(RuleSource source, int at, RuleNode[] arguments, bool isExit) : RuleNode(source, at)
{
    protected override RuleValue Compute(ref RuleRun run)
    {
        var values = RuleArrays.Evaluate(ref run, arguments);
        if (run.Steps < 0) return default;
        var first = values.Length > 0 && values[0].Kind != RuleKind.Array ? 1 : 0;
        var shares = new Share[values.Length - first];
        for (var i = 0; i < shares.Length; i++)
        {
            if (Literal(values[first + i]) is not { } share) return RuleValue.Null;
            shares[i] = share;
        }
        if (shares.Length == 0) return RuleValue.Null;
        var key = first == 0 ? null : new LiteralNode(Source, At, values[0]);
        return new FractionalNode(Source, At, key, shares, isExit) { Operation = Operation }.Evaluate(ref run);
    }

    Share? Literal(RuleValue share)
    {
        if (share.Kind != RuleKind.Array || share.Count is 0 or > 2) return null;
        RuleValue variant = default, weight = RuleValue.Of(1);
        var index = 0;
        foreach (var item in share)
        {
            if (index++ == 0) variant = item;
            else weight = item;
        }
        return new Share(new LiteralNode(Source, At, variant), 0, new LiteralNode(Source, At, weight));
    }
}
