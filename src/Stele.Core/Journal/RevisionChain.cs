using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Core.Journal;

/// <summary>
/// The hash chain of a journal, format 1: chain(r) = SHA-256(chain(r-1) ‖ fields of r), each field preceded by its length
/// as four bytes, big-endian. The fields are org (4 bytes), revision (8), at in microseconds (8), actor (UTF-8), request id
/// (16, RFC 9562 order), hash of the reason (SHA-256 of its UTF-8, or empty when there is none), and for each event its id
/// (16), ordinal (4), stream, stream version (8), type, data hash (32). Numbers are big-endian.
/// </summary>
public static class RevisionChain
{
    /// <summary>Bytes of a chain.</summary>
    public const int Bytes = 32;

    /// <summary>The chain before the first revision: zeros.</summary>
    public static byte[] Genesis => new byte[Bytes];

    /// <summary>The chain after a revision; the record's own <see cref="RevisionRecord.Chain"/> is not read.</summary>
    public static byte[] Next(ReadOnlySpan<byte> previous, RevisionRecord revision)
    {
        var writer = new Writer(stackalloc byte[1024]);
        writer.Raw(previous);
        writer.Int32(revision.Org.Value);
        writer.Int64(revision.Revision);
        writer.Int64(revision.At.Microseconds);
        writer.Text(revision.Actor);
        writer.Guid(revision.RequestId);
        writer.Hash(revision.Reason);
        foreach (var e in revision.Events)
        {
            writer.Guid(e.EventId);
            writer.Int32(e.Ordinal);
            writer.Text(e.Stream);
            writer.Int64(e.StreamVersion);
            writer.Text(e.Type);
            writer.Field(e.DataHash);
        }
        var chain = SHA256.HashData(writer.Written);
        writer.Release();
        return chain;
    }

    ref struct Writer(Span<byte> initial)
    {
        Span<byte> buffer = initial;
        byte[]? rented;
        int length;

        public readonly ReadOnlySpan<byte> Written => buffer[..length];

        public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Next(bytes.Length));

        public void Field(ReadOnlySpan<byte> bytes)
        {
            Length(bytes.Length);
            Raw(bytes);
        }

        public void Int32(int value)
        {
            Length(4);
            BinaryPrimitives.WriteInt32BigEndian(Next(4), value);
        }

        public void Int64(long value)
        {
            Length(8);
            BinaryPrimitives.WriteInt64BigEndian(Next(8), value);
        }

        public void Guid(Guid value)
        {
            Length(16);
            value.TryWriteBytes(Next(16), bigEndian: true, out _);
        }

        public void Text(string value)
        {
            var count = Encoding.UTF8.GetByteCount(value);
            Length(count);
            Encoding.UTF8.GetBytes(value, Next(count));
        }

        public void Hash(string? value)
        {
            if (value is null) Length(0);
            else Field(SHA256.HashData(Encoding.UTF8.GetBytes(value)));
        }

        public void Release()
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
            rented = null;
        }

        void Length(int count) => BinaryPrimitives.WriteInt32BigEndian(Next(4), count);

        Span<byte> Next(int count)
        {
            if (length + count > buffer.Length) Grow(length + count);
            var span = buffer.Slice(length, count);
            length += count;
            return span;
        }

        void Grow(int needed)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, buffer.Length * 2));
            buffer[..length].CopyTo(larger);
            Release();
            rented = larger;
            buffer = larger;
        }
    }
}
