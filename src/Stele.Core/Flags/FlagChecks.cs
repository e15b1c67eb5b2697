using Stele.Core.Faults;
using Stele.Core.Flags.Rules;
using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Core.Flags;

/// <summary>
/// Whether what flags and shared rules refer to is there, and leads nowhere in circles or too deep: rules
/// <c>flag.reference</c>, <c>flag.prerequisite</c>, <c>flag.cycle</c>, <c>flag.levels</c>.
/// </summary>
public static class FlagChecks
{
    /// <summary>Notes what is wrong with a flag's references in the set that it is to be in.</summary>
    /// <param name="set">The set with the flag.</param>
    /// <param name="flag">The flag.</param>
    /// <param name="pointer">The definition's JSON pointer in what the caller was sent. In a short form there is nothing that refers.</param>
    /// <param name="problems">Gets them.</param>
    /// <param name="isRead">Whether anything may read it (<see cref="ReadKeys"/>): what does may become too deep by it.</param>
    public static void Refuse(FlagSet set, Flag flag, string pointer, List<Problem> problems, bool isRead = true)
    {
        if (flag.Definition.Rule is { } rule) Refuse(set, new Subject(flag.Name, IsRule: false), rule.Reads, place => pointer + place, problems, isRead);
    }

    /// <summary>Notes what is wrong with a shared rule's references in the set that it is to be in.</summary>
    /// <param name="set">The set with the shared rule.</param>
    /// <param name="shared">The shared rule.</param>
    /// <param name="pointer">The rule's JSON pointer in what the caller was sent.</param>
    /// <param name="problems">Gets them.</param>
    /// <param name="isRead">Whether anything may read it (<see cref="ReadKeys"/>): what does may become too deep by it.</param>
    public static void Refuse(FlagSet set, SharedRule shared, string pointer, List<Problem> problems, bool isRead = true) =>
        Refuse(set, new Subject(shared.Name, IsRule: true), shared.Rule.Reads, place => pointer + place[place.IndexOf('/', "/$evaluators/".Length)..], problems, isRead);

    /// <summary>The shared rules that an item refers to directly.</summary>
    public static IEnumerable<string> SharedRules(FlagSet set, FlagKey key) => key.Kind is FlagItemKind.Flag or FlagItemKind.Rule
        ? ReadsOf(set, new Subject(key.Name, key.Kind == FlagItemKind.Rule))?.Shared.Select(reference => reference.Name).Distinct() ?? [] : [];

    /// <summary>The keys of all that is read by something in a set, in one pass: of most flags nothing is.</summary>
    public static HashSet<string> ReadKeys(FlagSet set)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var flag in set.Flags)
            if (Refers(flag.Text.Span)) Add(flag.Definition.Rule?.Reads);
        foreach (var rule in set.Rules)
            if (Refers(rule.Text.Span)) Add(rule.Rule.Reads);
        return keys;

        // almost no text does: only those that do are compiled
        static bool Refers(ReadOnlySpan<byte> text) => text.IndexOf("\"$ref\":"u8) >= 0 || text.IndexOf("\"flag\":"u8) >= 0;

        void Add(RuleReads? reads)
        {
            foreach (var (next, _) in Next(reads)) keys.Add(next.IsRule ? FlagKey.RulePrefix + next.Name : next.Name);
        }
    }

    /// <summary>What reads a flag or a shared rule directly: the flags and shared rules, as a message names them.</summary>
    /// <param name="set">The set in which they are.</param>
    /// <param name="name">What is read; it need not be in the set.</param>
    /// <param name="isRule">Whether that is a shared rule.</param>
    public static IEnumerable<string> Readers(FlagSet set, string name, bool isRule) => Readers(set, new Subject(name, isRule)).Select(reader => $"{reader}");

    static IEnumerable<Subject> Readers(FlagSet set, Subject subject)
    {
        // almost no text names it: only those that do are compiled
        var quoted = CanonicalJson.FromString(subject.Name);
        foreach (var flag in set.Flags)
            if (flag.Text.Span.IndexOf(quoted) >= 0 && Next(flag.Definition.Rule?.Reads).Any(next => next.Next == subject)) yield return new Subject(flag.Name, false);
        foreach (var rule in set.Rules)
            if (rule.Text.Span.IndexOf(quoted) >= 0 && Next(rule.Rule.Reads).Any(next => next.Next == subject)) yield return new Subject(rule.Name, true);
    }

    /// <summary>How many levels lie above a subject, as far as the limit cares: what reads it is as deep as it is, and one more.</summary>
    static int Height(FlagSet set, Subject subject, int level = 0) =>
        level > SteleLimits.FlagLevels.Value ? level : Readers(set, subject).Select(reader => Height(set, reader, level + 1)).DefaultIfEmpty(level).Max();

    static void Refuse(FlagSet set, Subject subject, RuleReads reads, Func<string, string> at, List<Problem> problems, bool isRead)
    {
        var before = problems.Count;
        foreach (var (next, place) in Next(reads))
        {
            if (problems.Count - before >= SteleLimits.BodyProblems.Value) return;
            if (ReadsOf(set, next) is null)
                problems.Add(Problem.Body(at(place), next.IsRule ? "flag.reference" : "flag.prerequisite", $"There is no {next} in this environment."));
            else if (next == subject || Leads(set, next, subject))
                problems.Add(Problem.Body(at(place), "flag.cycle", $"This leads back to the {subject}, through the {next}."));
        }
        if (problems.Count > before || Depth(set, subject, []) is not (> 0 and var depth)) return;
        if (depth > SteleLimits.FlagLevels.Value)
            problems.Add(Problem.Body(at(Next(reads).First().Place), "flag.levels", $"Shared rules and prerequisites nest at most {SteleLimits.FlagLevels.Value} levels; from here it is more."));
        else if (isRead && depth + Height(set, subject) is > 0 and var whole && whole > SteleLimits.FlagLevels.Value)
            problems.Add(Problem.Body(at(Next(reads).First().Place), "flag.levels", $"Shared rules and prerequisites nest at most {SteleLimits.FlagLevels.Value} levels; for what reads this it would be {whole}."));
    }

    /// <summary>Whether one leads to another, over any number of steps.</summary>
    static bool Leads(FlagSet set, Subject from, Subject to)
    {
        var seen = new HashSet<Subject> { from };
        var open = new Queue<Subject>(seen);
        while (open.TryDequeue(out var subject))
            foreach (var (next, _) in Next(ReadsOf(set, subject)))
            {
                if (next == to) return true;
                if (seen.Add(next)) open.Enqueue(next);
            }
        return false;
    }

    /// <summary>How many levels lie below a subject, as far as the limit cares.</summary>
    static int Depth(FlagSet set, Subject subject, HashSet<(Subject, int)> seen, int level = 0)
    {
        var deepest = level;
        if (level > SteleLimits.FlagLevels.Value || !seen.Add((subject, level))) return deepest;
        foreach (var (next, _) in Next(ReadsOf(set, subject))) deepest = Math.Max(deepest, Depth(set, next, seen, level + 1));
        return deepest;
    }

    static IEnumerable<(Subject Next, string Place)> Next(RuleReads? reads) => reads is null ? []
        : reads.Shared.Select(reference => (new Subject(reference.Name, true), reference.Pointer)).Concat(reads.Prerequisites.Select(flag => (new Subject(flag.Name, false), flag.Pointer)));

    static RuleReads? ReadsOf(FlagSet set, Subject subject)
    {
        if (subject.IsRule) return set.Rules.TryGetValue(subject.Name, out var shared) ? shared.Rule.Reads : null;
        return set.Flags.TryGetValue(subject.Name, out var flag) ? flag.Definition.Rule?.Reads ?? new RuleReads() : null;
    }

    readonly record struct Subject(string Name, bool IsRule)
    {
        public override string ToString() => IsRule ? $"shared rule '{Name}'" : $"flag '{Name}'";
    }
}
