using Stele.Core.Faults;
using Stele.Core.Limits;
using Stele.Core.Schemas;
using Stele.Fuzz.Making;
using Stele.Fuzz.Running;
using Stele.Simulation.Scheduling;

namespace Stele.Fuzz.Pure;

/// <summary>Schemas and values of anyone: compiled or refused with reasons, and checked within a budget.</summary>
internal static class SchemaSurface
{
    public static ISurface Surface() => new PureSurface("schema", "a schema and values: compiled or refused with reasons; a check ends within its budget, and says the same with and without reasons", Make, Accepts);

    static byte[] Make(Dice dice)
    {
        var json = new JsonMaker(dice);
        var schema = new SchemaMaker(json);
        return json.Bytes($"[{schema.Schema(4)},{schema.Value()},{json.Any(3)}]");
    }

    static bool Accepts(byte[] input)
    {
        if (JsonSurface.Parts(input, 3) is not [var text, var first, var second]) return false;
        var problems = new List<Problem>();
        var schema = JsonSchema.Compile(text, "/schema", problems);
        FuzzFinding.Unless(schema is null == problems.Count > 0, () => $"compiled: {schema is not null}, with {problems.Count} problems");
        foreach (var problem in problems)
            FuzzFinding.Unless(problem.Rule.StartsWith("schema.", StringComparison.Ordinal) && problem.Name.StartsWith("/schema", StringComparison.Ordinal) && problem.Message.Length > 0, () => $"a problem that names nothing: {problem}");
        if (schema is null) return false;
        foreach (var value in (byte[][])[first, second])
        {
            var errors = new List<SchemaError>();
            var (quick, slow) = (schema.Validate(value), schema.Validate(value, errors));
            FuzzFinding.Unless(quick == slow, () => $"{quick} without reasons, {slow} with them");
            FuzzFinding.Unless(quick == SchemaVerdict.Valid == (errors.Count == 0), () => $"{quick} with {errors.Count} errors");
            FuzzFinding.Unless(errors.Count <= SteleLimits.BodyProblems.Value, () => $"{errors.Count} errors");
        }
        return true;
    }
}
