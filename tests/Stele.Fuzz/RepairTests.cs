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

    [Fact]
    public async Task A_connection_that_is_reset_while_a_message_is_taken_from_it_is_a_request_that_ends_in_the_middle()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(new byte[] { 0, 0, 0, 0, 1, 7 });
        var (message, breach) = await GrpcFrames.Read(new ResetReader(pipe.Reader), null, CancellationToken.None);
        Assert.Null(message);
        Assert.Equal("The request ends in the middle of a message.", breach!.Message);
    }

    /// <summary>A request's body of Kestrel when its connection was faulted after the last read.</summary>
    sealed class ResetReader(PipeReader reader) : PipeReader
    {
        public override void AdvanceTo(SequencePosition consumed) => throw new IOException("The request stream was aborted.");

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => throw new IOException("The request stream was aborted.");

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => reader.ReadAsync(cancellationToken);

        public override bool TryRead(out ReadResult result) => reader.TryRead(out result);

        public override void CancelPendingRead() => reader.CancelPendingRead();

        public override void Complete(Exception? exception = null) => reader.Complete(exception);
    }
}
