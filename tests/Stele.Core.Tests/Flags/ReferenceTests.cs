using System.Text.Json;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>
/// Suite/reference.json: rules, data, and what JsonLogic's reference implementation (json-logic-js 2.0.5) makes of them, as
/// it was run. Every operation with every kind of argument, and seeded random rules.
/// </summary>
/// <remarks>
/// One thing is left out on purpose: the reference implementation runs paths that <c>missing</c> finds in the data as rules
/// of their own, so that who sends a context can run logic. Here they are texts.
/// </remarks>
public sealed class ReferenceTests
{
    [Fact]
    public void Every_rule_comes_to_what_the_reference_implementation_makes_of_it()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Flags", "Suite", "reference.json")));
        var data = file.RootElement.GetProperty("data").EnumerateArray().Select(item => item.GetRawText()).ToList();
        var wrong = new List<string>();
        var count = 0;
        foreach (var test in file.RootElement.GetProperty("cases").EnumerateArray())
        {
            var (rule, given, expected) = (test[0].GetRawText(), data[test[1].GetInt32()], test[2].GetRawText());
            // where it throws, the evaluation has an error code
            if (expected == """{"$error":true}""") expected = "error";
            var actual = FlagText.Apply(rule, given);
            count++;
            if (actual != expected) wrong.Add($"{rule} for {given} is {expected}, here {actual}");
        }
        Assert.True(count > 4_000, $"only {count} cases");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {count}:\n{string.Join('\n', wrong.OrderBy(line => line.Length).Take(25))}");
    }

    [Fact]
    public void What_a_context_names_as_a_path_is_never_run_as_a_rule() =>
        Assert.Equal("""[{"cat":["a","b"]}]""", FlagText.Apply("""{"missing":{"var":"keys"}}""", """{"keys":[{"cat":["a","b"]}],"ab":1}"""));
}
