using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using Stele.Core.Faults;
using Stele.Core.Json;
using Stele.Core.Limits;

namespace Stele.Server.Identity;

/// <summary>
/// A compact JWS (RFC 7515, 7.1) taken apart and nothing believed: three parts of base64url without padding, of which two are
/// JSON objects in which no member stands twice.
/// </summary>
internal sealed class JwtText : IDisposable
{
    readonly JsonDocument header, claims;

    JwtText(JsonDocument header, JsonDocument claims, byte[] signed, byte[] signature) => (this.header, this.claims, Signed, Signature) = (header, claims, signed, signature);

    public JsonElement Header => header.RootElement;

    public JsonElement Claims => claims.RootElement;

    /// <summary>What the signature is over: the first two parts with their dot, as they came.</summary>
    public byte[] Signed { get; }

    public byte[] Signature { get; }

    /// <summary>Whether a credential has the form of a JWT, encrypted ones included. No other token of ours has two dots.</summary>
    public static bool HasForm(ReadOnlySpan<char> token) => token.Count('.') is 2 or 4;

    /// <summary>Takes it apart.</summary>
    public static bool TryParse(ReadOnlySpan<char> token, [NotNullWhen(true)] out JwtText? parsed, out JwtRefusal refusal)
    {
        (parsed, refusal) = (null, JwtRefusal.Malformed);
        Span<Range> parts = stackalloc Range[6];
        var count = token.Split(parts, '.');
        if (count == EncryptedParts) refusal = JwtRefusal.Encrypted;
        if (count != SignedParts) return false;
        if (Json(token[parts[0]]) is not { } header) return false;
        if (Json(token[parts[1]]) is not { } claims || Bytes(token[parts[2]]) is not { Length: > 0 } signature)
        {
            header.Dispose();
            return false;
        }
        parsed = new JwtText(header, claims, Ascii(token[..parts[1].End]), signature);
        return true;
    }

    /// <summary>A part's bytes, or null. One text for the same bytes: no padding, no white space, no bits that are left over.</summary>
    public static byte[]? Bytes(ReadOnlySpan<char> part)
    {
        if (part.IsEmpty || part.ContainsAnyExcept(Alphabet) || part.Length % 4 == 1) return null;
        var bytes = new byte[Base64Url.GetMaxDecodedLength(part.Length)];
        if (Base64Url.DecodeFromChars(part, bytes, out _, out var length) != OperationStatus.Done) return null;
        // a last character may differ in bits that mean nothing: then it is not what the issuer wrote
        Span<char> last = stackalloc char[4];
        var tail = length % 3;
        if (tail > 0 && Base64Url.EncodeToChars(bytes.AsSpan(length - tail, tail), last) is var written && !last[..written].SequenceEqual(part[^written..])) return null;
        return bytes.AsSpan(0, length).ToArray();
    }

    public void Dispose()
    {
        header.Dispose();
        claims.Dispose();
    }

    static byte[] Ascii(ReadOnlySpan<char> text)
    {
        var bytes = new byte[text.Length];
        Encoding.ASCII.GetBytes(text, bytes);
        return bytes;
    }

    // the strict reader first: what it lets through cannot make the other one throw
    static JsonDocument? Json(ReadOnlySpan<char> part)
    {
        var problems = new List<Problem>();
        if (Bytes(part) is not { } utf8 || !CanonicalJson.TryCanonicalize(utf8, "", problems, out var canonical) || CanonicalJson.KindOf(canonical) != JsonKind.Object) return null;
        return JsonDocument.Parse(canonical, new JsonDocumentOptions { MaxDepth = (int)SteleLimits.JsonDepth.Value + 1 });
    }

    const int SignedParts = 3, EncryptedParts = 5;

    static readonly SearchValues<char> Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}
