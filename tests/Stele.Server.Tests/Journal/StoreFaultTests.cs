using System.Data;
using Npgsql;
using Stele.Server.Journal;
using Xunit;

namespace Stele.Server.Tests.Journal;

public sealed class StoreFaultTests
{
    public static TheoryData<Exception, ConnectionState, bool> Ends => new()
    {
        { new OperationCanceledException(), ConnectionState.Open, true },
        { new InvalidOperationException("Connection is not open"), ConnectionState.Closed, true },
        { new InvalidOperationException("Connection is not open"), ConnectionState.Broken, true },
        // thirty minutes of real faults had five writes answered with 500 for it: the driver had put away the stream of a connection that it called open
        { new ObjectDisposedException("System.Net.Sockets.NetworkStream"), ConnectionState.Open, true },
        { new ObjectDisposedException(nameof(NpgsqlConnection)), ConnectionState.Closed, true },
        // errors of our own are told as such
        { new InvalidOperationException("A command is already in progress"), ConnectionState.Open, false },
        { new ArgumentException("not a parameter"), ConnectionState.Closed, false },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void An_append_whose_connection_was_put_away_under_it_has_no_answer_and_is_no_error_of_the_node(Exception e, ConnectionState connection, bool isCut)
    {
        Assert.Equal(isCut, StoreFaults.IsCut(e, connection));
        // whether anything had been sent is the caller's to know; nothing more is known of it here
        if (isCut) Assert.Equal(AppendStatus.Unknown, StoreFaults.Classify(e).Status);
    }
}
