using Stele.Core.Faults;
using Stele.Core.Limits;

namespace Stele.Core.Schemas;

/// <summary>Collects why a text is not a schema that can be used, each with its place in the text.</summary>
sealed class SchemaRefusals(SchemaDocument own, string pointer, List<Problem> problems)
{
    readonly int before = problems.Count;

    public bool Any => problems.Count > before;

    /// <summary>Adds a problem at a node. What a document at hand is blamed for is told of the schema that refers to it.</summary>
    public void Add(SchemaDocument document, int node, string rule, string message) =>
        Add(document == own ? own.Tape.Pointer(node) : "", rule, message);

    public void Add(string place, string rule, string message)
    {
        if (problems.Count - before < SteleLimits.BodyProblems.Value) problems.Add(Problem.Body(pointer + place, rule, message));
    }
}
