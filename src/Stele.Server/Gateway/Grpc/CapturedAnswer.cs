using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace Stele.Server.Gateway.Grpc;

/// <summary>An answer as an endpoint gives it to HTTP, kept instead of sent: it becomes a message, or trailers.</summary>
internal sealed class CapturedAnswer : IHttpResponseFeature, IHttpResponseBodyFeature
{
    readonly MemoryStream body = new();
    readonly Stack<(Func<object, Task> Callback, object State)> starting = new(), completed = new();
    PipeWriter? writer;

    public int StatusCode { get; set; } = StatusCodes.Status200OK;

    public string? ReasonPhrase { get; set; }

    public IHeaderDictionary Headers { get; set; } = new HeaderDictionary();

    public bool HasStarted { get; private set; }

    /// <summary>The interface's own; endpoints write to <see cref="Writer"/> or <see cref="Stream"/>.</summary>
    public Stream Body { get => body; set => throw new NotSupportedException(); }

    public Stream Stream => body;

    public PipeWriter Writer => writer ??= PipeWriter.Create(body, new StreamPipeWriterOptions(leaveOpen: true));

    /// <summary>All that was written, once the endpoint is done.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> Whole()
    {
        await StartAsync();
        if (writer is not null) await writer.FlushAsync();
        return body.GetBuffer().AsMemory(0, (int)body.Length);
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
        SendFileFallback.SendFileAsync(body, path, offset, count, cancellationToken);
}
