using System.Buffers;
using System.Text;

namespace Stele.Core.Schemas.Patterns;

/// <summary>
/// Whether a pattern matches anywhere in a text. All threads of the program advance over the text together, each
/// instruction at most once a character (Thompson's construction), so there is nothing to backtrack into. Each instruction
/// looked at is a step of the budget; past it the answer is false and the budget below zero.
/// </summary>
readonly ref struct PatternMatch
{
    readonly PatternStep[] program;
    readonly ReadOnlySpan<byte> text;

    PatternMatch(PatternStep[] program, ReadOnlySpan<byte> text)
    {
        this.program = program;
        this.text = text;
    }

    /// <summary>Looks for a match.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="utf8">Sound UTF-8.</param>
    /// <param name="steps">The budget.</param>
    public static bool In(Pattern pattern, ReadOnlySpan<byte> utf8, ref long steps) =>
        new PatternMatch(pattern.Steps, utf8).Run(0, 0, behind: false, pattern.IsAnchored, ref steps);

    bool Run(int start, int position, bool behind, bool anchored, ref long steps)
    {
        // four rows of the program's length: two lists, an index that both share, and a stack
        var rows = ArrayPool<int>.Shared.Rent(4 * program.Length + 1);
        var index = rows.AsSpan(0, program.Length);
        var now = rows.AsSpan(program.Length, program.Length);
        var next = rows.AsSpan(2 * program.Length, program.Length);
        var stack = rows.AsSpan(3 * program.Length, program.Length + 1);
        // what stands in the index counts only if the list agrees, so it need not be cleared, but must be in range
        index.Clear();
        var (count, found) = (0, false);
        for (var first = true; ; first = false)
        {
            if (first || !anchored) found = Add(start, position, now, ref count, index, stack, ref steps);
            if (found || steps < 0 || (count == 0 && anchored) || position == (behind ? 0 : text.Length)) break;
            var character = behind ? Before(position, out var length) : At(position, out length);
            position += behind ? -length : length;
            var reached = 0;
            for (var i = 0; i < count && !found; i++)
            {
                ref readonly var step = ref program[now[i]];
                if (step.Op == PatternOp.One && step.Set!.Contains(character)) found = Add(now[i] + 1, position, next, ref reached, index, stack, ref steps);
            }
            var swapped = now;
            now = next;
            next = swapped;
            count = reached;
            if (found) break;
        }
        ArrayPool<int>.Shared.Return(rows);
        return found && steps >= 0;
    }

    /// <summary>Adds a thread with all that it reaches without taking a character; true if that is a match.</summary>
    bool Add(int instruction, int position, Span<int> list, ref int count, Span<int> index, Span<int> stack, ref long steps)
    {
        var waiting = 0;
        stack[waiting++] = instruction;
        while (waiting > 0)
        {
            var at = stack[--waiting];
            while (true)
            {
                var seen = index[at];
                if (seen < count && list[seen] == at) break;
                index[at] = count;
                list[count++] = at;
                if (--steps < 0) return false;
                ref readonly var step = ref program[at];
                if (step.Op == PatternOp.Match) return true;
                if (step.Op == PatternOp.One) break;
                if (step.Op == PatternOp.Edge)
                {
                    if (!IsEdge((EdgeKind)step.X, position)) break;
                    at++;
                }
                else if (step.Op == PatternOp.Look)
                {
                    if (Run(step.X, position, step.Behind, anchored: true, ref steps) == step.Negated) break;
                    at = step.Y;
                }
                else
                {
                    if (step.Op == PatternOp.Split) stack[waiting++] = step.Y;
                    at = step.X;
                }
            }
        }
        return false;
    }

    bool IsEdge(EdgeKind kind, int position) => kind switch
    {
        EdgeKind.Begin => position == 0,
        EdgeKind.End => position == text.Length,
        // a byte of a longer character is no word's
        _ => (IsWord(position - 1) != IsWord(position)) == (kind == EdgeKind.Word),
    };

    bool IsWord(int position) => position >= 0 && position < text.Length && (char.IsAsciiLetterOrDigit((char)text[position]) || text[position] == '_');

    int At(int position, out int length)
    {
        length = 1;
        if (text[position] < 0x80) return text[position];
        Rune.DecodeFromUtf8(text[position..], out var rune, out length);
        return rune.Value;
    }

    int Before(int position, out int length)
    {
        length = 1;
        if (text[position - 1] < 0x80) return text[position - 1];
        Rune.DecodeLastFromUtf8(text[..position], out var rune, out length);
        return rune.Value;
    }
}
