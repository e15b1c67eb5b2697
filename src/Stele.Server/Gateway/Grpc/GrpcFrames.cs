using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;
using Stele.Core.Limits;

namespace Stele.Server.Gateway.Grpc;

/// <summary>Messages as they are on the wire: a byte that says whether it is compressed, four bytes of length, the message.</summary>
internal static class GrpcFrames
{
    const int HeadBytes = 5;
    const int CompressedBytesMin = 512;

    static readonly int[] growth = [4 << 10, 64 << 10, 1 << 20];

    /// <summary>The next message, or null at the end of the request, or how what came breaks the protocol.</summary>
    /// <param name="reader">The body.</param>
    /// <param name="encoding">What grpc-encoding says; null: nothing.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public static async ValueTask<(byte[]? Message, GrpcStatus? Breach)> Read(PipeReader reader, string? encoding, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(cancellation);
                var buffer = read.Buffer;
                if (buffer.Length >= HeadBytes)
                {
                    if (Head(buffer, encoding, out var isCompressed, out var length) is { } breach) return (null, breach);
                    if (buffer.Length - HeadBytes >= length)
                    {
                        var payload = buffer.Slice(HeadBytes, length);
                        var outcome = isCompressed ? Decompress(payload) : (payload.ToArray(), null);
                        reader.AdvanceTo(payload.End);
                        return outcome;
                    }
                }
                reader.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted) return (null, buffer.IsEmpty ? null : CutShort);
            }
        }
        catch (IOException)
        {
            // the client reset the stream or the connection, and nobody has heard of it yet: who reads is told, and who says how far he has read
            return (null, CutShort);
        }
    }

    /// <summary>Writes a message; it is sent with the next flush.</summary>
    public static void Write(PipeWriter writer, IMessage message, bool compress)
    {
        var size = message.CalculateSize();
        if (compress && size >= CompressedBytesMin)
        {
            var packed = Compress(message);
            Head(writer, isCompressed: true, packed.Length);
            writer.Write(packed);
            return;
        }
        Head(writer, isCompressed: false, size);
        if (size == 0) return;
        // block by block: what is larger than a block of the connection's would lie in memory that nobody zeroes
        using var whole = new SecretBuffer(size);
        message.WriteTo(whole.Span);
        writer.Write(whole.Span);
    }

    static GrpcStatus? Head(ReadOnlySequence<byte> buffer, string? encoding, out bool isCompressed, out uint length)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        buffer.Slice(0, HeadBytes).CopyTo(head);
        isCompressed = head[0] == 1;
        length = BinaryPrimitives.ReadUInt32BigEndian(head[1..]);
        if (head[0] > 1) return new GrpcStatus(GrpcCode.Internal, $"A message begins with {head[0]}; 0 and 1 are all that there is.");
        if (isCompressed && encoding is not GrpcHeaders.Gzip) return new GrpcStatus(GrpcCode.Internal, "A message is marked as compressed, and grpc-encoding does not say how.");
        return length > GrpcLimits.MessageBytes.Value ? TooLarge : null;
    }

    static void Head(PipeWriter writer, bool isCompressed, int length)
    {
        var head = writer.GetSpan(HeadBytes);
        head[0] = isCompressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(head[1..], (uint)length);
        writer.Advance(HeadBytes);
    }

    // what is unpacked is bounded as it comes: a few bytes may stand for gigabytes
    static (byte[]? Message, GrpcStatus? Breach) Decompress(ReadOnlySequence<byte> payload)
    {
        using var message = new SecretBuffer(growth[0]);
        var length = 0;
        try
        {
            using var gzip = new GZipStream(new MemoryStream(payload.ToArray()), CompressionMode.Decompress);
            while (true)
            {
                var step = length < growth[1] ? growth[0] : length < growth[2] ? growth[1] : growth[2];
                message.Resize(length + step);
                var count = gzip.Read(message.Span[length..]);
                if (count == 0) return (message.Span[..length].ToArray(), null);
                length += count;
                if (length > GrpcLimits.MessageBytes.Value) return (null, TooLarge);
            }
        }
        catch (InvalidDataException)
        {
            return (null, new GrpcStatus(GrpcCode.Internal, "A message is marked as compressed with gzip, and is not."));
        }
    }

    static byte[] Compress(IMessage message)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) message.WriteTo(gzip);
        return packed.ToArray();
    }

    static GrpcStatus CutShort => new(GrpcCode.Internal, "The request ends in the middle of a message.");

    static GrpcStatus TooLarge => new(GrpcCode.ResourceExhausted, $"A message has at most {GrpcLimits.MessageBytes.Value} bytes, unpacked.");
}
