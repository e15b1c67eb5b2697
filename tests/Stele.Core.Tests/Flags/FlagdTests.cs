using System.Text.Json;
using Stele.Core.Flags;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>
/// Suite/flagd.json: seeded random flags and contexts, and what flagd's evaluator in JavaScript (@openfeature/flagd-core
/// 4.0.1) answered, as it was run.
/// </summary>
/// <remarks>Where its JsonLogic library leaves the reference implementation (numbers beside texts in ==, nothing in cat), no case goes: here the reference counts.</remarks>
public sealed class FlagdTests
{
    [Fact]
    public void Every_flag_answers_what_flagds_own_evaluator_answers()
    {
        using var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Flags", "Suite", "flagd.json")));
        var wrong = new List<string>();
        var count = 0;
        foreach (var test in file.RootElement.EnumerateArray())
        {
            var (name, flag, context, expected) = (test[0].GetString()!, test[1].GetRawText(), test[2].GetRawText(), test[3]);
            var answer = FlagText.Set((name, flag)).Evaluate(name, FlagText.Context(context), FlagText.Now);
            // flagd does not say where a bucket decided
            var reason = answer.Reason == FlagReason.Split ? FlagReason.TargetingMatch : answer.Reason;
            var actual = $"{answer.Variant?.Name} {reason.Name()} {answer.Error.Name()}";
            count++;
            if (actual != $"{expected.GetProperty("variant").GetString()} {expected.GetProperty("reason").GetString()} {expected.GetProperty("error").GetString()}")
                wrong.Add($"{name} {flag} for {context} is {expected.GetRawText()}, here {actual}");
        }
        Assert.True(count >= 700, $"only {count} cases");
        Assert.True(wrong.Count == 0, $"{wrong.Count} of {count}:\n{string.Join('\n', wrong.OrderBy(line => line.Length).Take(25))}");
    }
}
