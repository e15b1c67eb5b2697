using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Stele.Core.Journal;

namespace Stele.Core.Audit;

/// <summary>An entry of an org's audit log as it is stored.</summary>
/// <param name="Org">The org; 0 is the installation.</param>
/// <param name="Sequence">From 1, without gaps.</param>
/// <param name="At">When.</param>
/// <param name="Action">What was done, or tried.</param>
/// <param name="Actor">By whom: an opaque id.</param>
/// <param name="Target">To what; null: nothing in particular.</param>
/// <param name="Environment">In which environment; null: in none.</param>
/// <param name="Outcome"><c>allowed</c> or <c>refused</c>.</param>
/// <param name="Code">Why it was refused; else null.</param>
/// <param name="Times">How often.</param>
/// <param name="RequestId">The request that it was, the last of them where there were several.</param>
/// <param name="Address">Where it came from; null: not known.</param>
/// <param name="Detail">What else there is to say; null: nothing.</param>
/// <param name="Chain">The chain there.</param>
public sealed record AuditRecord(
    OrgId Org, long Sequence, Timestamp At, string Action, string Actor, string? Target, string? Environment, string Outcome, string? Code, int Times,
    Guid RequestId, string? Address, string? Detail, byte[] Chain);

/// <summary>
/// The hash chain of an audit log: chain(n) = SHA-256(chain(n-1) ‖ org (4 bytes) ‖ sequence (8) ‖ at in microseconds (8) ‖ action ‖
/// actor ‖ target ‖ environment ‖ outcome ‖ code ‖ times (4) ‖ request id (16, RFC 9562 order) ‖ address ‖ detail). Numbers are big-endian; a
/// text is its length in four bytes and its UTF-8, a null four bytes of ones. <c>stele.append_audit</c> makes it; this checks it.
/// </summary>
public static class AuditChain
{
    /// <summary>Bytes of a chain.</summary>
    public const int Bytes = SHA256.HashSizeInBytes;

    /// <summary>The chain before the first entry: zeros.</summary>
    public static byte[] Genesis => new byte[Bytes];

    /// <summary>The chain after an entry; the record's own <see cref="AuditRecord.Chain"/> is not read.</summary>
    public static byte[] Next(ReadOnlySpan<byte> previous, AuditRecord entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[sizeof(long)];
        hash.AppendData(previous);
        Int32(hash, entry.Org.Value);
        BinaryPrimitives.WriteInt64BigEndian(number, entry.Sequence);
        hash.AppendData(number);
        BinaryPrimitives.WriteInt64BigEndian(number, entry.At.Microseconds);
        hash.AppendData(number);
        Text(hash, entry.Action);
        Text(hash, entry.Actor);
        Text(hash, entry.Target);
        Text(hash, entry.Environment);
        Text(hash, entry.Outcome);
        Text(hash, entry.Code);
        Int32(hash, entry.Times);
        Span<byte> id = stackalloc byte[16];
        entry.RequestId.TryWriteBytes(id, bigEndian: true, out _);
        hash.AppendData(id);
        Text(hash, entry.Address);
        Text(hash, entry.Detail);
        return hash.GetHashAndReset();
    }

    static void Int32(IncrementalHash hash, int value)
    {
        Span<byte> number = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(number, value);
        hash.AppendData(number);
    }

    static void Text(IncrementalHash hash, string? text)
    {
        if (text is null)
        {
            Int32(hash, -1);
            return;
        }
        var bytes = Encoding.UTF8.GetBytes(text);
        Int32(hash, bytes.Length);
        hash.AppendData(bytes);
    }
}
