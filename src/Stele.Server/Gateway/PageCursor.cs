using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;
using Stele.Core.Faults;

namespace Stele.Server.Gateway;

/// <summary>
/// Where a list goes on: at which revisions it is read, so that all pages show one moment, and after which item. It is
/// bound to its query by a hash of the query's name and parameters. Opaque, and not signed: what a forged one can name,
/// its caller can ask for.
/// </summary>
/// <param name="Revision">The revision of all pages.</param>
/// <param name="OtherRevision">The second one of a comparison, else 0.</param>
/// <param name="After">The last item that was answered.</param>
internal readonly record struct PageCursor(long Revision, long OtherRevision, string After)
{
    const int HashBytes = 8;
    const int HeadBytes = HashBytes + 2 * sizeof(long);
    const int TextCharactersMax = 2_048;

    /// <summary>The text that a client sends back.</summary>
    /// <param name="query">What the query is, its parameters included; see <see cref="TryParse"/>.</param>
    public string Encode(params ReadOnlySpan<string> query)
    {
        var bytes = new byte[HeadBytes + Encoding.UTF8.GetByteCount(After)];
        Hash(query, bytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(HashBytes), Revision);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(HashBytes + sizeof(long)), OtherRevision);
        Encoding.UTF8.GetBytes(After, bytes.AsSpan(HeadBytes));
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>The cursor, or the problem of one that is none or belongs to another query.</summary>
    public static Problem? TryParse(string text, out PageCursor cursor, params ReadOnlySpan<string> query)
    {
        cursor = default;
        Span<byte> bytes = stackalloc byte[TextCharactersMax];
        if (text.Length > TextCharactersMax || !Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out var length) || length < HeadBytes)
            return Problem.Query("cursor", "cursor.malformed", "This is not a cursor that a list answered.");
        // the text goes on to SQL, which takes neither: no cursor of ours has them
        if (!Utf8.IsValid(bytes[HeadBytes..length]) || bytes[HeadBytes..length].Contains((byte)0))
            return Problem.Query("cursor", "cursor.malformed", "This is not a cursor that a list answered.");
        Span<byte> hash = stackalloc byte[HashBytes];
        Hash(query, hash);
        if (!bytes[..HashBytes].SequenceEqual(hash))
            return Problem.Query("cursor", "cursor.mismatch", "This cursor belongs to another query: send it with the parameters of the page that answered it.");
        cursor = new PageCursor(
            BinaryPrimitives.ReadInt64BigEndian(bytes[HashBytes..]),
            BinaryPrimitives.ReadInt64BigEndian(bytes[(HashBytes + sizeof(long))..]),
            Encoding.UTF8.GetString(bytes[HeadBytes..length]));
        return null;
    }

    static void Hash(ReadOnlySpan<string> query, Span<byte> hash)
    {
        Span<byte> sha = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', query!)), sha);
        sha[..HashBytes].CopyTo(hash);
    }
}
