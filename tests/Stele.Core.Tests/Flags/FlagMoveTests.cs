using System.Text;
using Stele.Core.Flags;
using Stele.Core.Journal;
using Xunit;

namespace Stele.Core.Tests.Flags;

/// <summary>What a change moves, held against counting subjects; and that there is no number where there can be none.</summary>
public sealed class FlagMoveTests
{
    [Theory]
    [InlineData("""{"enabled":true,"percentage":10}""", """{"enabled":true,"percentage":25}""", 0.15)]
    [InlineData("""{"enabled":true,"percentage":10}""", """{"enabled":true,"percentage":10}""", 0)]
    [InlineData("""{"enabled":true,"percentage":10}""", """{"enabled":true}""", 0.9)]
    [InlineData("""{"enabled":true,"percentage":10}""", """{"enabled":false,"percentage":10}""", 0.1)]
    [InlineData("""{"enabled":true,"target_users":["a"]}""", """{"enabled":true,"target_users":["a"],"percentage":5}""", 0.05)]
    [InlineData("""{"enabled":true,"target_users":["a"],"percentage":5}""", """{"enabled":true,"target_users":["a"],"percentage":100}""", 0.95)]
    [InlineData("""{"enabled":true}""", """{"enabled":false}""", 1)]
    [InlineData("""{"fractional":[["a",1],["b",2]]}""", """{"fractional":[["a",3],["b",4]]}""", 2.0 / 21)]
    [InlineData("""{"fractional":[["a",50],["b",50]]}""", """{"fractional":[["b",50],["a",50]]}""", 1)]
    [InlineData("""{"fractional":[["a",1],["b",1]]}""", """{"fractional":[["a"],["b"]]}""", 0)]
    [InlineData("""{"fractional":[["a",1],["b",1],["c",2]]}""", """{"fractional":[["a",1],["c",1],["b",2]]}""", 0.75)]
    [InlineData("""{"fractional":[{"var":"org"},["a",20],["b",80]]}""", """{"fractional":[{"var":"org"},["a",30],["b",70]]}""", 0.1)]
    [InlineData("""{"fractional":[["a",20],["b",80]]}""", """{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":"targetingKey"}]},["a",30],["b",70]]}""", 0.1)]
    [InlineData("""{"if":[{"==":[{"var":"x"},1]},"c",{"fractional":[["a",20],["b",80]]}]}""", """{"if":[{"==":[{"var":"x"},1]},"c",{"fractional":[["a",40],["b",60]]}]}""", 0.2)]
    public void Ranges_under_one_key_move_exactly(string before, string after, double share)
    {
        Assert.Equal(new FlagMove(share, null), Between(before, after));
        if (before.Contains("if", StringComparison.Ordinal) || before.Contains("target_users", StringComparison.Ordinal) || before.Contains("org", StringComparison.Ordinal)) return;
        // the same, counted
        var moved = 0;
        var (one, other) = (new Flag("flag", Entry(before).Text!), new Flag("flag", Entry(after).Text!));
        for (var i = 0; i < 4_000; i++)
        {
            var context = FlagContext.Parse(Encoding.UTF8.GetBytes($$"""{"targetingKey":"user-{{i}}"}"""), "").Value;
            if (FlagSet.Empty.Evaluate(one, context, default).Variant?.Name != FlagSet.Empty.Evaluate(other, context, default).Variant?.Name) moved++;
        }
        Assert.InRange(moved / 4_000.0, share - 0.03, share + 0.03);
    }

    [Theory]
    [InlineData("""{"fractional":[{"var":"org"},["a",20],["b",80]]}""", """{"fractional":[["a",30],["b",70]]}""", "bucket key")]
    [InlineData("""{"if":[{"==":[{"var":"x"},1]},"a","b"]}""", """{"if":[{"==":[{"var":"x"},2]},"a","b"]}""", "Conditions")]
    [InlineData("""{"if":[{"==":[{"var":"x"},1]},"a","b"]}""", """{"if":[{"==":[{"var":"x"},1]},"c","b"]}""", "Conditions")]
    [InlineData("""{"enabled":false}""", """{"enabled":true,"target_users":["a"]}""", "Conditions")]
    [InlineData("""{"enabled":true,"target_users":["a"]}""", """{"enabled":true,"target_users":["a","b"]}""", "Conditions")]
    [InlineData("""{"fractional":[["a",20],["b",80]]}""", """{"fractional":[["a",{"var":"w"}],["b",80]]}""", "")]
    [InlineData("""{"enabled":true,"percentage":5}""", """{"enabled":true,"schedule":[["2026-01-01T00:00:00Z",5]]}""", "")]
    [InlineData("""{"if":[{"var":"x"},{"fractional":[["a",20],["b",80]]},{"fractional":[["a",20],["b",80]]}]}""", """{"if":[{"var":"x"},{"fractional":[["a",30],["b",70]]},{"fractional":[["a",30],["b",70]]}]}""", "Several")]
    public void Where_there_is_no_exact_number_there_is_a_reason(string before, string after, string reason)
    {
        var move = Between(before, after);
        Assert.Null(move.Share);
        Assert.Contains(reason, move.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_flag_moves_nobody_and_a_kill_switch_everybody_who_had_a_variant()
    {
        var flag = Entry("""{"fractional":[["a",1],["b",1]]}""");
        Assert.Null(FlagMove.Between(null, flag).Share);
        Assert.Equal(1, FlagMove.Between(flag, flag with { Killed = true }).Share);
        var brief = Entry("""{"enabled":true,"percentage":30}""");
        Assert.Equal(0.3, FlagMove.Between(brief, brief with { Killed = true }).Share);
    }

    static FlagMove Between(string before, string after) => FlagMove.Between(Entry(before), Entry(after));

    static FlagEntry Entry(string text)
    {
        if (!text.Contains("enabled", StringComparison.Ordinal)) text = $$"""{"state":"ENABLED","variants":{"a":1,"b":2,"c":3},"defaultVariant":"c","targeting":{{text}}}""";
        return new FlagEntry("flag", Encoding.UTF8.GetBytes(text), 1, 1, new Timestamp(0), "x", null, new Timestamp(0), 1);
    }
}
