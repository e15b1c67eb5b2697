using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Stele.Server.Gateway.Grpc;

/// <summary>An answer as an endpoint gives it to HTTP, kept instead of sent: it becomes a message, or trailers. What was kept is zeroed at the end of the call.</summary>
internal sealed class CapturedAnswer : IHttpResponseFeature, IHttpResponseBodyFeature, IDisposable
{
    readonly KeptBytes body = new();
    readonly Stack<(Func<object, Task> Callback, object State)> starting = new(), completed = new();
    Stream? stream;

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public bool HasStarted { get; private set; }

    /// <summary>The interface's own; endpoints write to <see cref="Writer"/> or <see cref="Stream"/>.</summary>
    public Stream Body { get => Stream; set => throw new NotSupportedException(); }

    public Stream Stream => stream ??= body.AsStream(leaveOpen: true);

    public PipeWriter Writer => body;

    /// <summary>All that was written, once the endpoint is done.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> Whole()
    {
        await StartAsync();
        return body.Written;
    }

    /// <summary>What asked to be told of the end.</summary>
    public async Task Complete()
    {
        while (completed.TryPop(out var told)) await told.Callback(told.State);
    }

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (HasStarted) return;
        while (starting.TryPop(out var told)) await told.Callback(told.State);
        HasStarted = true;
    }

    public Task CompleteAsync() => StartAsync();

    public void DisableBuffering()
    {
        // nothing is sent before the end anyway
    }

    public void OnStarting(Func<object, Task> callback, object state) => starting.Push((callback, state));

    public void OnCompleted(Func<object, Task> callback, object state) => completed.Push((callback, state));

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => body.Dispose();

    /// <summary>A writer that keeps everything.</summary>
    sealed class KeptBytes : PipeWriter, IDisposable
    {
        const int LeastBytes = 1 << 10;

        readonly SecretBuffer buffer = new(LeastBytes);
        int length;

        public ReadOnlyMemory<byte> Written => buffer.Memory[..length];

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            var needed = length + Math.Max(sizeHint, 1);
            if (needed > buffer.Length) buffer.Resize(Math.Max(needed, 2 * buffer.Length));
            return buffer.Memory[length..];
        }

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public override void Advance(int bytes) => length += bytes;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => new(new FlushResult(isCanceled: false, isCompleted: false));

        public override void CancelPendingFlush()
        {
            // none is ever pending
        }

        public override void Complete(Exception? exception = null)
        {
            // the call's end is the end
        }

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => 0;

        public void Dispose() => buffer.Dispose();
    }
}
