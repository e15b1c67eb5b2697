using System.IO.Pipelines;
using Stele.Server.Gateway.Grpc;
using Xunit;

namespace Stele.Fuzz;

/// <summary>What was found and is no input that does it each time.</summary>
public sealed class RepairTests
{
    [Fact]
    public async Task A_stream_that_the_client_resets_is_a_request_that_ends_in_the_middle()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(new byte[] { 0, 0 });
        var reading = GrpcFrames.Read(pipe.Reader, null, CancellationToken.None);
        await pipe.Writer.CompleteAsync(new IOException("The request stream was aborted."));
        var (message, breach) = await reading;
        Assert.Null(message);
        Assert.Equal("The request ends in the middle of a message.", breach!.Message);
    }
}
