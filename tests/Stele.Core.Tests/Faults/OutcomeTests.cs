using Stele.Core.Faults;
using Xunit;

namespace Stele.Core.Tests.Faults;

public sealed class OutcomeTests
{
    static readonly Fault Refused = new(FaultCode.NotFound, "There is no such key.");

    [Fact]
    public void A_value_comes_back_without_a_fault()
    {
        Outcome<string> outcome = "done";
        Assert.Null(outcome.Fault);
        Assert.Equal("done", outcome.Value);
        Assert.True(outcome.TryGet(out var value, out var fault));
        Assert.Equal("done", value);
        Assert.Null(fault);
    }

    [Fact]
    public void A_fault_comes_back_without_a_value()
    {
        Outcome<string> outcome = Refused;
        Assert.Same(Refused, outcome.Fault);
        Assert.False(outcome.TryGet(out var value, out var fault));
        Assert.Null(value);
        Assert.Same(Refused, fault);
    }

    [Fact]
    public void Asking_a_refusal_for_its_value_is_a_bug_and_says_which()
    {
        Outcome<int> outcome = Refused;
        var thrown = Assert.Throws<InvalidOperationException>(() => outcome.Value);
        Assert.Contains("NotFound: There is no such key.", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_default_value_of_a_type_is_a_value()
    {
        Outcome<int> outcome = 0;
        Assert.True(outcome.TryGet(out var value, out _));
        Assert.Equal(0, value);
    }

    [Fact]
    public void One_broken_rule_is_the_detail_and_several_are_counted()
    {
        var one = Problem.Body("/value", "json.nul", "A string cannot hold U+0000.");
        var two = Problem.Query("limit", "limit.range", "limit is 1 to 1000.");
        Assert.Equal((FaultCode.Invalid, one.Message), (Fault.Invalid(one).Code, Fault.Invalid(one).Detail));
        Assert.Equal("2 rules are broken; errors lists them.", Fault.Invalid([one, two]).Detail);
        Assert.Equal([one, two], Fault.Invalid([one, two]).Problems);
        Assert.Equal(1, Fault.Unavailable("The primary does not answer.").RetryAfterSeconds);
    }

    [Fact]
    public void Problems_name_their_place()
    {
        Assert.Equal(ProblemPlace.Body, Problem.Body("", "r", "m").Place);
        Assert.Equal(ProblemPlace.Query, Problem.Query("q", "r", "m").Place);
        Assert.Equal(ProblemPlace.Path, Problem.Path("p", "r", "m").Place);
        Assert.Equal(ProblemPlace.Header, Problem.Header("h", "r", "m").Place);
    }
}
