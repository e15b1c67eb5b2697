using Npgsql;
using Stele.Core.Faults;
using Stele.Server.Gateway;
using Xunit;

namespace Stele.Server.Tests.Transport;

/// <summary>What is answered when something was thrown that nobody caught.</summary>
public sealed class GateFaultTests
{
    /// <summary>A session that PostgreSQL ended because its node was too busy to go on with it was answered with 500.</summary>
    [Theory]
    [InlineData("25P03", "FATAL", FaultCode.Unavailable)]
    [InlineData("57P01", "FATAL", FaultCode.Unavailable)]
    [InlineData("57014", "ERROR", FaultCode.Unavailable)]
    [InlineData("53300", "FATAL", FaultCode.Unavailable)]
    [InlineData("42601", "ERROR", FaultCode.Internal)]
    [InlineData("22021", "ERROR", FaultCode.Internal)]
    public void A_database_that_went_away_is_no_bug_of_ours(string state, string severity, FaultCode code) =>
        Assert.Equal(code, RequestGate.FaultOf(new PostgresException("so it said", severity, severity, state)).Code);

    [Fact]
    public void Whatever_else_is_thrown_is_a_bug_or_is_named()
    {
        Assert.Equal(FaultCode.Unavailable, RequestGate.FaultOf(new NpgsqlException("the connection broke")).Code);
        Assert.Equal(FaultCode.Unavailable, RequestGate.FaultOf(new TimeoutException()).Code);
        Assert.Equal(FaultCode.Internal, RequestGate.FaultOf(new InvalidOperationException()).Code);
    }
}
