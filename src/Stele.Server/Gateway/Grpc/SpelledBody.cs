using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http.Features;

namespace Stele.Server.Gateway.Grpc;

/// <summary>The body that a message is spelt as: read where it was written, so that no copy of it stays behind, and zeroed at the end of its call.</summary>
internal sealed class SpelledBody(JsonText json) : IRequestBodyPipeFeature, IDisposable
{
    /// <inheritdoc/>
    public PipeReader Reader { get; } = PipeReader.Create(new ReadOnlySequence<byte>(json.Memory));

    /// <summary>The same bytes.</summary>
    public Stream Stream => MemoryMarshal.TryGetArray(json.Memory, out var bytes) ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false) : Stream.Null;

    /// <inheritdoc/>
    public void Dispose() => json.Dispose();
}
